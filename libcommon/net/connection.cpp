// One client: reads requests, writes answers, or becomes a stream. Plain sockets are written to directly,
// with the shared bytes gathered by the kernel; TLS goes through Asio.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>

#include "base/clock.h"
#include "net/cursor.h"
#include "net/server_state.h"

namespace camring::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Plain = beast::basic_stream<asio::generic::stream_protocol, asio::io_context::executor_type>;
using Secure = asio::ssl::stream<Plain>;
using ErrorCode = boost::system::error_code;

// A new chunk is begun only when no more than this of the chunks before is still unsent in the kernel: what
// waits there is lag that nobody can take back.
constexpr std::size_t kMaxUnsent = 16 * 1024;
constexpr std::size_t kHashingAtOnce = 16;
constexpr std::size_t kMaxChatter = 64 * 1024;  // what a stream's client may say before it is closed

template <class Stream>
class Session final : public Connection,
                      public Reply::Target,
                      public Subscriber,
                      public std::enable_shared_from_this<Session<Stream>> {
  static constexpr bool kPlain = std::is_same_v<Stream, Plain>;

 public:
  Session(Server::State& server, Stream stream, std::string address, bool refuse)
      : server_(server), stream_(std::move(stream)), address_(std::move(address)), refuse_(refuse) {}
  ~Session() override { leave_stream(); }

  void start() override {
    if constexpr (kPlain) {
      read_request();
    } else {
      lowest().expires_after(server_.options.header_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error) {
                                if (error) return self->close();
                                self->read_request();
                              }));
    }
  }

  void close() noexcept override {
    if (closed_) return;
    closed_ = true;
    leave_stream();
    ErrorCode ignored;
    lowest().socket().shutdown(asio::socket_base::shutdown_both, ignored);
    lowest().socket().close(ignored);
    server_.forget(this, address_);
  }

  // Whether the other side takes bytes is known to the kernel alone: what is handed over may sit there. Who
  // was handed more since the last look makes progress, without a question to the kernel.
  void check_progress(std::int64_t now_ns) override {
    if (!subscribed_) return;
    if (std::exchange(last_sent_, sent_) != sent_) {
      progress_ns_ = now_ns;
      return;
    }
    int queued = 0;
    if (::ioctl(fd(), SIOCOUTQ, &queued) != 0) queued = 0;
    const bool owes = cursor_->sending() || queued > 0;
    if (!owes || queued != last_queued_) progress_ns_ = now_ns;
    last_queued_ = queued;
    if (now_ns - progress_ns_ < server_.options.kick_after.count()) return;
    ++server_.kicked;
    close();
  }

  void answer(Response response) override {
    if (std::exchange(answered_, true) || closed_) return;
    send(std::move(response));
  }

  void stream(StreamReply reply) override {
    if (std::exchange(answered_, true) || closed_) return;
    cursor_.emplace(std::move(reply), server_.options.max_lag);
    const StreamReply& wanted = cursor_->reply();
    lowest().expires_never();
    head_ = head_text(200, wanted.content_type, wanted.headers, std::nullopt, false);
    if (wanted.framing && !head_only_) head_ += wanted.framing->before;
    buffer_ = beast::flat_buffer();  // a stream needs no room for requests
    parser_.reset();
    // Writable means: little is unsent. tcp(7) does not list it; tcp.h does.
    const int low_water = kMaxUnsent;
    ::setsockopt(fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low_water, sizeof low_water);
    asio::async_write(stream_, asio::buffer(head_),
                      server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t) {
                        self->head_.clear();
                        self->head_.shrink_to_fit();
                        if (error || self->closed_) return self->close();
                        if (self->head_only_) return self->finish();
                        self->subscribed_ = true;
                        if (const auto& source = self->cursor_->reply().source)
                          source->attach(self.get());
                        else
                          self->cursor_->reply().channel->add(self.get());
                        self->progress_ns_ = monotonic_ns();
                        self->watch_for_end();
                        self->wake();
                      }));
  }

  // The channel has something newer, or the socket has room again.
  void wake() override {
    if (closed_ || waiting_ || writing_ || ending_) return;
    if constexpr (kPlain) {
      write_plain();
    } else {
      write_secure();
    }
  }

 private:
  Plain& lowest() noexcept {
    if constexpr (kPlain) {
      return stream_;
    } else {
      return stream_.next_layer();
    }
  }
  int fd() noexcept { return lowest().socket().native_handle(); }

  void read_request() {
    answered_ = false;
    parser_.emplace();
    parser_->header_limit(server_.options.max_header_bytes);
    parser_->body_limit(server_.options.max_body_bytes);
    // Idle until the first byte, then the whole request within the header timeout: a slow one is closed.
    lowest().expires_after(requests_ == 0 ? server_.options.header_timeout : server_.options.idle_timeout);
    if (buffer_.size() > 0) return read_rest();
    stream_.async_read_some(
        buffer_.prepare(2048),
        server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t bytes) {
          if (error || self->closed_) return self->close();
          self->buffer_.commit(bytes);
          self->read_rest();
        }));
  }

  void read_rest() {
    lowest().expires_after(server_.options.header_timeout);
    http::async_read(stream_, buffer_, *parser_,
                     server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t) {
                       if (self->closed_) return;
                       if (error) return self->bad_request(error);
                       self->handle();
                     }));
  }

  void bad_request(ErrorCode error) {
    keep_alive_ = false;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return send(problem(431, "the request's header is larger than " +
                                   std::to_string(server_.options.max_header_bytes) + " bytes"));
    }
    if (error == http::error::body_limit) {
      return send(problem(413, "the request's body is larger than " +
                                   std::to_string(server_.options.max_body_bytes) + " bytes"));
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return send(problem(400, "this is no HTTP request: " + error.message()));
    }
    close();
  }

  void handle() {
    ++requests_;
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    request_ = Request{};
    request_.method = std::string(message.method_string());
    head_only_ = request_.method == "HEAD";
    for (const auto& field : message) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request_.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    request_.body = std::move(message.body());
    if (refuse_) {
      keep_alive_ = false;
      return send(problem(503, "too many clients; try again later", {{"Retry-After", "5"}}));
    }
    auto target = parse_target({message.target().data(), message.target().size()});
    if (!target) return send(problem(400, "the request's target is not a path with a query"));
    request_.target = std::move(*target);
    if (request_.method == "OPTIONS") return preflight();
    authenticate();
  }

  void preflight() {
    Response response;
    response.status = 204;
    response.headers = {{"Allow", server_.options.methods + ", OPTIONS"},
                        {"Access-Control-Allow-Methods", server_.options.methods},
                        {"Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID"},
                        {"Access-Control-Max-Age", "600"}};
    send(std::move(response));
  }

  void authenticate() {
    if (!server_.passwords) return pass_on();
    const std::string authorization(request_.header("authorization"));
    if (auto known = server_.passwords->known(authorization)) {
      request_.user = std::move(*known);
      return pass_on();
    }
    if (authorization.empty()) return unauthorized();
    if (server_.hashing_now >= kHashingAtOnce) {
      return send(problem(503, "too many passwords to check; try again later", {{"Retry-After", "1"}}));
    }
    ++server_.hashing_now;
    asio::post(server_.hashing,
               [self = this->shared_from_this(), passwords = server_.passwords, authorization] {
                 auto user = passwords->check(authorization);
                 self->server_.loop.post([self, user = std::move(user)] {
                   --self->server_.hashing_now;
                   if (self->closed_) return;
                   if (!user) return self->unauthorized();
                   self->request_.user = *user;
                   self->pass_on();
                 });
               });
  }

  void unauthorized() {
    send(problem(401, "a name and a password are needed",
                 {{"WWW-Authenticate", "Basic realm=\"camring\", charset=\"UTF-8\""}}));
  }

  void pass_on() {
    lowest().expires_never();
    server_.handler(request_, Reply(std::weak_ptr<Reply::Target>(this->shared_from_this())));
  }

  std::string head_text(int status, const std::string& type, const std::vector<Header>& headers,
                        std::optional<std::size_t> length, bool keep_alive) const {
    std::string text =
        "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
    if (status != 204) text += "Content-Type: " + type + "\r\n";
    if (length && status != 204) text += "Content-Length: " + std::to_string(*length) + "\r\n";
    text += "Server: camring/" CAMRING_VERSION
            "\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
            "X-Content-Type-Options: nosniff\r\n";
    text += keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    const std::string_view origin = request_.header("origin");
    const auto& allowed = server_.options.cors_origins;
    if (!allowed.empty()) text += "Vary: Origin\r\n";
    if (!origin.empty() && std::any_of(allowed.begin(), allowed.end(),
                                       [&](const std::string& one) { return one == "*" || one == origin; })) {
      text += "Access-Control-Allow-Origin: " + std::string(origin) +
              "\r\nAccess-Control-Expose-Headers: X-Timestamp, Retry-After\r\n";
    }
    return text + "\r\n";
  }

  void send(Response response) {
    answered_ = true;
    const std::size_t length = response.shared_body ? response.shared_body->size() : response.body.size();
    keep_alive_ = keep_alive_ && !server_.stopping;
    head_ = head_text(response.status, response.content_type, response.headers, length, keep_alive_);
    body_ = std::move(response.body);
    shared_body_ = std::move(response.shared_body);
    std::array<asio::const_buffer, 3> buffers{asio::buffer(head_)};
    if (!head_only_ && response.status != 204) {
      buffers[1] = asio::buffer(body_);
      if (shared_body_) buffers[2] = asio::buffer(*shared_body_);
    }
    lowest().expires_after(server_.options.idle_timeout);
    asio::async_write(stream_, buffers,
                      server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t) {
                        self->shared_body_.reset();
                        if (error || self->closed_) return self->close();
                        if (!self->keep_alive_) return self->finish();
                        self->read_request();
                      }));
  }

  // Closes so that the client can still read the answer: a close with unread input would be a reset, and
  // TLS without its own farewell looks like an attack (RFC 8446, section 6.1).
  void finish() {
    lowest().expires_after(std::chrono::seconds(1));
    if constexpr (kPlain) {
      half_close();
    } else {
      stream_.async_shutdown(server_.loop.in_turn([self = this->shared_from_this()](ErrorCode) {
        if (!self->closed_) self->half_close();
      }));
    }
  }
  void half_close() {
    ErrorCode ignored;
    lowest().socket().shutdown(asio::socket_base::shutdown_send, ignored);
    drain();
  }
  void drain() {
    lowest().async_read_some(asio::buffer(scratch_), server_.loop.in_turn([self = this->shared_from_this()](
                                                                              ErrorCode error, std::size_t) {
      if (error || self->closed_) return self->close();
      self->drain();
    }));
  }

  // A stream's client says nothing more; its end is noticed at once, though no chunk may come for long.
  void watch_for_end() {
    stream_.async_read_some(
        asio::buffer(scratch_),
        server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t bytes) {
          if (self->ending_ && !self->closed_) return self->finish();
          self->chatter_ += bytes;
          if (error || self->closed_ || self->chatter_ > kMaxChatter) return self->close();
          self->watch_for_end();
        }));
  }

  // Whether too much of the chunks before waits in the kernel to begin another. No more can wait than did at
  // the last look and was written since: while that is little, the kernel need not be asked.
  // Not TCP (a unix socket): the call fails, and its own small buffer is the bound.
  bool backed_up() noexcept {
    if (cursor_->fresh() || most_unsent_ <= kMaxUnsent) return false;
    int unsent = 0;
    if (::ioctl(fd(), SIOCOUTQNSD, &unsent) != 0) return false;
    most_unsent_ = static_cast<std::size_t>(unsent);
    return most_unsent_ > kMaxUnsent;
  }

  void went(std::size_t bytes) {
    sent_ += bytes;
    most_unsent_ += bytes;
    cursor_->went(bytes);
  }

  void write_plain() {
    for (;;) {
      if (!cursor_->sending()) {
        if (backed_up()) return wait_writable();
        if (!cursor_->begin(monotonic_ns())) return end_if_over();
      }
      const auto parts = cursor_->remaining();
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts.data());
      message.msg_iovlen = parts.size();
      const ssize_t sent = ::sendmsg(fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return wait_writable();
        return close();
      }
      went(static_cast<std::size_t>(sent));
      if (cursor_->sending()) return wait_writable();
    }
  }

  // After the last chunk of a stream that ends by itself; what is still in the kernel goes out.
  void end_if_over() {
    const auto& source = cursor_->reply().source;
    if (source == nullptr || !source->ended() || ending_) return;
    ending_ = true;
    lowest().cancel();  // one read at a time: the one that waits for the client's end makes room
  }

  void wait_writable() {
    waiting_ = true;
    lowest().socket().async_wait(asio::socket_base::wait_write,
                                 server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error) {
                                   self->waiting_ = false;
                                   if (error || self->closed_) return self->close();
                                   self->wake();
                                 }));
  }

  void write_secure() {
    if (!cursor_->sending()) {
      if (backed_up()) return wait_writable();
      if (!cursor_->begin(monotonic_ns())) return end_if_over();
    }
    const auto parts = cursor_->remaining();
    std::array<asio::const_buffer, 3> buffers{};
    std::transform(parts.begin(), parts.end(), buffers.begin(),
                   [](const iovec& part) { return asio::buffer(part.iov_base, part.iov_len); });
    writing_ = true;
    stream_.async_write_some(
        buffers, server_.loop.in_turn([self = this->shared_from_this()](ErrorCode error, std::size_t bytes) {
          self->writing_ = false;
          if (error || self->closed_) return self->close();
          self->went(bytes);
          self->wake();
        }));
  }

  void leave_stream() noexcept {
    if (std::exchange(subscribed_, false)) {
      if (const auto& source = cursor_->reply().source)
        source->detach();
      else
        cursor_->reply().channel->remove(this);
    }
    if (cursor_) cursor_->end();
    if (!writing_) cursor_.reset();  // a write that is under way still points into the chunk
  }

  Server::State& server_;
  Stream stream_;
  std::string address_;
  bool refuse_;
  bool closed_ = false, answered_ = false, keep_alive_ = true, head_only_ = false;
  bool subscribed_ = false, waiting_ = false, writing_ = false, ending_ = false;
  std::uint64_t requests_ = 0;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Request request_;
  std::string head_, body_;
  SharedBytes shared_body_;
  std::array<char, 64> scratch_{};

  std::optional<Cursor> cursor_;
  std::size_t chatter_ = 0;
  std::uint64_t sent_ = 0, last_sent_ = 0;
  std::size_t most_unsent_ = 0;  // at most so much waits in the kernel
  int last_queued_ = 0;
  std::int64_t progress_ns_ = 0;
};

}  // namespace

std::shared_ptr<Connection> make_connection(Server::State& state, int fd, std::string address, bool refuse) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  const asio::generic::stream_protocol protocol(storage.ss_family, 0);
  Plain plain(state.loop.context().get_executor());
  plain.socket().assign(protocol, fd);
  if (state.tls && storage.ss_family != AF_UNIX) {
    return std::make_shared<Session<Secure>>(state, Secure(std::move(plain), *state.tls), std::move(address),
                                             refuse);
  }
  return std::make_shared<Session<Plain>>(state, std::move(plain), std::move(address), refuse);
}

}  // namespace camring::net
