#include "av/video_decoder.h"

#include <algorithm>
#include <cstring>

#include "av/convert.h"

namespace camring::av {
namespace {

// More frames inside a decoder than any profile reorders are lost ones.
constexpr std::size_t kMaxCarried = 64;
// H.264 and HEVC hold back at most so many (max_num_reorder_frames, sps_max_num_reorder_pics).
constexpr std::int64_t kMaxReorder = 16;

}  // namespace

VideoDecoder::VideoDecoder(const FrameFormat& format) {
  const std::string name(to_string(format.codec));
  const AVCodec* codec = avcodec_find_decoder(to_av(format.codec));
  if (codec == nullptr) {
    throw Error(ExitCode::unavailable, "open a decoder", name, "this FFmpeg has none",
                "install the full libavcodec");
  }
  context_.reset(avcodec_alloc_context3(codec));
  if (!context_) throw std::bad_alloc();
  // Slices may be decoded side by side; frames may not: that would hold each back by as many frames as
  // threads.
  context_->thread_type = FF_THREAD_SLICE;
  context_->thread_count = 0;
  context_->flags |= AV_CODEC_FLAG_LOW_DELAY;
  context_->pkt_timebase = {1, 1};
  if (!format.extradata.empty()) {
    const std::size_t bytes = format.extradata.size();
    context_->extradata = static_cast<std::uint8_t*>(av_mallocz(bytes + AV_INPUT_BUFFER_PADDING_SIZE));
    if (context_->extradata == nullptr) throw std::bad_alloc();
    std::memcpy(context_->extradata, format.extradata.data(), bytes);
    context_->extradata_size = static_cast<int>(bytes);
  }
  av_call(avcodec_open2(context_.get(), codec, nullptr), "open a decoder", name);
}

void VideoDecoder::restart() noexcept {
  if (!started_) return;
  started_ = false;
  carried_.clear();
  avcodec_flush_buffers(context_.get());
}

bool VideoDecoder::push(const FrameRef& frame) {
  if (!started_ && !frame.info.keyframe()) return true;
  started_ = true;
  if (av_new_packet(packet_.get(), static_cast<int>(frame.payload.size())) < 0) throw std::bad_alloc();
  std::copy(frame.payload.begin(), frame.payload.end(), packet_->data);
  packet_->pts = packet_->dts = next_key_;
  if (frame.info.keyframe()) packet_->flags |= AV_PKT_FLAG_KEY;
  carried_.push_back({next_key_++, frame, std::string(frame.metadata)});
  carried_.back().frame.payload = {};
  if (carried_.size() > kMaxCarried) carried_.pop_front();
  const int result = avcodec_send_packet(context_.get(), packet_.get());
  av_packet_unref(packet_.get());
  return result >= 0;
}

void VideoDecoder::finish() noexcept {
  if (started_) (void)avcodec_send_packet(context_.get(), nullptr);
}

// Frames that went in before this one and whose pictures never came out. Their identities must not be handed
// to later pictures, or those would be late for ever.
void VideoDecoder::forget_lost(std::int64_t own_key) noexcept {
  const std::int64_t depth = context_->has_b_frames == 0 ? 0 : kMaxReorder;
  while (!carried_.empty() && carried_.front().key < own_key - depth) carried_.pop_front();
}

// The picture at `own` is shown next: it gets the smallest number and the earliest times that are there, and
// the frames that had them get its own.
void VideoDecoder::put_in_order(Position own) noexcept {
  const auto first = std::min_element(carried_.begin(), carried_.end(), [](const auto& a, const auto& b) {
    return a.frame.info.number < b.frame.info.number;
  });
  std::swap(first->frame.info.number, own->frame.info.number);
  std::swap(first->frame.info.source_number, own->frame.info.source_number);
  const auto earliest = std::min_element(carried_.begin(), carried_.end(), [](const auto& a, const auto& b) {
    return a.frame.timeline_ns < b.frame.timeline_ns;
  });
  std::swap(earliest->frame.timeline_ns, own->frame.timeline_ns);
  std::swap(earliest->frame.info.publish_ns, own->frame.info.publish_ns);
  std::swap(earliest->frame.info.capture_ns, own->frame.info.capture_ns);
  std::swap(earliest->frame.info.source_capture_ns, own->frame.info.source_capture_ns);
}

bool VideoDecoder::pull(DecodedFrame& out) {
  while (avcodec_receive_frame(context_.get(), frame_.get()) >= 0) {
    forget_lost(frame_->pts);
    const auto found = std::find_if(carried_.begin(), carried_.end(),
                                    [&](const Carried& carried) { return carried.key == frame_->pts; });
    if (found == carried_.end()) continue;
    put_in_order(found);
    out.picture = eight_bit_.view(*frame_);
    out.frame = found->frame;
    metadata_ = std::move(found->metadata);
    out.frame.metadata = metadata_;
    carried_.erase(found);
    if (!out.picture) {
      ++unconvertible_;
      continue;
    }
    const bool damaged = frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0;
    if (damaged) out.frame.info.flags |= frame_flag::corrupt;
    return true;
  }
  return false;
}

}  // namespace camring::av
