// An HTTP/1.1 server on one event loop: requests in, answers or endless streams out, limits on all that a
// client controls. What tools share of HTTP is here; what they serve is theirs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/auth.h"
#include "net/channel.h"
#include "net/http.h"
#include "net/listen.h"

namespace camring::net {

struct ServerOptions {
  std::size_t max_clients = 200;              ///< connections; more get 503
  std::size_t max_clients_per_address = 200;  ///< from one IP address; unix sockets count as one
  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);  ///< for a whole request
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(30);    ///< between requests
  std::chrono::nanoseconds max_lag =
      std::chrono::milliseconds(500);  ///< a chunk that has waited longer is not begun
  std::chrono::nanoseconds kick_after = std::chrono::seconds(10);  ///< a stream without progress is closed
  std::uint32_t max_header_bytes = 8192;
  std::uint64_t max_body_bytes = 65536;
  std::vector<std::string> cors_origins;  ///< "*" or exact origins
  std::string methods = "GET, HEAD";      ///< what the tool serves, for OPTIONS
};

/// How one client's stream went; told in the server's turn.
struct StreamEvents {
  std::function<void(const Chunk&, std::size_t bytes)> delivered;  ///< a chunk went to the kernel whole
  std::function<void(std::uint64_t)> skipped;                      ///< chunks that this client did not get
  std::function<void(std::size_t bytes)> sent;                     ///< bytes, as they go
  std::function<void()> ended;
};

/// The same bytes around every chunk, in place of the chunk's own head and tail.
struct Framing {
  std::string before;   ///< once, ahead of the first chunk
  std::string between;  ///< after each chunk
};

/// A stream to answer with.
struct StreamReply {
  std::string content_type;
  std::vector<Header> headers;
  std::shared_ptr<Channel> channel;
  std::shared_ptr<ChunkSource> source;       ///< instead of a channel
  std::chrono::nanoseconds min_interval{0};  ///< at most one chunk so often (by capture time)
  std::chrono::nanoseconds first_max_age{
      0};  ///< how long a client's first chunk may have waited, where that exceeds max_lag
  std::optional<Framing> framing;
  StreamEvents events;
};

/// The way back to one request's client. Copyable; the first answer counts. In the server's turn only.
class Reply {
 public:
  class Target {
   public:
    virtual ~Target() = default;
    virtual void answer(Response response) = 0;
    virtual void stream(StreamReply stream) = 0;
  };
  explicit Reply(std::weak_ptr<Target> target) : target_(std::move(target)) {}
  void operator()(Response response) const;
  void operator()(StreamReply stream) const;
  [[nodiscard]] bool gone() const noexcept { return target_.expired(); }

 private:
  std::weak_ptr<Target> target_;
};

using Handler = std::function<void(const Request&, const Reply&)>;

/// Runs in the thread that calls run(). post() and enter() are for every thread; all else before run() or in
/// the server's turn: in its handlers and tasks, of which one runs at a time.
class Server {
 public:
  Server(ServerOptions options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void add_listener(ListeningSocket socket);
  /// TLS for all listeners; again: new connections use the new certificate.
  /// @throws Error (config) when certificate or key can't be used.
  void use_tls(const std::string& certificate_file, const std::string& key_file);
  void use_passwords(std::shared_ptr<PasswordFile> passwords);

  /// What is to be done when the order to stop comes; connections are closed after the time that it returns.
  void before_stop(std::function<std::chrono::nanoseconds()> farewell);
  /// Serves until `stop_fd` becomes readable, then closes all. Raises the process's limit of open files where
  /// it is too low for max_clients, and warns where it can't.
  void run(int stop_fd);
  void post(std::function<void()> task);
  /// `task` at once and in this thread, where the server has nothing else to do: what it wakes streams for is
  /// sent by this thread, and the loop sleeps on. Else as post().
  void enter(std::function<void()> task);
  void every(std::chrono::nanoseconds interval, std::function<void()> task);
  /// At the clock's next multiple of `interval`, so that one waking serves all who do something now and then.
  void at_next(std::chrono::nanoseconds interval, std::function<void()> task);
  void after(std::chrono::nanoseconds delay, std::function<void()> task);

  [[nodiscard]] std::size_t clients() const noexcept;
  [[nodiscard]] std::uint64_t refused() const noexcept;  ///< connections turned away for a limit
  [[nodiscard]] std::uint64_t kicked() const noexcept;   ///< streams closed for lack of progress
  [[nodiscard]] const std::vector<ListeningSocket>& listeners() const noexcept;

  struct State;  ///< of the implementation's files only

 private:
  std::unique_ptr<State> state_;
};

/// Listens where the service manager passed sockets and at `places` ("[HOST:]PORT", "unix:/path"); at
/// `otherwise` when there are neither. Warns when other machines can connect and nobody is asked who they
/// are.
/// @param open_advice  for that warning; empty: clients are asked, no warning
/// @throws Error as listen_at and adopt_listener do.
void listen_everywhere(Server& server, std::vector<std::string> places, const std::string& otherwise,
                       bool tls, const std::string& open_advice);

}  // namespace camring::net
