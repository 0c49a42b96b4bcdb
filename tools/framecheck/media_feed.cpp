#include "media_feed.h"

#include <sys/stat.h>

#include <cerrno>

#include "av/convert.h"

namespace camring::framecheck {

MediaFeed::MediaFeed(const std::string& path) {
  const bool standard_input = path == "-";
  struct stat status {};
  if (!standard_input && ::stat(path.c_str(), &status) != 0) throw system_error(errno, "read picture", path);
  if (!standard_input && S_ISDIR(status.st_mode))
    throw Error(ExitCode::no_input, "read picture", path, "it is a directory", "name a file");
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", standard_input ? "pipe" : "file", 0);
  AVFormatContext* raw = nullptr;
  const int opened =
      avformat_open_input(&raw, (standard_input ? "pipe:0" : "file:" + path).c_str(), nullptr, &options);
  av_dict_free(&options);
  input_.reset(raw);
  if (opened == AVERROR(EACCES)) throw system_error(EACCES, "read picture", path);
  const auto refuse = [&](const std::string& reason) {
    return Error(ExitCode::data, "read picture", path, reason, "is it an image or a video?");
  };
  if (opened < 0) throw refuse("it is of no known format");
  if (avformat_find_stream_info(input_.get(), nullptr) < 0) throw refuse("it holds nothing that can be read");
  const AVCodec* decoder = nullptr;
  stream_ = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
  if (stream_ < 0 || decoder == nullptr) throw refuse("it holds no picture that can be decoded");
  codec_.reset(avcodec_alloc_context3(decoder));
  if (!codec_) throw std::bad_alloc();
  const AVStream& stream = *input_->streams[stream_];
  if (avcodec_parameters_to_context(codec_.get(), stream.codecpar) < 0 ||
      avcodec_open2(codec_.get(), decoder, nullptr) < 0)
    throw refuse("its decoder does not open");
}

// The frame as a picture that we know; formats that rings don't carry become RGB.
bool MediaFeed::take() {
  const AVStream& stream = *input_->streams[stream_];
  ++info_.number;
  const std::int64_t pts = frame_->best_effort_timestamp;
  const AVRational rate = stream.avg_frame_rate;
  if (pts != AV_NOPTS_VALUE)
    info_.capture_ns = av_rescale_q(pts, stream.time_base, {1, 1'000'000'000});
  else
    info_.capture_ns += rate.num > 0 ? 1'000'000'000LL * rate.den / rate.num : 40'000'000;
  picture_ = av::view_of(*frame_);
  if (picture_) return true;
  to_rgb_.reset(sws_getContext(frame_->width, frame_->height, static_cast<AVPixelFormat>(frame_->format),
                               frame_->width, frame_->height, AV_PIX_FMT_RGB24, SWS_POINT, nullptr, nullptr,
                               nullptr));
  if (!to_rgb_) return false;
  const Size size{static_cast<std::uint32_t>(frame_->width), static_cast<std::uint32_t>(frame_->height)};
  converted_.reshape(PixelFormat::rgb24, size, {});
  const av::ImageSpan& to = converted_.span();
  if (sws_scale(to_rgb_.get(), frame_->data, frame_->linesize, 0, frame_->height, to.data.data(),
                to.stride_bytes.data()) <= 0)
    return false;
  picture_ = converted_.view();
  return true;
}

bool MediaFeed::next() {
  for (;;) {
    const int result = avcodec_receive_frame(codec_.get(), frame_.get());
    if (result >= 0) {
      if (take()) return true;
      continue;
    }
    if (result != AVERROR(EAGAIN) || draining_) return false;
    if (av_read_frame(input_.get(), packet_.get()) < 0) {
      draining_ = true;
      if (avcodec_send_packet(codec_.get(), nullptr) < 0) return false;
      continue;
    }
    // A packet that can't be decoded is the camera's, not ours: the next may do.
    if (packet_->stream_index == stream_) (void)avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
  }
}

}  // namespace camring::framecheck
