// One node of the graph: the picture in one size and pixel format, made once and shared by all outputs that
// want it.
#pragma once

#include <vector>

#include "av/image.h"
#include "av/scaler.h"
#include "output.h"
#include "overlay.h"
#include "workers.h"

namespace camring::shmpub {

/// What all nodes need of the frame at hand.
struct Step {
  const Source* source = nullptr;
  const SourceFrame* frame = nullptr;
  av::ImageView picture;  ///< decoded, or in place in the source's ring
  Workers* workers = nullptr;
  const Overlay* overlay = nullptr;  ///< drawn into every picture that is made
  app::Histogram* scale_seconds = nullptr;
};

/// One output's encoding as a job.
class EncodeJob final : public Job {
 public:
  explicit EncodeJob(Output& output) : output_(output) {}
  void prepare(const av::ImageView& picture, const Step& step, bool in_place) noexcept;
  void run() override;

 private:
  Output& output_;
  av::ImageView picture_;
  const Step* step_ = nullptr;
  bool in_place_ = false;  // the picture is the source's: ask whether it held until the end
};

/// Makes its picture, fills raw outputs with it, then has encoders work on it. Where raw outputs want the
/// same picture it is made straight in the ring of the first.
class PictureNode final : public Job {
 public:
  explicit PictureNode(const PictureWish& wish) : wish_(wish) {}
  [[nodiscard]] const PictureWish& wish() const noexcept { return wish_; }

  void begin(const Step& step) noexcept;
  void add(Output& output, EncodeJob& encoding);
  [[nodiscard]] bool used() const noexcept { return !raw_.empty() || !encoded_.empty(); }
  void run() override;

 private:
  struct Encoding {
    Output* output;
    EncodeJob* job;
  };
  [[nodiscard]] bool make(const av::ImageSpan& target);
  [[nodiscard]] av::ImageView fill_raw();
  void drop_all() noexcept;

  PictureWish wish_;
  const Step* step_ = nullptr;
  std::vector<Output*> raw_;
  std::vector<Encoding> encoded_;
  av::Scaler scaler_;
  av::Image image_;
};

}  // namespace camring::shmpub
