// Another program's video on a pipe: y4m, MJPEG, H.264 or HEVC, told apart by their first bytes. Never waits
// past a stop, and never for more of the stream than a frame needs.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "av/ffmpeg_ptr.h"
#include "av/jpeg_splitter.h"

namespace camring::av {

/// One thread.
class VideoPipe {
 public:
  /// @param fd       a readable descriptor, not owned; no terminal
  /// @param stop_fd  becomes and stays readable when reading is to end
  /// @param reader   what the pipe leads to, for advice: "camcap - cam0"
  /// @param waiting  called several times a second and before each read; may be empty; what it throws comes
  ///   out of open() and read()
  /// @throws Error (usage) when `fd` is a terminal.
  VideoPipe(int fd, int stop_fd, const std::string& reader, std::function<void()> waiting = {});
  VideoPipe(const VideoPipe&) = delete;
  VideoPipe& operator=(const VideoPipe&) = delete;

  /// Waits for the stream's begin. False on a stop. @throws Error (data) when it is no video that is known.
  [[nodiscard]] bool open();
  /// The next frame; 0, or an FFmpeg error: AVERROR_EOF at the end, AVERROR_EXIT on a stop.
  [[nodiscard]] int read(AVPacket& packet);

  /// Once open: the video's parameters; of MJPEG, which tells them in each image, the codec alone.
  [[nodiscard]] const AVStream& stream() const noexcept { return *context_->streams[0]; }
  /// Whether frames have times; elementary streams have none.
  [[nodiscard]] bool has_times() const noexcept { return has_times_; }
  [[nodiscard]] const std::string& advice() const noexcept { return advice_; }

 private:
  static int read_more(void* self, std::uint8_t* buffer, int bytes) noexcept;
  void rethrow();
  [[nodiscard]] int read_pipe(std::uint8_t* buffer, int bytes);
  [[nodiscard]] int take(std::uint8_t* buffer, int bytes);
  [[nodiscard]] bool read_head();
  [[nodiscard]] std::string formats() const;
  [[nodiscard]] int read_jpeg(AVPacket& packet);
  void open_jpegs();

  int fd_, stop_fd_;
  std::string advice_;
  std::function<void()> waiting_;
  std::vector<std::uint8_t> head_;  // the stream's first bytes, until they were read once more
  IoPtr io_;
  InputPtr context_;  // uses io_: declared behind it, gone before it
  JpegSplitter jpegs_;
  bool split_ = false, has_times_ = false;
  std::exception_ptr thrown_;  // by waiting_, inside libavformat
};

}  // namespace camring::av
