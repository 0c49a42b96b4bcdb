#include "container.h"

#include <algorithm>
#include <array>
#include <utility>

#include "av/bitstream.h"
#include "av/image.h"
#include "av/scaler.h"
#include "base/error.h"

namespace camring::shmcat {
namespace {

constexpr std::array<std::pair<std::string_view, ContainerKind>, 6> kNames{{{"y4m", ContainerKind::y4m},
                                                                            {"raw", ContainerKind::raw},
                                                                            {"mjpeg", ContainerKind::mjpeg},
                                                                            {"h264", ContainerKind::h264},
                                                                            {"hevc", ContainerKind::hevc},
                                                                            {"nut", ContainerKind::nut}}};

void append(std::vector<std::uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}
void append(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The frames' bytes as they are. A new size or coding in mid-stream is the reader's business where it can see
// it.
class AsIs final : public Container {
 public:
  explicit AsIs(bool one_format) : one_format_(one_format) {}
  void format(const FrameFormat& format) override {
    if (one_format_ && seen_ && *seen_ != format) {
      throw Error(ExitCode::data, "write raw frames", describe(format),
                  "the ring's format changed in mid-stream",
                  "start shmcat again, or let shmpub make a ring of one size");
    }
    seen_ = format;
  }
  void frame(const FrameInfo&, std::span<const std::uint8_t> payload,
             std::vector<std::uint8_t>& out) override {
    append(out, payload);
  }

 private:
  bool one_format_;
  std::optional<FrameFormat> seen_;
};

// H.264 and HEVC: each keyframe carries its parameter sets, so that a decoder can begin anywhere.
class AnnexB final : public Container {
 public:
  void format(const FrameFormat& format) override { format_ = format; }
  void frame(const FrameInfo& info, std::span<const std::uint8_t> payload,
             std::vector<std::uint8_t>& out) override {
    if (info.keyframe() && !begins_with_parameter_sets(payload)) append(out, format_.extradata);
    append(out, payload);
  }

 private:
  [[nodiscard]] bool begins_with_parameter_sets(std::span<const std::uint8_t> payload) const {
    for (;;) {
      const av::NalUnit nal = av::next_nal(payload);
      if (nal.empty() || av::is_slice(format_.codec, nal)) return false;
      if (av::is_parameter_set(format_.codec, nal)) return true;
    }
  }
  FrameFormat format_;
};

// YUV4MPEG2 (yuv4mpeg(5) of mjpegtools): planar pictures of one size behind a line of text.
class Y4m final : public Container {
 public:
  void format(const FrameFormat& format) override {
    if (begun_ && (format.size != source_.size || planar(format.pixel_format) != planar_)) {
      throw Error(ExitCode::data, "write y4m", describe(format), "the ring's format changed, and y4m can't",
                  "start shmcat again, or let shmpub make a ring of one size");
    }
    source_ = format;
    planar_ = planar(format.pixel_format);
  }

  void frame(const FrameInfo&, std::span<const std::uint8_t> payload,
             std::vector<std::uint8_t>& out) override {
    const av::ImageView picture = av::view_of(source_, payload);
    if (!picture) return;
    if (!begun_) {
      colour_ = source_.colour;
      append(out, head());
    }
    begun_ = true;
    append(out, std::string_view("FRAME\n"));
    FrameFormat tight = raw_format(planar_, source_.size);
    tight.colour = colour_;  // what the head said, whatever the ring says by now
    const std::size_t at = out.size();
    out.resize(at + tight.raw_bytes());
    const av::ImageSpan target = av::span_of(tight, std::span(out).subspan(at));
    if (!scaler_.scale(picture, target)) out.resize(at - 6);
  }

 private:
  static PixelFormat planar(PixelFormat pixels) {
    switch (pixels) {
      case PixelFormat::i420:
      case PixelFormat::i422:
      case PixelFormat::i444:
      case PixelFormat::gray8:
        return pixels;
      case PixelFormat::yuyv:
      case PixelFormat::uyvy:
        return PixelFormat::i422;
      default:
        return PixelFormat::i420;
    }
  }

  [[nodiscard]] std::string head() const {
    const Rate rate = source_.rate.num != 0 ? source_.rate : Rate{25, 1};
    std::string text = "YUV4MPEG2 W" + std::to_string(source_.size.width) + " H" +
                       std::to_string(source_.size.height) + " F" + std::to_string(rate.num) + ":" +
                       std::to_string(rate.den) + " Ip A1:1 ";
    switch (planar_) {
      case PixelFormat::i422:
        text += "C422";
        break;
      case PixelFormat::i444:
        text += "C444";
        break;
      case PixelFormat::gray8:
        text += "Cmono";
        break;
      default:
        text += "C420jpeg";
        break;
    }
    return text +
           (av::full_range(planar_, source_.colour) ? " XCOLORRANGE=FULL\n" : " XCOLORRANGE=LIMITED\n");
  }

  FrameFormat source_;
  PixelFormat planar_ = PixelFormat::i420;
  Colour colour_;
  bool begun_ = false;
  av::Scaler scaler_;
};

ContainerKind natural(Codec codec) {
  switch (codec) {
    case Codec::mjpeg:
      return ContainerKind::mjpeg;
    case Codec::h264:
      return ContainerKind::h264;
    case Codec::hevc:
      return ContainerKind::hevc;
    default:
      return ContainerKind::y4m;
  }
}

}  // namespace

std::optional<ContainerKind> container_from(std::string_view name) noexcept {
  for (const auto& [text, kind] : kNames) {
    if (text == name) return kind;
  }
  return std::nullopt;
}

std::unique_ptr<Container> make_container(ContainerKind kind, const FrameFormat& format) {
  const ContainerKind own = natural(format.codec);
  if (kind == ContainerKind::natural) kind = own;
  if (kind == ContainerKind::nut) return make_nut();
  if (kind == ContainerKind::raw) return std::make_unique<AsIs>(true);
  if (kind != own) {
    throw Error(ExitCode::usage, "write ring", describe(format), "its frames are not of the wished --format",
                "leave --format out, or let shmpub make a ring of that kind");
  }
  if (kind == ContainerKind::y4m) return std::make_unique<Y4m>();
  if (kind == ContainerKind::mjpeg) return std::make_unique<AsIs>(false);
  return std::make_unique<AnnexB>();
}

}  // namespace camring::shmcat
