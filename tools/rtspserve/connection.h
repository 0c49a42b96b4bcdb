// One client's connection: requests in, answers out, and between them the frames of sessions over TCP.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "byte_stream.h"
#include "net/auth.h"
#include "rtp/rtsp_message.h"
#include "rtp/transport.h"
#include "session.h"

namespace camring::rtspserve {

struct ServerState;

/// In the loop's turn only. Lives while the server's table has it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerState& server, ByteStream stream, UdpAddress peer, UdpAddress local);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  /// Sends what there is to send, until the network takes no more.
  void pump();
  void pump(std::int64_t now_ns);
  /// pump() for a session of this connection when the newest access unit has just come. True: the client has
  /// it whole, and the caller counts that for all such clients at once.
  [[nodiscard]] bool pass_on(Session& session, const rtp::BlockPtr& newest, std::int64_t now_ns);
  /// A frame of RTCP on the connection.
  void send_interleaved(std::uint8_t channel, std::span<const std::uint8_t> packet);
  void check(std::int64_t now_ns);  ///< closes what is idle or takes nothing
  void close(const char* reason) noexcept;
  void forget(Session* session) noexcept;
  [[nodiscard]] const UdpAddress& peer() const noexcept { return peer_; }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  void await_input();
  void await_output();
  void read();
  void work_off();  ///< what the parser has
  void handle(rtp::RtspMessage request);
  void serve(const rtp::RtspMessage& request, const std::string& user);
  void answer(const rtp::RtspMessage& request, int status, const Headers& headers = {},
              const std::string& body = {});
  void authenticate(const rtp::RtspMessage& request, Mount& mount);
  void challenge(const rtp::RtspMessage& request, const net::PasswordFile& passwords, bool stale);
  void describe(const rtp::RtspMessage& request, Mount& mount, const std::string& query);
  void setup(const rtp::RtspMessage& request, Mount& mount, const std::string& user);
  void play(const rtp::RtspMessage& request, Session& session);
  [[nodiscard]] bool prepare(Session& session, const rtp::Transport& transport, std::string& answer);
  [[nodiscard]] bool next_block(std::int64_t now_ns);

  ServerState& server_;
  ByteStream stream_;
  boost::asio::posix::stream_descriptor events_;
  UdpAddress peer_, local_;
  rtp::RtspParser parser_;
  std::string control_;  ///< answers and RTCP still to go
  std::size_t control_at_ = 0;
  rtp::BlockPtr block_;  ///< being sent; keeps bytes_ alive
  std::vector<std::uint8_t> own_bytes_;
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  Session* sending_ = nullptr;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::map<std::string, SrtpKey> srtp_keys_;  ///< by mount, as told in DESCRIBE
  std::size_t turn_ = 0;
  bool reading_ = false, writing_ = false, busy_ = false, closed_ = false, close_when_sent_ = false,
       pumping_ = false;
  std::int64_t began_ns_, heard_ns_, progress_ns_;
};

}  // namespace camring::rtspserve
