#include "coded_feed.h"

#include "jpeg_frame.h"

namespace camring::camcap {

CodedFeed::CodedFeed(Output& output, Codec codec, Size size, Rate rate,
                     std::span<const std::uint8_t> extradata)
    : output_(output), codec_(codec), size_(size), rate_(rate) {
  if (is_video(codec)) inspector_.emplace(codec, extradata);
}

void CodedFeed::put(std::span<const std::uint8_t> bytes, const FrameTiming& timing) {
  if (inspector_) {
    put_access_unit(bytes, timing);
  } else {
    put_jpeg(bytes, timing);
  }
}

void CodedFeed::put_jpeg(std::span<const std::uint8_t> bytes, FrameTiming timing) {
  const auto jpeg = find_jpeg(bytes);
  if (!jpeg) return output_.dropped(Drop::corrupt);
  if (jpeg->size != size_ || !started_) {
    size_ = jpeg->size;
    output_.configure(coded_format(codec_, size_, rate_));
    started_ = true;
  }
  timing.flags |= frame_flag::keyframe;
  if (jpeg->huffman_tables) return output_.publish({jpeg->bytes}, timing);
  output_.publish(
      {jpeg->bytes.first(jpeg->tables_at), usual_huffman_tables(), jpeg->bytes.subspan(jpeg->tables_at)},
      timing);
}

FrameFormat CodedFeed::format(Size size) const {
  FrameFormat format = coded_format(codec_, size, rate_);
  if (inspector_->extradata().size() <= kMaxExtradata) format.extradata = inspector_->extradata();
  return format;
}

void CodedFeed::put_access_unit(std::span<const std::uint8_t> bytes, FrameTiming timing) {
  const av::AccessUnit unit = inspector_->inspect(bytes);
  if (!unit.picture) {
    // Parameter sets alone were kept by the inspector and travel with the next keyframe.
    if (!unit.parameter_sets) output_.dropped(Drop::corrupt);
    return;
  }
  if (unit.keyframe) {
    if (inspector_->extradata().empty()) return output_.dropped(Drop::keyframe);
    output_.configure(format(inspector_->size().value_or(size_)));
    started_ = true;
    timing.flags |= frame_flag::keyframe;
  }
  if (!started_) return output_.dropped(Drop::keyframe);
  if (unit.keyframe && !unit.parameter_sets) return output_.publish({inspector_->extradata(), bytes}, timing);
  output_.publish({bytes}, timing);
}

}  // namespace camring::camcap
