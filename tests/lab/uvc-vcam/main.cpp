// uvc-vcam: a USB camera made of one process. It talks the USB/IP protocol with the kernel's vhci_hcd over a
// socket pair (no network, no usbipd), so that the real uvcvideo driver enumerates it and streams from it.
// When the process ends, the kernel sees the camera unplugged.
//
//   uvc-vcam [--serial TEXT] [--product TEXT] --format KIND:WxH[:FILE]...
//
// KIND: mjpeg (FILE: JPEGs in a row), h264 (FILE: Annex B with access unit delimiters), both in a loop; yuyv:
// a moving picture. SIGUSR1: the next frame is marked as bad. SIGUSR2: no frames, until the next one (a
// camera that hangs). SIGTERM: unplug. Needs root, and the modules vhci_hcd and uvcvideo. Protocol: linux,
// Documentation/usb/usbip_protocol.rst; payload headers: UVC 1.1, section 2.4.3.3.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "camera.h"

namespace vcam {
namespace {

using Clock = std::chrono::steady_clock;

// The 48 bytes before each message: twelve numbers, big-endian.
using Header = std::array<uint32_t, 12>;
constexpr uint32_t kSubmit = 1;
constexpr uint32_t kUnlink = 2;
constexpr uint32_t kSubmitReply = 3;
constexpr uint32_t kUnlinkReply = 4;

class Link {
 public:
  Link() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    attach(pair[1]);
    ::close(pair[1]);  // the kernel has its own reference
    fd_ = pair[0];
  }
  int fd() const { return fd_; }

