// One RTSP client: from OPTIONS to PLAY, then packets over the same connection or over UDP.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "receiver.h"

namespace bench {

class Client {
 public:
  /// Connects to 127.0.0.1 and asks. @param stalled  never reads after PLAY, and has small buffers
  /// @throws std::system_error
  Client(int port, bool udp, bool stalled);

  [[nodiscard]] int control_fd() const noexcept { return control_.get(); }
  [[nodiscard]] int media_fd() const noexcept { return media_.get(); }  ///< -1 over TCP

  /// Reads what is there. @throws std::runtime_error when the server refuses or goes.
  void read_control(LoadResult& result);
  void read_media(LoadResult& result);

  /// It stalls from here on.
  [[nodiscard]] bool reads_no_more() const noexcept { return stalled_ && played_ns_ != 0; }
  /// From PLAY to the first keyframe's last packet; below 0: not yet.
  [[nodiscard]] double first_picture_ms() const noexcept;

 private:
  void ask(const std::string& method, const std::string& url, const std::string& headers = {});
  void answered(const std::string& head, const std::string& body);
  [[nodiscard]] std::size_t take_one(std::span<const std::uint8_t> bytes, LoadResult& result);
  void open_ports();

  camring::UniqueFd control_, media_, reports_;
  Receiver receiver_;
  std::string url_, session_;
  std::vector<std::uint8_t> buffer_;
  std::size_t filled_ = 0;
  std::int64_t played_ns_ = 0, now_ns_ = 0;
  int media_port_ = 0, step_ = 0;
  bool udp_, stalled_;
};

}  // namespace bench
