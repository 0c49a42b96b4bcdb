#include "ring/control_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ring/control_socket.h"

namespace camring {
namespace {

UniqueFd connect_to(const std::string& path) noexcept {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const ControlAddress address(path);
  if (fd && ::connect(fd.get(), address.data(), address.size()) != 0) fd.reset();
  return fd;
}

}  // namespace

ControlClient::ControlClient(std::string socket_path, std::string label)
    : path_(std::move(socket_path)), label_(std::move(label)) {}

bool ControlClient::send(ControlMessage::Type type, std::uint64_t seen, std::uint64_t missed) noexcept {
  ControlMessage message;
  message.type = type;
  message.seen = seen;
  message.missed = missed;
  std::memcpy(message.label.data(), label_.data(), std::min(label_.size(), message.label.size() - 1));
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

std::optional<std::vector<Consumer>> ask_consumers(const std::string& socket_path, int timeout_ms) {
  const UniqueFd fd = connect_to(socket_path);
  ControlMessage question;
  question.type = ControlMessage::Type::statistics;
  if (!fd || ::send(fd.get(), &question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    return std::nullopt;
  pollfd waiting{fd.get(), POLLIN, 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return std::nullopt;
  std::string text(256 * 1024, '\0');
  const ssize_t bytes = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
  if (bytes <= 0) return std::nullopt;
  const auto parsed = nlohmann::json::parse(text.substr(0, static_cast<std::size_t>(bytes)), nullptr, false);
  if (!parsed.is_object() || !parsed.contains("consumers") || !parsed["consumers"].is_array())
    return std::nullopt;
  std::vector<Consumer> list;
  try {
    for (const auto& item : parsed["consumers"]) {
      Consumer consumer;
      consumer.pid = item.at("pid").get<pid_t>();
      consumer.uid = item.at("uid").get<uid_t>();
      consumer.command = item.at("command").get<std::string>();
      consumer.label = item.at("label").get<std::string>();
      consumer.seen = item.at("seen").get<std::uint64_t>();
      consumer.missed = item.at("missed").get<std::uint64_t>();
      consumer.connected_ns = item.at("connected_ns").get<std::int64_t>();
      list.push_back(std::move(consumer));
    }
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return list;
}

}  // namespace camring
