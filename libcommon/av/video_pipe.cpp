#include "av/video_pipe.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace camring::av {
namespace {

constexpr int kBufferBytes = 1 << 16;
constexpr int kLookMs = 100;
constexpr std::size_t kHeadBytes = 10;

}  // namespace

VideoPipe::VideoPipe(int fd, int stop_fd, const std::string& reader, std::function<void()> waiting)
    : fd_(fd),
      stop_fd_(stop_fd),
      advice_("pipe y4m, MJPEG, H.264 or HEVC into it, e.g. ffmpeg -i IN -f yuv4mpegpipe - | " + reader),
      waiting_(std::move(waiting)) {
  if (::isatty(fd) == 1) throw Error(ExitCode::usage, "read stdin", "", "it is a terminal", advice_);
}

int VideoPipe::read_pipe(std::uint8_t* buffer, int bytes) {
  for (;;) {
    std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), kLookMs);
    if (ready > 0 && fds[1].revents != 0) return AVERROR_EXIT;
    if (waiting_) waiting_();
    if (ready <= 0 || fds[0].revents == 0) continue;
    const ssize_t got = ::read(fd_, buffer, static_cast<std::size_t>(bytes));
    if (got > 0) return static_cast<int>(got);
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR && errno != EAGAIN) return AVERROR(errno);
  }
}

// What was looked at first comes first.
int VideoPipe::take(std::uint8_t* buffer, int bytes) {
  if (head_.empty()) return read_pipe(buffer, bytes);
  const std::size_t count = std::min(head_.size(), static_cast<std::size_t>(bytes));
  std::copy_n(head_.begin(), count, buffer);
  head_.erase(head_.begin(), head_.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<int>(count);
}

int VideoPipe::read_more(void* self, std::uint8_t* buffer, int bytes) noexcept {
  auto& pipe = *static_cast<VideoPipe*>(self);
  try {
    return pipe.take(buffer, bytes);
  } catch (...) {  // nothing may be thrown through libavformat: on its other side it goes on
    pipe.thrown_ = std::current_exception();
    return AVERROR_EXTERNAL;
  }
}

void VideoPipe::rethrow() {
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

// False on a stop.
bool VideoPipe::read_head() {
  while (head_.size() < kHeadBytes) {
    std::array<std::uint8_t, kHeadBytes> some{};
    const int got = read_pipe(some.data(), static_cast<int>(kHeadBytes - head_.size()));
    if (got == AVERROR_EXIT) return false;
    if (got < 0) break;
    head_.insert(head_.end(), some.begin(), some.begin() + got);
  }
  return true;
}

// Of JPEG images libavformat would take any stream for a list of files; the two video codecs it can tell
// apart.
std::string VideoPipe::formats() const {
  const std::string_view head(reinterpret_cast<const char*>(head_.data()), head_.size());
  using namespace std::string_view_literals;
  if (head.starts_with("YUV4MPEG2")) return "yuv4mpegpipe";
  if (head.starts_with("\xff\xd8\xff"sv)) return "mjpeg";
  if (head.starts_with("\0\0\1"sv) || head.starts_with("\0\0\0\1"sv)) return "h264,hevc";
  throw Error(ExitCode::data, "read stdin", "", head.empty() ? "it is empty" : "no video that is known here",
              advice_);
}

// libavformat's parser gives an image when the next begins: images are cut apart here.
void VideoPipe::open_jpegs() {
  split_ = true;
  context_.reset(avformat_alloc_context());
  AVStream* stream = context_ ? avformat_new_stream(context_.get(), nullptr) : nullptr;
  if (stream == nullptr) throw std::bad_alloc();
  stream->time_base = {1, 1'000'000};
  stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
  stream->codecpar->codec_id = AV_CODEC_ID_MJPEG;
}

bool VideoPipe::open() {
  if (!read_head()) return false;
  const std::string names = formats();
  if (names == "mjpeg") {
    open_jpegs();
    return true;
  }
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, this, &VideoPipe::read_more, nullptr, nullptr));
  AVFormatContext* context = avformat_alloc_context();
  if (!io_ || context == nullptr) throw std::bad_alloc();
  context->pb = io_.get();
  context->flags |= AVFMT_FLAG_NOBUFFER;
  Dictionary options;
  options.set("format_whitelist", names);
  const AVInputFormat* only = av_find_input_format(names.c_str());  // none for a list: then it is found out
  const int result = avformat_open_input(&context, "pipe:0", only, options.address());  // frees it on failure
  if (result < 0) rethrow();
  if (result == AVERROR_EXIT) return false;
  if (result < 0) throw Error(ExitCode::data, "read stdin", "", "no video that is known here", advice_);
  context_.reset(context);
  if (context->nb_streams == 0) throw Error(ExitCode::data, "read stdin", "", "no video in it", advice_);
  has_times_ = names == "yuv4mpegpipe";
  return true;
}

int VideoPipe::read_jpeg(AVPacket& packet) {
  auto image = jpegs_.next();
  while (image.empty()) {
    const int got = take(jpegs_.room(kBufferBytes).data(), kBufferBytes);
    if (got > 0) jpegs_.pushed(static_cast<std::size_t>(got));
    if (got < 0 && got != AVERROR_EOF) return got;
    image = got < 0 ? jpegs_.rest() : jpegs_.next();
    if (got < 0 && image.empty()) return got;
  }
  if (const int made = av_new_packet(&packet, static_cast<int>(image.size())); made < 0) return made;
  std::memcpy(packet.data, image.data(), image.size());
  packet.flags |= AV_PKT_FLAG_KEY;
  return 0;
}

int VideoPipe::read(AVPacket& packet) {
  if (split_) return read_jpeg(packet);
  const int result = av_read_frame(context_.get(), &packet);
  if (result < 0) rethrow();
  return result;
}

}  // namespace camring::av
