// Everything that libavformat opens: files, network streams, and video on stdin. Compressed frames that rings
// carry pass untouched; the rest is decoded.
#pragma once

#include <memory>

#include "app/log.h"
#include "av/ffmpeg_ptr.h"
#include "av/scaler.h"
#include "coded_feed.h"
#include "media_clock.h"
#include "media_input.h"
#include "source.h"

namespace camring::camcap {

/// A file plays at its own pace and, if told to, again and again; a network stream that is lost is connected
/// to again, for ever; stdin is taken as it comes.
class MediaSource final : public Source {
 public:
  MediaSource(SourceSpec spec, const Options& options);

  /// @throws Error: no_input (no such file), data (nothing that can be shown in it), no_permission, temporary
  /// (a stream
  ///   was lost and that shall end the tool), system (no room for the ring).
  void run(Output& output, const app::Stop& stop) override;

 private:
  enum class End { finished, lost, silent, stopped };
  [[nodiscard]] End play(MediaInput& input, Output& output, const app::Stop& stop);
  void prepare(const MediaInput& input, Output& output);
  [[nodiscard]] bool take(AVPacket& packet, const MediaInput& input, Output& output, const app::Stop& stop);
  [[nodiscard]] bool feed_coded(AVPacket& packet, const MediaInput& input, Output& output,
                                const app::Stop& stop);
  [[nodiscard]] bool decode(AVPacket* packet, const MediaInput& input, Output& output, const app::Stop& stop);
  [[nodiscard]] av::ImageView carried(const AVFrame& frame);
  void put_picture(const AVFrame& frame, const MediaInput& input, Output& output, const FrameTiming& timing);
  void run_network(Output& output, const app::Stop& stop);

  SourceSpec spec_;
  const Options& options_;
  MediaClock clock_;
  std::unique_ptr<CodedFeed> coded_;
  av::BsfPtr annexb_;
  av::CodecPtr decoder_;
  av::FramePtr frame_ = av::make_frame();
  av::PacketPtr filtered_ = av::make_packet();
  av::FramePtr converted_ = av::make_frame();
  av::SwsPtr to_carried_;
  av::Scaler scaler_;
  app::RepeatingFault lost_;
};

}  // namespace camring::camcap
