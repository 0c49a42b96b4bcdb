#include "ring/control_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ring/control_socket.h"
#include "ring/ring_name.h"

namespace camring {
namespace {

UniqueFd connect_to(const std::string& path) noexcept {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const ControlAddress address(path);
  if (fd && ::connect(fd.get(), address.data(), address.size()) != 0) fd.reset();
  return fd;
}

void set_label(ControlMessage& message, const std::string& label) noexcept {
  std::memcpy(message.label.data(), label.data(), std::min(label.size(), message.label.size() - 1));
}

// A whole number, whatever its JSON type claims. @throws json::exception
template <class T>
T whole(const nlohmann::json& value) {
  if (!value.is_number_integer()) throw nlohmann::json::other_error::create(501, "no whole number", &value);
  return value.get<T>();
}

std::int64_t ns_from_ms(const nlohmann::json& value) {
  return static_cast<std::int64_t>(std::clamp(value.get<double>(), 0.0, 1e9) * 1e6);
}

std::vector<Consumer> consumers_from(const nlohmann::json& list) {
  std::vector<Consumer> consumers;
  for (const auto& item : list) {
    Consumer consumer;
    consumer.pid = whole<pid_t>(item.at("pid"));
    consumer.uid = whole<uid_t>(item.at("uid"));
    consumer.command = item.at("command").get<std::string>();
    consumer.label = item.at("label").get<std::string>();
    consumer.seen = whole<std::uint64_t>(item.at("seen"));
    consumer.missed = whole<std::uint64_t>(item.at("missed"));
    consumer.connected_ns = whole<std::int64_t>(item.at("connected_ns"));
    consumers.push_back(std::move(consumer));
  }
  return consumers;
}

std::optional<Correction> correction_from(const nlohmann::json& item) {
  Correction correction;
  correction.delay_ns =
      std::clamp<std::int64_t>(whole<std::int64_t>(item.at("delay_ns")), 0, Correction::kMaxDelayNs);
  correction.age_ns = ns_from_ms(item.at("age_ms"));
  correction.valid_ns = std::min(ns_from_ms(item.at("valid_ms")), Correction::kMaxValidNs);
  correction.against = item.at("against").get<std::string>();
  // It is shown to people: only what can be a ring's name (empty where the sender knew none).
  if (!correction.against.empty() && !is_ring_name(correction.against)) return {};
  return correction;
}

std::optional<WriterAnswer> question(int fd, int timeout_ms) {
  ControlMessage message;
  message.type = ControlMessage::Type::statistics;
  if (::send(fd, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return std::nullopt;
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return std::nullopt;
  std::string text(256 * 1024, '\0');
  const ssize_t bytes = ::recv(fd, text.data(), text.size(), MSG_DONTWAIT);
  if (bytes <= 0) return std::nullopt;
  return parse_writer_answer({text.data(), static_cast<std::size_t>(bytes)});
}

}  // namespace

std::optional<WriterAnswer> parse_writer_answer(std::string_view text) {
  try {
    const auto root = nlohmann::json::parse(text);
    WriterAnswer answer{consumers_from(root.at("consumers")), {}};
    if (const auto found = root.find("correction"); found != root.end())
      answer.correction = correction_from(*found);
    return answer;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

ControlClient::ControlClient(std::string socket_path, std::string label)
    : path_(std::move(socket_path)), label_(std::move(label)) {}

bool ControlClient::send(ControlMessage::Type type, std::uint64_t seen, std::uint64_t missed) noexcept {
  ControlMessage message;
  message.type = type;
  message.seen = seen;
  message.missed = missed;
  set_label(message, label_);
  const ssize_t sent = ::send(fd_.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(sizeof message) || (sent < 0 && errno == EAGAIN);
}

void ControlClient::maintain(std::uint64_t seen, std::uint64_t missed) noexcept {
  if (fd_ && send(ControlMessage::Type::report, seen, missed)) return;
  fd_ = connect_to(path_);
  if (fd_ && !send(ControlMessage::Type::hello, seen, missed)) fd_.reset();
}

void ControlClient::request_keyframe() noexcept {
  if (fd_ && !send(ControlMessage::Type::keyframe, 0, 0)) fd_.reset();
}

std::optional<WriterAnswer> ask_writer(const std::string& socket_path, int timeout_ms) {
  const UniqueFd fd = connect_to(socket_path);
  return fd ? question(fd.get(), timeout_ms) : std::nullopt;
}

bool publish_correction(const std::string& socket_path, const Correction& correction, int timeout_ms) {
  const UniqueFd fd = connect_to(socket_path);
  ControlMessage message;
  message.type = ControlMessage::Type::correction;
  message.seen =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(correction.delay_ns, 0, Correction::kMaxDelayNs));
  message.missed =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(correction.valid_ns, 0, Correction::kMaxValidNs));
  set_label(message, correction.against);
  if (!fd || ::send(fd.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  // A writer of an older version closes the connection at the message that it does not know.
  const auto answer = question(fd.get(), timeout_ms);
  if (!answer) return false;
  if (message.missed == 0) return !answer->correction;
  return answer->correction && static_cast<std::uint64_t>(answer->correction->delay_ns) == message.seen;
}

}  // namespace camring
