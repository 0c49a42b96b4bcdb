#include "placeholder.h"

#include <algorithm>
#include <vector>

#include "av/jpeg.h"
#include "frame/text.h"

namespace camring::mjpegserve {
namespace {

constexpr std::uint8_t kInk = 230;
constexpr std::uint8_t kPaper = 40;
constexpr std::size_t kMaxPixels = 4096 * 2304;

// Words into lines of at most `columns` characters.
std::vector<std::string> wrap(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace

net::SharedBytes placeholder_jpeg(Size size, const std::string& title, const std::string& reason) {
  if (size.width < 16 || size.height < 16) size = {640, 360};
  // A damaged header may claim anything: a picture that stands in must not cost gigabytes.
  while (std::size_t{size.width} * size.height > kMaxPixels) {
    size = {std::max(16u, size.width / 2), std::max(16u, size.height / 2)};
  }
  std::vector<std::uint8_t> luma(std::size_t{size.width} * size.height, kPaper);
  const std::uint32_t scale = std::max(1u, std::min(size.width / 240, size.height / 90));
  const std::size_t columns = std::max<std::size_t>(8, size.width / (kGlyphWidth * scale) - 2);
  std::vector<std::string> lines = wrap(title, columns);
  lines.emplace_back();
  for (auto& line : wrap(reason, columns)) lines.push_back(std::move(line));
  const std::uint32_t height = static_cast<std::uint32_t>(lines.size()) * kGlyphHeight * scale;
  std::uint32_t y = size.height > height ? (size.height - height) / 2 : 0;
  for (const std::string& line : lines) {
    const Size extent = text_size(line, scale);
    const std::uint32_t x = size.width > extent.width ? (size.width - extent.width) / 2 : 0;
    draw_text(luma, size.width, size, x, y, line, {scale, kInk, kPaper, true});
    y += kGlyphHeight * scale;
  }
  av::ImageView view;
  view.pixel_format = PixelFormat::gray8;
  view.size = size;
  view.colour = av::jpeg_colour();
  view.data[0] = luma.data();
  view.stride_bytes[0] = static_cast<int>(size.width);
  av::JpegEncoder encoder(80);
  const auto bytes = encoder.encode(view);
  return std::make_shared<const std::vector<std::uint8_t>>(bytes.begin(), bytes.end());
}

}  // namespace camring::mjpegserve
