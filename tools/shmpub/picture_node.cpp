#include "picture_node.h"

#include "base/clock.h"

namespace camring::shmpub {

void EncodeJob::prepare(const av::ImageView& picture, const Step& step, bool in_place) noexcept {
  picture_ = picture;
  step_ = &step;
  in_place_ = in_place;
}

void EncodeJob::run() {
  output_.encode(picture_, *step_->frame,
                 [this] { return !in_place_ || step_->source->still_valid(*step_->frame); });
}

void PictureNode::begin(const Step& step) noexcept {
  step_ = &step;
  raw_.clear();
  encoded_.clear();
}

void PictureNode::add(Output& output, EncodeJob& encoding) {
  if (output.way() == Output::Way::raw)
    raw_.push_back(&output);
  else
    encoded_.push_back({&output, &encoding});
}

bool PictureNode::make(const av::ImageSpan& target) {
  const std::int64_t start = monotonic_ns();
  const bool made = scaler_.scale(step_->picture, target) && step_->source->still_valid(*step_->frame);
  if (made) step_->overlay->draw(target, step_->frame->info.capture_ns);
  step_->scale_seconds->observe(static_cast<double>(monotonic_ns() - start) * 1e-9);
  return made;
}

void PictureNode::drop_all() noexcept {
  for (Output* output : raw_) output->drop(OutputDrop::overwritten, *step_->frame);
  for (const Encoding& encoding : encoded_) encoding.output->drop(OutputDrop::overwritten, *step_->frame);
}

// The picture in the first raw output's ring, from where the other outputs read it; empty when it was not
// made.
av::ImageView PictureNode::fill_raw() {
  av::ImageView made;
  for (Output* output : raw_) {
    const av::ImageSpan target = output->claim(*step_->frame);
    if (!target) continue;
    if (made) {
      av::copy_image(made, target);
    } else if (!make(target)) {
      drop_all();
      encoded_.clear();
      return {};
    } else {
      made = target.view();
    }
    output->commit(*step_->frame);
  }
  return made;
}

void PictureNode::run() {
  av::ImageView picture = fill_raw();
  if (encoded_.empty()) return;
  bool in_place = false;
  if (!picture) {
    const av::ImageSpan same{wish_.pixels, wish_.size, wish_.colour, {}, {}};
    in_place = !*step_->overlay && av::Scaler::copies(step_->picture, same);
    if (in_place) {
      picture = step_->picture;
    } else {
      image_.reshape(wish_.pixels, wish_.size, wish_.colour);
      if (!make(image_.span())) return drop_all();
      picture = image_.view();
    }
  }
  for (const Encoding& encoding : encoded_) encoding.job->prepare(picture, *step_, in_place);
  for (std::size_t i = 1; i < encoded_.size(); ++i) step_->workers->post(*encoded_[i].job);
  encoded_.front().job->run();
}

}  // namespace camring::shmpub
