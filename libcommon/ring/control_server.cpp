#include "ring/control_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "ring/control_socket.h"

namespace camring {

struct ControlServer::Peer {
  UniqueFd fd;
  Consumer consumer;
  bool hello = false;
};

namespace {

constexpr int kLookAwayMs = 100;

std::string command_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

void raise_event(int fd) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

bool parse_control_message(const void* bytes, std::size_t size, ControlMessage& message) noexcept {
  if (size != sizeof message) return false;
  std::memcpy(&message, bytes, sizeof message);
  const auto type = static_cast<std::uint32_t>(message.type);
  if (message.magic != ControlMessage::kMagic || type < 1 || type > 5) return false;
  message.label.back() = '\0';
  for (char& c : message.label) {
    if (c != '\0' && (c < 0x20 || c > 0x7e)) c = '?';
  }
  return true;
}

ControlServer::ControlServer(std::string ring_name, const RingPaths& paths, const FileAccess& access)
    : path_(paths.sock),
      quit_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_ || !quit_ || !event_) throw system_error(errno, "make control channel", ring_name);
  ::unlink(path_.c_str());
  const ControlAddress address(path_);
  if (::bind(listener_.get(), address.data(), address.size()) != 0) {
    throw system_error(errno, "make control channel", path_);
  }
  // Connecting needs write permission on the socket: who may read the ring may connect.
  const mode_t mode = access.mode | (access.mode & 0444) >> 1;
  if (access.group) {
    [[maybe_unused]] const int ignored = ::chown(path_.c_str(), static_cast<uid_t>(-1), *access.group);
  } else {
    struct stat lock {};  // made like the ring, which comes after this
    if (::stat(paths.lock.c_str(), &lock) == 0) {
      [[maybe_unused]] const int ignored = ::chown(path_.c_str(), static_cast<uid_t>(-1), lock.st_gid);
    }
  }
  if (::chmod(path_.c_str(), mode) != 0 || ::listen(listener_.get(), static_cast<int>(kMaxConsumers)) != 0) {
    throw system_error(errno, "serve control channel", path_);
  }
  thread_ = std::thread([this] { serve(); });
}

ControlServer::~ControlServer() {
  raise_event(quit_.get());
  thread_.join();
  ::unlink(path_.c_str());
}

std::vector<Consumer> ControlServer::consumers() const {
  const std::lock_guard lock(mutex_);
  std::vector<Consumer> list;
  for (const auto& peer : peers_) {
    if (peer->hello) list.push_back(peer->consumer);
  }
  return list;
}

void ControlServer::signal_event() const noexcept { raise_event(event_.get()); }

bool ControlServer::accept_one() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  const std::lock_guard lock(mutex_);
  if (peers_.size() >= kMaxConsumers) return true;
  auto peer = std::make_unique<Peer>();
  peer->fd = std::move(fd);
  peer->consumer.pid = credentials.pid;
  peer->consumer.uid = credentials.uid;
  peer->consumer.connected_ns = monotonic_ns();
  peers_.push_back(std::move(peer));
  return true;
}

bool ControlServer::receive(Peer& peer) {
  std::array<char, 256> buffer{};
  for (int messages = 0; messages < 16; ++messages) {
    const ssize_t bytes = ::recv(peer.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (bytes < 0) return errno == EAGAIN || errno == EINTR;
    ControlMessage message;
    if (!parse_control_message(buffer.data(), static_cast<std::size_t>(bytes), message)) return false;
    const std::lock_guard lock(mutex_);
    if (message.type != ControlMessage::Type::correction) {
      peer.consumer.seen = std::max(peer.consumer.seen, message.seen);
      peer.consumer.missed = std::max(peer.consumer.missed, message.missed);
    }
    switch (message.type) {
      case ControlMessage::Type::hello:
        peer.consumer.label = message.label.data();
        peer.consumer.command = command_of(peer.consumer.pid);
        if (!peer.hello) count_.fetch_add(1, std::memory_order_acq_rel);
        peer.hello = true;
        signal_event();
        break;
      case ControlMessage::Type::keyframe:
        keyframe_.store(true, std::memory_order_release);
        signal_event();
        break;
      case ControlMessage::Type::report:
        break;
      case ControlMessage::Type::statistics:
        answer(peer);
        break;
      case ControlMessage::Type::correction:
        keep(message);
        break;
    }
  }
  return true;
}

// The caller holds the lock.
void ControlServer::keep(const ControlMessage& message) {
  if (message.missed == 0) return correction_.reset();
  constexpr std::uint64_t kMost = Correction::kMaxValidNs;
  correction_.emplace();
  correction_->delay_ns =
      static_cast<std::int64_t>(std::min<std::uint64_t>(message.seen, Correction::kMaxDelayNs));
  correction_->valid_ns = static_cast<std::int64_t>(std::min(message.missed, kMost));
  correction_->against = message.label.data();
  corrected_ns_ = monotonic_ns();
}

// The caller holds the lock.
std::optional<Correction> ControlServer::kept() const {
  const std::int64_t age = monotonic_ns() - corrected_ns_;
  if (!correction_ || age >= correction_->valid_ns) return {};
  std::optional<Correction> answer = correction_;
  answer->age_ns = age;
  return answer;
}

std::optional<Correction> ControlServer::correction() const {
  const std::lock_guard lock(mutex_);
  return kept();
}

// The caller holds the lock.
void ControlServer::answer(const Peer& peer) const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& other : peers_) {
    if (!other->hello) continue;
    const Consumer& consumer = other->consumer;
    list.push_back({{"pid", consumer.pid},
                    {"uid", consumer.uid},
                    {"command", consumer.command},
                    {"label", consumer.label},
                    {"seen", consumer.seen},
                    {"missed", consumer.missed},
                    {"connected_ns", consumer.connected_ns}});
  }
  nlohmann::json root{{"pid", ::getpid()}, {"consumers", std::move(list)}};
  if (const auto correction = kept()) {
    root["correction"] = {{"delay_ns", correction->delay_ns},
                          {"against", correction->against},
                          {"age_ms", static_cast<double>(correction->age_ns) * 1e-6},
                          {"valid_ms", static_cast<double>(correction->valid_ns) * 1e-6}};
  }
  const std::string text = root.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  [[maybe_unused]] const auto sent =
      ::send(peer.fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ControlServer::serve() noexcept {
  sigset_t all;  // signals are the program's business, not this thread's
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::vector<pollfd> waiting;
  bool accepting = true;
  for (;;) {
    // Out of descriptors, the next consumer would be reported for ever: look away for a while (poll ignores
    // -1).
    waiting.assign({{quit_.get(), POLLIN, 0}, {accepting ? listener_.get() : -1, POLLIN, 0}});
    for (const auto& peer : peers_) waiting.push_back({peer->fd.get(), POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), accepting ? -1 : kLookAwayMs) < 0 && errno != EINTR) return;
    if (waiting[0].revents != 0) return;
    // Backwards, so that erasing keeps the places of those not yet looked at.
    for (std::size_t i = waiting.size(); i-- > 2;) {
      if (waiting[i].revents == 0) continue;
      Peer& peer = *peers_[i - 2];
      if ((waiting[i].revents & (POLLERR | POLLNVAL)) == 0 && receive(peer)) {
        if ((waiting[i].revents & POLLHUP) == 0) continue;
      }
      const std::lock_guard lock(mutex_);
      if (peer.hello) count_.fetch_sub(1, std::memory_order_acq_rel);
      peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i - 2));
      signal_event();
    }
    accepting = waiting[1].revents == 0 || accept_one();
  }
}

}  // namespace camring
