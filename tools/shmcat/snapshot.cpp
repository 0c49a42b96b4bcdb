#include "snapshot.h"

#include <vector>

#include "app/write_file.h"
#include "av/image.h"
#include "av/jpeg.h"
#include "av/scaler.h"
#include "base/error.h"

namespace camring::shmcat {
namespace {

constexpr int kQuality = 92;

std::string ending(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos || path.find('/', dot) != std::string::npos ? "" : path.substr(dot);
}

bool is_jpeg(const std::string& path) { return ending(path) == ".jpg" || ending(path) == ".jpeg"; }

av::Image convert(const av::ImageView& picture, PixelFormat pixels, const Colour& colour) {
  av::Image image;
  image.reshape(pixels, picture.size, colour);
  av::Scaler scaler;
  if (!scaler.scale(picture, image.span())) throw Error(ExitCode::internal, "convert picture", "", "refused");
  return image;
}

std::vector<std::uint8_t> jpeg_of(const av::ImageView& picture) {
  const av::Image image = convert(picture, av::JpegEncoder::nearest(picture.pixel_format), av::jpeg_colour());
  av::JpegEncoder encoder(kQuality);
  const auto bytes = encoder.encode(image.view());
  if (bytes.empty()) throw Error(ExitCode::internal, "encode picture", "", "refused");
  return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> ppm_of(const av::ImageView& picture) {
  const av::Image image = convert(picture, PixelFormat::rgb24, {});
  const std::string head =
      "P6\n" + std::to_string(picture.size.width) + " " + std::to_string(picture.size.height) + "\n255\n";
  std::vector<std::uint8_t> out(head.begin(), head.end());
  const av::ImageView view = image.view();
  for (std::uint32_t row = 0; row < picture.size.height; ++row) {
    const std::uint8_t* begin = view.data[0] + static_cast<std::ptrdiff_t>(row) * view.stride_bytes[0];
    out.insert(out.end(), begin, begin + std::size_t{picture.size.width} * 3);
  }
  return out;
}

void write_picture(const std::string& path, std::span<const std::uint8_t> bytes) {
  app::write_file(path, bytes, "write snapshot");
}

}  // namespace

void check_snapshot_name(const std::string& path) {
  if (is_jpeg(path) || ending(path) == ".ppm" || ending(path) == ".raw") return;
  throw Error(ExitCode::usage, "write snapshot", "'" + path + "'",
              "its ending says no format that is known here", "use .jpg, .ppm or .raw");
}

void write_snapshot(const std::string& path, const FrameFormat& format,
                    std::span<const std::uint8_t> payload) {
  if (ending(path) == ".raw" || (format.codec == Codec::mjpeg && is_jpeg(path)))
    return write_picture(path, payload);
  av::Image decoded;
  av::ImageView picture;
  if (format.codec == Codec::raw) {
    picture = av::view_of(format, payload);
  } else if (format.codec == Codec::mjpeg) {
    av::JpegDecoder decoder;
    if (av::usable(decoder.decode(payload, {}, decoded))) picture = decoded.view();
  } else {
    throw Error(ExitCode::data, "write snapshot", path,
                "the ring holds " + describe(format) + ", no pictures",
                "take it from a ring that shmpub makes: --out NAME:mjpeg");
  }
  if (!picture) throw Error(ExitCode::data, "write snapshot", path, "the frame is damaged", "try again");
  write_picture(path, is_jpeg(path) ? jpeg_of(picture) : ppm_of(picture));
}

}  // namespace camring::shmcat