  // False when the kernel has closed its end.
  bool read(void* to, size_t size) const {
    auto* at = static_cast<uint8_t*>(to);
    while (size > 0) {
      const ssize_t n = ::read(fd_, at, size);
      if (n <= 0) return false;
      at += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }

  void reply(uint32_t command, uint32_t sequence, int status, size_t transferred,
             std::span<const uint8_t> data) {
    message_.resize(sizeof(Header));
    const Header header = {htonl(command),
                           htonl(sequence),
                           0,
                           0,
                           0,
                           htonl(static_cast<uint32_t>(status)),
                           htonl(static_cast<uint32_t>(transferred))};
    std::memcpy(message_.data(), header.data(), sizeof header);
    message_.insert(message_.end(), data.begin(), data.end());
    for (size_t done = 0; done < message_.size();) {
      const ssize_t n = ::send(fd_, &message_[done], message_.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;  // the next read tells
      done += static_cast<size_t>(n);
    }
  }

 private:
  // Gives the kernel its end of the socket, as the high-speed device of a free port.
  static void attach(int fd) {
    const std::string hub = "/sys/devices/platform/vhci_hcd.0/";
    std::ifstream ports(hub + "status");
    if (!ports) throw std::runtime_error("no " + hub + "status; load the module vhci_hcd");
    for (std::string line; std::getline(ports, line);) {
      char speed[8];
      int port = 0;
      int state = 0;
      if (std::sscanf(line.c_str(), "%7s %d %d", speed, &port, &state) != 3) continue;
      if (std::string(speed) != "hs" || state != 4) continue;
      constexpr int kHighSpeed = 3;
      std::ofstream attach(hub + "attach");
      attach << port << ' ' << fd << ' ' << 0x10000 + port << ' ' << kHighSpeed << std::flush;
      return;
    }
    throw std::runtime_error("no free port in " + hub + "status");
  }

  int fd_ = -1;
  Bytes message_;
};

// Sends frames at the pace that the host chose, as far as it has asked for data.
class Streamer {
 public:
  Streamer(Camera& camera, Link& link) : camera_(camera), link_(link) {}

  void request(uint32_t sequence, size_t room) { requests_.push_back({sequence, room}); }

  // False when the request has been answered already.
  bool cancel(uint32_t sequence) {
    return std::erase_if(requests_, [&](const Request& r) { return r.sequence == sequence; }) > 0;
  }

  void mark_next_as_bad() { bad_ = true; }
  void hang_or_go_on() { hangs_ = !hangs_; }

  // Sends what is due; returns when to call again, if no request comes in before.
  Clock::time_point send() {
    if (started_ != camera_.commits()) {
      started_ = camera_.commits();
      rest_ = {};
      number_ = 0;  // H.264 has to start with a keyframe
      due_ = Clock::now();
    }
    while (!requests_.empty() && !hangs_) {
      if (rest_.empty()) {
        if (Clock::now() < due_) return due_;
        next_frame();
      }
      send_payload();
    }
    return Clock::now() + std::chrono::seconds(1);
  }

 private:
  struct Request {
    uint32_t sequence;
    size_t room;
  };

  void next_frame() {
    const Stream stream = camera_.stream();
    const auto interval = std::chrono::nanoseconds(stream.interval * 100LL);
    const auto now = Clock::now();
    for (; now >= due_ + interval; due_ += interval) {  // late: as in a camera, pictures are lost
      if (stream.mode->kind != Kind::kH264) ++number_;
    }
    due_ += interval;
    rest_ = stream.mode->frame(number_++);
    identifier_ ^= 1;
  }

  void send_payload() {
    const Request request = requests_.front();
    requests_.pop_front();
    const size_t size = std::min(rest_.size(), std::min<size_t>(request.room, kPayloadBytes) - 2);
    const bool last = size == rest_.size();
    payload_ = {2, static_cast<uint8_t>(0x80 | identifier_ | (last ? 2 : 0) | (bad_ ? 0x40 : 0))};
    payload_.insert(payload_.end(), rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(size));
    rest_ = rest_.subspan(size);
    if (last) bad_ = false;
    link_.reply(kSubmitReply, request.sequence, 0, payload_.size(), payload_);
  }

  Camera& camera_;
  Link& link_;
  std::deque<Request> requests_;
  std::span<const uint8_t> rest_;  // of the frame that is on its way
  Bytes payload_;
  Clock::time_point due_{};
  uint32_t number_ = 0;
  uint32_t started_ = 0;
  uint8_t identifier_ = 0;
  bool bad_ = false;
  bool hangs_ = false;
};

// Reads and serves one message; false when the kernel has let go of the camera.
bool serve(Camera& camera, Link& link, Streamer& streamer) {
  Header raw;
  if (!link.read(raw.data(), sizeof raw)) return false;
  auto number = [&](size_t i) { return ntohl(raw[i]); };
  const uint32_t sequence = number(1);
  if (number(0) == kUnlink) {
    link.reply(kUnlinkReply, sequence, streamer.cancel(number(5)) ? -ECONNRESET : 0, 0, {});
    return true;
  }
  if (number(0) != kSubmit) throw std::runtime_error("unknown message " + std::to_string(number(0)));
  const bool host_reads = number(3) == 1;
  const uint32_t endpoint = number(4);
  const uint32_t size = number(6);
  if (endpoint != 0) {
    streamer.request(sequence, size);
    return true;
  }
  Bytes in(host_reads ? 0 : size);
  if (!link.read(in.data(), in.size())) return false;
  std::array<uint8_t, 8> setup;
  std::memcpy(setup.data(), &raw[10], setup.size());
  std::optional<Bytes> answer = camera.control(setup, in);
  if (!answer) {
    link.reply(kSubmitReply, sequence, -EPIPE, 0, {});
  } else if (host_reads) {
    answer->resize(std::min<size_t>(answer->size(), size));
    link.reply(kSubmitReply, sequence, 0, answer->size(), *answer);
  } else {
    link.reply(kSubmitReply, sequence, 0, in.size(), {});
  }
  return true;
}

int block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

void run(Camera& camera) {
  const int signals = block_signals();
  Link link;
  Streamer streamer(camera, link);
  for (auto next = Clock::now();;) {
    pollfd fds[] = {{link.fd(), POLLIN, 0}, {signals, POLLIN, 0}};
    const auto wait = std::max(next - Clock::now(), Clock::duration::zero());
    const timespec timeout = {std::chrono::duration_cast<std::chrono::seconds>(wait).count(),
                              (wait % std::chrono::seconds(1)).count()};
    if (ppoll(fds, 2, &timeout, nullptr) < 0) throw std::runtime_error("ppoll");
    if (fds[1].revents != 0) {
      signalfd_siginfo info{};
      if (read(signals, &info, sizeof info) != sizeof info) return;
      if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) return;
      if (info.ssi_signo == SIGUSR1) streamer.mark_next_as_bad();
      if (info.ssi_signo == SIGUSR2) streamer.hang_or_go_on();
    }
    if (fds[0].revents != 0 && !serve(camera, link, streamer)) return;
    next = streamer.send();
  }
}

}  // namespace
}  // namespace vcam

int main(int argc, char** argv) {
  try {
    std::vector<vcam::Format> formats;
    std::string serial = "0001";
    std::string product = "Lab Webcam";
    for (int i = 1; i < argc; i += 2) {
      const std::string option = argv[i];
      const char* value = i + 1 < argc ? argv[i + 1] : "";
      if (option == "--serial") {
        serial = value;
      } else if (option == "--product") {
        product = value;
      } else if (option == "--format") {
        add_mode(formats, value);
      } else {
        throw std::runtime_error("unknown option " + option);
      }
    }
    if (formats.empty()) throw std::runtime_error("no --format; e.g. --format yuyv:640x480");
    vcam::Camera camera(std::move(formats), product, serial);
    vcam::run(camera);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "uvc-vcam: %s\n", e.what());
    return 1;
  }
}
