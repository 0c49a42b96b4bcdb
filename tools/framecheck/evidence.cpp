#include "evidence.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "app/write_file.h"
#include "av/jpeg.h"
#include "av/scaler.h"
#include "base/error.h"

namespace camring::framecheck {
namespace {

constexpr int kQuality = 92;

std::string stamp(std::int64_t wall_ns) {
  const std::time_t seconds = wall_ns / 1'000'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> day{};
  std::array<char, 64> text{};
  std::strftime(day.data(), day.size(), "%Y%m%dT%H%M%S", &parts);
  std::snprintf(text.data(), text.size(), "%s.%03uZ", day.data(),
                static_cast<unsigned>(wall_ns / 1'000'000 % 1000) & 1023U);
  return text.data();
}

// A file's name of the subject: of "/tmp/shot.jpg" only "shot.jpg", and nothing that a shell minds.
std::string file_part(const std::string& subject) {
  std::string name = subject.substr(subject.rfind('/') + 1);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c == 127; }, '_');
  return name == "-" ? "stdin" : name;
}

}  // namespace

std::string save_evidence(const std::string& directory, const std::string& subject,
                          const av::ImageView& picture, const Verdict& verdict, std::int64_t wall_ns) {
  av::Image image;
  image.reshape(av::JpegEncoder::nearest(picture.pixel_format), picture.size, av::jpeg_colour());
  av::Scaler scaler;
  av::JpegEncoder encoder(kQuality);
  if (!scaler.scale(picture, image.span()))
    throw Error(ExitCode::internal, "save evidence", subject, "refused");
  const auto bytes = encoder.encode(image.view());
  if (bytes.empty()) throw Error(ExitCode::internal, "save evidence", subject, "the picture can't be a JPEG");
  const std::string check = verdict.reasons.empty() ? "ok" : verdict.reasons.front().check;
  const std::string path = directory + "/" + file_part(subject) + "-" + stamp(wall_ns) + "-" + check + ".jpg";
  app::write_file(path, bytes, "save evidence");
  return path;
}

}  // namespace camring::framecheck
