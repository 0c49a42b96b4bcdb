#include "pipeline.h"

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

constexpr std::size_t kMaxThreads = 4;

// The main thread works too.
std::size_t helpers() {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  return std::min(cores, kMaxThreads) - 1;
}

}  // namespace

const char* to_string(SourceDrop drop) noexcept {
  static constexpr std::array<const char*, kSourceDrops> kNames{"behind",    "overwritten", "corrupt",
                                                                "truncated", "unsupported", "same"};
  return kNames[static_cast<std::size_t>(drop)];
}

Pipeline::Pipeline(std::vector<std::unique_ptr<Output>> outputs, const std::string& source,
                   app::Metrics& metrics, PipelineOptions options)
    : outputs_(std::move(outputs)),
      options_(std::move(options)),
      damaged_total_(metrics.counter("frames_damaged_total",
                                     "Frames of the source that break their standard but were used.",
                                     {{"ring", source}})),
      decode_seconds_(
          metrics.histogram("stage_seconds", "Time that a frame spends in a stage.", {{"stage", "decode"}})),
      workers_(helpers()) {
  step_.workers = &workers_;
  step_.overlay = &options_.overlay;
  step_.scale_seconds =
      &metrics.histogram("stage_seconds", "Time that a frame spends in a stage.", {{"stage", "scale"}});
  for (std::size_t i = 0; i < kSourceDrops; ++i) {
    dropped_total_[i] =
        &metrics.counter("frames_dropped_total", "Frames that were due but did not reach the ring.",
                         {{"ring", source}, {"reason", to_string(static_cast<SourceDrop>(i))}});
  }
  for (const auto& output : outputs_) output->use(workers_);
  for (const auto& output : outputs_) encodings_.push_back(std::make_unique<EncodeJob>(*output));
  has_before_.resize(outputs_.size());
}

void Pipeline::follow(const FrameFormat& format) {
  video_.reset();
  inspector_.reset();
  if (is_video(format.codec)) {
    video_.emplace(format);
    inspector_.emplace(format.codec, format.extradata);
    learns_ = format.extradata.empty();
  }
  format_ = format;
  nodes_.clear();
  before_.clear();
  has_before_.assign(outputs_.size(), false);
  followed_ = format.size.width != 0 && format.size.height != 0;
  if (!followed_) return;
  for (const auto& output : outputs_) output->follow(format_);
}

// What a picture's own size is counts more than what the ring or pipe said of it, if anything. True: outputs
// changed.
bool Pipeline::adopt(Size size) {
  FrameFormat format = format_;
  format.size = size;
  return adopt(std::move(format));
}

bool Pipeline::adopt(FrameFormat format) {
  if (followed_ && format_ == format) return false;
  format_ = std::move(format);
  nodes_.clear();
  has_before_.assign(outputs_.size(), false);
  followed_ = true;
  for (const auto& output : outputs_) output->follow(format_);
  return true;
}

void Pipeline::process(Source& source, const SourceFrame& frame) {
  if (format_.codec == Codec::none) return;
  const std::int64_t start = monotonic_ns();
  run(source, frame);
  busy_ns_ += monotonic_ns() - start;
  ++frames_;
}

// A camera that repeats its last picture while it waits for light, a screen that nobody touches. Such a frame
// is left out by the outputs that published the one before; true: that is all of them.
bool Pipeline::same_as_before(const Source& source, const SourceFrame& frame) {
  if (options_.drop_same == 0) return false;
  const bool same = (frame.info.flags & (frame_flag::discontinuity | frame_flag::placeholder)) == 0 &&
                    before_.size() == frame.payload.size() &&
                    std::equal(before_.begin(), before_.end(), frame.payload.begin()) &&
                    source.still_valid(frame);
  if (!same || same_ >= options_.drop_same) {
    same_ = 0;
    has_before_.assign(outputs_.size(), false);
    if (!same) before_.assign(frame.payload.begin(), frame.payload.end());
    return false;
  }
  bool all = true;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const bool wanted = outputs_[i]->wanted();
    // Who has just come, or asks for a keyframe, gets the picture again.
    if (!wanted || (outputs_[i]->way() == Output::Way::encoded && outputs_[i]->wants_keyframe()))
      has_before_[i] = false;
    all = all && (has_before_[i] || !wanted);
  }
  if (all) ++same_;
  return all;
}

void Pipeline::run(Source& source, const SourceFrame& frame) {
  if (video_) return process_video(source, frame);
  if (same_as_before(source, frame)) return drop(SourceDrop::same);
  if (format_.codec == Codec::mjpeg && !av::jpeg_is_whole(frame.payload)) return drop(SourceDrop::truncated);
  if (!followed_ && (!decode_jpeg(frame) || !adopt(jpeg_.full_size()))) return;
  step(source, frame, {});
}

