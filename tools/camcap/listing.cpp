#include "listing.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/log.h"
#include "base/error.h"
#include "v4l2_device.h"

namespace camring::camcap {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

// A driver's strings may hold anything; bad UTF-8 becomes U+FFFD.
void print_json(const Json& object) {
  std::puts(object.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

// Columns as wide as their widest cell, the first row is the heading.
void print_table(const Rows& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] + 2 - row[i].size(), ' ');
    }
    std::puts(line.c_str());
  }
}

}  // namespace

ExitCode list_devices(bool json) {
  Rows rows{{"DEVICE", "CARD", "DRIVER", "BUS"}};
  for (const std::string& path : video_nodes()) {
    try {
      const V4l2Identity camera = V4l2Device(path).identity();
      if (json) {
        print_json({{"device", camera.device},
                    {"card", camera.card},
                    {"driver", camera.driver},
                    {"bus", camera.bus}});
      }
      rows.push_back({camera.device, camera.card, camera.driver, camera.bus});
    } catch (const Error& error) {
      // Nodes for metadata and codecs are no cameras; one that is locked to us is worth a word.
      if (error.code() == ExitCode::data) {
        app::log_debug(error.what());
      } else {
        app::log_warning(error.what());
      }
    }
  }
  if (!json && rows.size() > 1) print_table(rows);
  if (rows.size() == 1) app::log_info("no camera found; plug one in, or use test: as the source");
  return ExitCode::ok;
}

ExitCode list_formats(const std::string& device, bool json) {
  const auto modes = V4l2Device(device).modes();
  Rows rows{{"FOURCC", "WIDTH", "HEIGHT", "FPS"}};
  // One line for each format and size, with all its rates: the driver lists them one behind the other.
  for (std::size_t i = 0; i < modes.size();) {
    const V4l2Mode& first = modes[i];
    Json rates = Json::array();
    std::string text;
    for (; i < modes.size() && modes[i].fourcc == first.fourcc && modes[i].size == first.size; ++i) {
      if (modes[i].rate.num == 0) continue;
      rates.push_back(modes[i].rate.fps());
      text += (text.empty() ? "" : " ") + to_string(modes[i].rate);
    }
    const std::string fourcc = fourcc_text(first.fourcc);
    if (json) {
      print_json(
          {{"fourcc", fourcc}, {"width", first.size.width}, {"height", first.size.height}, {"fps", rates}});
    }
    rows.push_back({fourcc, std::to_string(first.size.width), std::to_string(first.size.height),
                    text.empty() ? "?" : text});
  }
  if (!json) print_table(rows);
  return ExitCode::ok;
}

}  // namespace camring::camcap