// What a pipe's header does not say, the stream's parameter sets do: at its start, and when they change.
void Pipeline::learn(const SourceFrame& frame) {
  if (!learns_ || (followed_ && !frame.info.keyframe())) return;
  (void)inspector_->inspect(frame.payload);
  const auto size = inspector_->size();
  if (!size || inspector_->extradata().empty()) return;
  FrameFormat format = format_;
  format.size = *size;
  format.extradata = inspector_->extradata();
  (void)adopt(std::move(format));
}

// So does the picture of its colours, where the source left them unsaid.
void Pipeline::learn(const av::ImageView& picture) {
  FrameFormat format = format_;
  format.size = picture.size;
  constexpr std::uint8_t kUnsaid = 2;  // of ITU-T H.273
  if (format.colour.range == 0) format.colour.range = picture.colour.range;
  if (format.colour.primaries == kUnsaid) format.colour.primaries = picture.colour.primaries;
  if (format.colour.transfer == kUnsaid) format.colour.transfer = picture.colour.transfer;
  if (format.colour.matrix == kUnsaid) format.colour.matrix = picture.colour.matrix;
  (void)adopt(std::move(format));
}

// Passed on at once and decoded only for who wants pictures.
void Pipeline::process_video(Source& source, const SourceFrame& frame) {
  learn(frame);
  bool pictures_wanted = false;
  for (const auto& output : outputs_) {
    if (output->way() != Output::Way::bytes)
      pictures_wanted |= output->wanted();
    else if (followed_)
      pass_on(*output, source, frame);
  }
  ran_ = ran_ || followed_;
  if (!pictures_wanted) {
    return video_->restart();
  }
  if (video_->waits_for_keyframe() && !frame.info.keyframe()) source.request_keyframe();
  const std::int64_t start = monotonic_ns();
  if (!video_->push(frame)) drop(SourceDrop::corrupt);
  take_pictures(source, start);
}

void Pipeline::take_pictures(Source& source, std::int64_t start_ns) {
  av::DecodedFrame decoded;
  while (video_->pull(decoded)) {
    decode_seconds_.observe(static_cast<double>(monotonic_ns() - start_ns) * 1e-9);
    if ((decoded.frame.info.flags & frame_flag::corrupt) != 0) damaged_total_.add();
    learn(decoded.picture);
    step(source, decoded.frame, decoded.picture);
  }
  drop(SourceDrop::unsupported, video_->take_unconvertible());
}

void Pipeline::finish(Source& source) {
  if (video_) {
    video_->finish();
    take_pictures(source, monotonic_ns());
    video_->restart();
  }
  for (const auto& output : outputs_) output->finish();
}

std::optional<std::int64_t> Pipeline::held_until() const {
  std::optional<std::int64_t> last;
  for (const auto& output : outputs_) last = std::max(last, output->held_until());
  return last;
}

void Pipeline::pass_on(Output& output, Source& source, const SourceFrame& frame) {
  if (!output.due(frame)) return;
  output.publish(source, frame);
  if (output.wants_source_keyframe()) source.request_keyframe();
}

void Pipeline::step(Source& source, const SourceFrame& frame, const av::ImageView& decoded) {
  ran_ = true;
  due_.clear();
  bool picture_wanted = false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const bool bytes = outputs_[i]->way() == Output::Way::bytes;
    if (bytes && decoded) continue;  // video was passed on before it was decoded
    if (has_before_[i] || !outputs_[i]->due(frame)) continue;
    due_.push_back(i);
    picture_wanted |= !bytes;
  }
  drops_before_.clear();
  for (const std::size_t i : due_) drops_before_.push_back(outputs_[i]->drops());
  marked_ = frame;
  av::ImageView picture = decoded;
  if (!picture && format_.codec == Codec::mjpeg && !picture_wanted && resized_jpeg(frame)) {
    if (!decode_jpeg(frame)) return;  // only a sound image's size is followed
    if (adopt(jpeg_.full_size())) return step(source, frame, {});
  }
  if (!picture && picture_wanted) picture = picture_of(frame);
  if (picture && format_.codec == Codec::mjpeg && adopt(jpeg_.full_size())) return step(source, frame, {});

  for (const std::size_t i : due_) {
    if (outputs_[i]->way() == Output::Way::bytes) outputs_[i]->publish(source, marked_);
  }
  if (picture && picture_wanted) run_nodes(source, marked_, picture);
  if (options_.drop_same == 0 || (picture_wanted && !picture)) return;
  for (std::size_t k = 0; k < due_.size(); ++k)
    has_before_[due_[k]] = outputs_[due_[k]]->drops() == drops_before_[k];
}

bool Pipeline::resized_jpeg(const SourceFrame& frame) const noexcept {
  const auto size = av::jpeg_size(frame.payload);
  return size && *size != format_.size;
}

av::ImageView Pipeline::picture_of(const SourceFrame& frame) {
  if (format_.codec == Codec::mjpeg) return decode_jpeg(frame);
  const av::ImageView picture = av::view_of(format_, frame.payload);
  if (!picture) drop(SourceDrop::corrupt);
  return picture;
}

av::ImageView Pipeline::decode_jpeg(const SourceFrame& frame) {
  const std::int64_t start = monotonic_ns();
  const av::JpegStatus status = jpeg_.decode(frame.payload, largest_wish(), jpeg_picture_);
  decode_seconds_.observe(static_cast<double>(monotonic_ns() - start) * 1e-9);
  switch (status) {
    case av::JpegStatus::damaged:
      // A header that was hit can say any size: nobody's outputs follow that.
      if (jpeg_.full_size() != format_.size) {
        drop(SourceDrop::corrupt);
        return {};
      }
      marked_.info.flags |= frame_flag::corrupt;
      [[fallthrough]];
    case av::JpegStatus::warning:
      damaged_total_.add();
      [[fallthrough]];
    case av::JpegStatus::ok:
      return jpeg_picture_.view();
    case av::JpegStatus::truncated:
      drop(SourceDrop::truncated);
      break;
    case av::JpegStatus::corrupt:
      drop(SourceDrop::corrupt);
      break;
    case av::JpegStatus::unsupported:
      drop(SourceDrop::unsupported);
      break;
  }
  return {};
}

// Of all outputs that need pictures, due or not: a decoder that shrinks for some frames and not for others
// would show.
Size Pipeline::largest_wish() const noexcept {
  Size largest;
  if (!followed_) return largest;
  for (const auto& output : outputs_) {
    if (output->way() == Output::Way::bytes) continue;
    largest.width = std::max(largest.width, output->size().width);
    largest.height = std::max(largest.height, output->size().height);
  }
  return largest;
}

PictureNode& Pipeline::node_for(const PictureWish& wish) {
  for (const auto& node : nodes_) {
    if (node->wish() == wish) return *node;
  }
  return *nodes_.emplace_back(std::make_unique<PictureNode>(wish));
}

void Pipeline::run_nodes(Source& source, const SourceFrame& frame, const av::ImageView& picture) {
  step_.source = &source;
  step_.frame = &frame;
  step_.picture = picture;
  for (const auto& node : nodes_) node->begin(step_);
  for (const std::size_t i : due_) {
    if (outputs_[i]->way() == Output::Way::bytes) continue;
    PictureNode& node = node_for(outputs_[i]->wish(picture));
    if (!node.used()) node.begin(step_);
    node.add(*outputs_[i], *encodings_[i]);
  }
  // One node runs here, the others wherever there is a thread; what they post is done when wait() returns.
  PictureNode* own = nullptr;
  for (const auto& node : nodes_) {
    if (!node->used()) continue;
    if (own != nullptr)
      workers_.post(*node);
    else
      own = node.get();
  }
  std::exception_ptr failure;
  try {
    own->run();
  } catch (...) {
    failure = std::current_exception();
  }
  workers_.wait();
  if (failure) std::rethrow_exception(failure);
}

void Pipeline::drop(SourceDrop reason, std::uint64_t count) noexcept {
  dropped_total_[static_cast<std::size_t>(reason)]->add(count);
}

void Pipeline::count(const SourceLosses& losses) noexcept {
  drop(SourceDrop::behind, losses.behind - counted_.behind);
  drop(SourceDrop::overwritten, losses.overwritten - counted_.overwritten);
  drop(SourceDrop::corrupt, losses.corrupt - counted_.corrupt);
  counted_ = losses;
}

std::uint64_t Pipeline::source_drops(SourceDrop reason) const noexcept {
  return dropped_total_[static_cast<std::size_t>(reason)]->value();
}

std::uint64_t Pipeline::source_drops() const noexcept {
  std::uint64_t sum = 0;
  for (const app::Counter* counter : dropped_total_) sum += counter->value();
  return sum;
}

bool Pipeline::wanted() const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const auto& output) { return output->wanted(); });
}

void Pipeline::beat() noexcept {
  for (const auto& output : outputs_) output->beat();
}

void Pipeline::set_signal(bool present) noexcept {
  for (const auto& output : outputs_) output->set_signal(present);
}

}  // namespace camring::shmpub
