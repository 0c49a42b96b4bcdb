#include "publisher.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "net/digest.h"
#include "resolve.h"
#include "rtp/rtcp.h"
#include "rtp/sdp.h"

namespace camring::rtspserve {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kAnswerNs = 5'000'000'000;  // a relay answers within that
constexpr std::int64_t kStuckNs = 5'000'000'000;   // and takes something within that
constexpr std::int64_t kAliveNs = 20'000'000'000;  // between signs of life
constexpr std::int64_t kReportNs = 2'500'000'000;
constexpr auto kFirstPause = 500ms;
constexpr auto kLongestPause = 10s;

Error link_error(const RelayUrl& url, const std::string& reason, const std::string& advice = {}) {
  return Error(ExitCode::unavailable, "publish", url.shown, reason, advice);
}

}  // namespace

RelayUrl parse_relay_url(const std::string& url) {
  const std::string example = "; e.g. rtsp://camera@relay:8554/cam0";
  RelayUrl relay;
  if (!url.starts_with("rtsp://"))
    throw std::invalid_argument("'" + url.substr(0, url.find("://")) + "' is no rtsp:// URL" + example);
  std::string rest = url.substr(7);
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos || slash + 1 == rest.size())
    throw std::invalid_argument("the URL names no path" + example);
  std::string place = rest.substr(0, slash);
  const std::string path = rest.substr(slash);
  if (const std::size_t at = place.rfind('@'); at != std::string::npos) {
    const std::string who = place.substr(0, at);
    place = place.substr(at + 1);
    const std::size_t colon = who.find(':');
    relay.user = who.substr(0, colon);
    if (colon != std::string::npos) relay.password = who.substr(colon + 1);
  }
  relay.shown = "rtsp://" + (relay.user.empty() ? "" : relay.user + ":***@") + place + path;
  relay.request = "rtsp://" + place + path;
  std::size_t colon = place.rfind(':');
  if (place.starts_with('[')) {
    const std::size_t end = place.find(']');
    if (end == std::string::npos) throw std::invalid_argument("a bracket does not close" + example);
    relay.host = place.substr(1, end - 1);
    colon = place.find(':', end);
  } else {
    relay.host = place.substr(0, colon);
  }
  if (colon != std::string::npos) relay.port = place.substr(colon + 1);
  const bool digits = !relay.port.empty() && relay.port.size() < 6 &&
                      relay.port.find_first_not_of("0123456789") == std::string::npos;
  if (relay.host.empty() || !digits) throw std::invalid_argument("no host or a bad port" + example);
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 32)
      throw std::invalid_argument("the URL has a blank in it" + example);
  }
  return relay;
}

/// One connection to the relay. One thread.
class Publisher::Link {
 public:
  Link(const RelayUrl& url, const std::atomic<bool>& quit) : url_(url), quit_(quit) { connect(); }

  /// Sends a request and waits for its answer; answers a challenge once.
  rtp::RtspMessage ask(const std::string& method, const std::string& target, const std::string& headers,
                       const std::string& body = {}) {
    rtp::RtspMessage answer = exchange(method, target, headers, body);
    if (answer.status == 401 && !url_.user.empty()) {
      challenges_.clear();
      for (const auto& [name, value] : answer.headers) {
        if (name == "www-authenticate") challenges_.push_back(value);
      }
      answer = exchange(method, target, headers, body);
    }
    if (answer.status == 401)
      throw link_error(url_, "the relay wants a name and a password, or others", "put them into the URL");
    if (answer.status != 200) {
      throw link_error(url_, method + " was answered with " + std::to_string(answer.status) + " " +
                                 std::string(rtp::rtsp_reason(answer.status)));
    }
    return answer;
  }

  void send_request(const std::string& method, const std::string& target, const std::string& headers) {
    const std::string text = head(method, target, headers, {});
    send({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

  void send(std::span<const std::uint8_t> bytes) {
    std::int64_t progress = monotonic_ns();
    while (!bytes.empty()) {
      const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        progress = monotonic_ns();
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) throw link_error(url_, errno_text(errno));
      if (monotonic_ns() - progress > kStuckNs || quit_.load())
        throw link_error(url_, "the relay takes nothing");
      pollfd ready{fd_.get(), POLLOUT, 0};
      ::poll(&ready, 1, 100);
    }
  }

  /// Reads what the relay says meanwhile. @throws Error when it went.
  void drain() {
    read_some();
    for (;;) {
      const auto result = parser_.next();
      if (result == rtp::RtspParser::Result::more) return;
      if (result == rtp::RtspParser::Result::bad)
        throw link_error(url_, "the relay sends something that is no RTSP");
      if (result == rtp::RtspParser::Result::message && parser_.message().method == "TEARDOWN") {
        throw link_error(url_, "the relay ended the session");
      }
    }
  }

 private:
  void connect() {
    std::string reason;
    Addresses all;
    try {
      all = resolve(url_.host, url_.port, quit_, reason);
    } catch (const std::system_error& error) {
      reason = error.code().message();
    }
    if (!all) throw link_error(url_, reason);
    int last_error = 0;
    for (const addrinfo* at = all.get(); at != nullptr; at = at->ai_next) {
      fd_.reset(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (!fd_) continue;
      if (::connect(fd_.get(), at->ai_addr, at->ai_addrlen) == 0) break;
      last_error = errno;
      if (errno == EINPROGRESS) {
        pollfd ready{fd_.get(), POLLOUT, 0};
        const std::int64_t until = monotonic_ns() + kAnswerNs;
        while (::poll(&ready, 1, 100) <= 0 && monotonic_ns() < until && !quit_.load()) {
        }
        socklen_t size = sizeof last_error;
        ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &last_error, &size);
        if (last_error == 0 && (ready.revents & POLLOUT) != 0) break;
        if (last_error == 0) last_error = ETIMEDOUT;
      }
      fd_.reset();
    }
    if (!fd_) throw link_error(url_, errno_text(last_error), "is the relay running?");
    const int one = 1;
    const int unsent = 128 * 1024;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
  }

  std::string head(const std::string& method, const std::string& target, const std::string& headers,
                   const std::string& body) {
    std::string text = method + " " + target + " RTSP/1.0\r\nCSeq: " + std::to_string(++cseq_) +
                       "\r\nUser-Agent: camring/" CAMRING_VERSION "\r\n" + headers;
    const std::string proof =
        challenges_.empty() ? ""
                            : net::answer_challenge(challenges_, url_.user, url_.password, method, target);
    if (!proof.empty()) text += "Authorization: " + proof + "\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  rtp::RtspMessage exchange(const std::string& method, const std::string& target, const std::string& headers,
                            const std::string& body) {
    const std::string text = head(method, target, headers, body);
    send({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    const std::int64_t until = monotonic_ns() + kAnswerNs;
    while (monotonic_ns() < until && !quit_.load()) {
      const auto result = parser_.next();
      if (result == rtp::RtspParser::Result::bad)
        throw link_error(url_, "the relay sends something that is no RTSP");
      if (result == rtp::RtspParser::Result::message && parser_.message().status != 0 &&
          parser_.message().cseq() == cseq_) {
        return std::move(parser_.message());
      }
      if (result != rtp::RtspParser::Result::more) continue;
      pollfd ready{fd_.get(), POLLIN, 0};
      ::poll(&ready, 1, 100);
      read_some();
    }
    throw link_error(url_, method + " was not answered");
  }

  void read_some() {
    std::array<std::uint8_t, 4096> buffer;
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) return parser_.feed(std::span(buffer).first(static_cast<std::size_t>(got)));
    if (got == 0) throw link_error(url_, "the relay closed the connection");
    if (errno != EAGAIN && errno != EINTR) throw link_error(url_, errno_text(errno));
  }

  const RelayUrl& url_;
  const std::atomic<bool>& quit_;
  UniqueFd fd_;
  rtp::RtspParser parser_;
  std::uint32_t cseq_ = 0;
  std::vector<std::string> challenges_;
};

Publisher::Publisher(const std::string& ring, RelayUrl url, FeedOptions options,
                     std::chrono::nanoseconds max_lag, app::Metrics& metrics)
    : url_(std::move(url)),
      max_lag_(max_lag),
      reconnects_(metrics.counter("reconnects_total", "Times that the relay was lost.",
                                  {{"ring", ring}, {"cause", "relay"}})),
      bytes_(metrics.counter("published_bytes_total", "Bytes sent to the relay.", {{"ring", ring}})),
      store_(std::max(max_lag, std::chrono::nanoseconds(1s))) {
  feed_ = std::make_unique<Feed>(
      ring, options, metrics, [this](std::shared_ptr<rtp::PacketBlock> block) { arrived(std::move(block)); });
  feed_->set_viewers(1);
  thread_ = std::thread([this] { run(); });
}

Publisher::~Publisher() {
  stop();
  thread_.join();
}

void Publisher::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);  // or the notice could come between a look and the wait
    quit_.store(true);
  }
  changed_.notify_all();
}

PublisherState Publisher::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Publisher::arrived(std::shared_ptr<rtp::PacketBlock> block) {
  const std::lock_guard lock(mutex_);
  if (block) {
    store_.push(block, monotonic_ns());
  } else {
    store_.clear();
    other_stream_ = true;
  }
  changed_.notify_one();
}

void Publisher::run() {
  std::chrono::nanoseconds pause = kFirstPause;
  while (!quit_.load()) {
    try {
      record();
    } catch (const Error& error) {
      if (!quit_.load()) fault_.report(error.what());
      std::unique_lock lock(mutex_);
      if (state_.recording) {
        pause = kFirstPause;
        ++state_.reconnects;
        reconnects_.add();
      }
      state_.recording = false;
      state_.reason = error.what();
      changed_.wait_for(lock, pause, [this] { return quit_.load(); });
      pause = std::min<std::chrono::nanoseconds>(pause * 2, kLongestPause);
    }
  }
}

// Returns when the stream became another, or at the end.
void Publisher::record() {
  {
    const std::lock_guard lock(mutex_);
    other_stream_ = false;  // from here on: a change during what follows counts
  }
  FeedState feed = feed_->state();
  while (feed.format.codec == Codec::none && !quit_.load()) {
    std::unique_lock lock(mutex_);
    state_.reason = feed.reason.empty() ? "the stream is not known yet" : feed.reason;
    changed_.wait_for(lock, 100ms);
    lock.unlock();
    feed = feed_->state();
  }
  if (quit_.load()) return;
  Link link(url_, quit_);
  (void)link.ask("OPTIONS", url_.request, "");
  rtp::SdpOptions sdp;
  sdp.name = feed_->ring();
  sdp.address = "0.0.0.0";
  sdp.id = feed_->ssrc();
  sdp.version = feed.format_version;
  (void)link.ask("ANNOUNCE", url_.request, "Content-Type: application/sdp\r\n",
                 rtp::make_sdp(feed.format, feed.format.extradata, sdp));
  const rtp::RtspMessage setup = link.ask("SETUP", url_.request + "/trackID=0",
                                          "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n");
  const std::string_view session = setup.header("session");
  const std::string with_session = "Session: " + std::string(session.substr(0, session.find(';'))) + "\r\n";
  (void)link.ask("RECORD", url_.request, with_session + "Range: npt=0.000-\r\n");
  fault_.clear("publishing " + feed_->ring() + " to " + url_.shown);

  StreamCursor cursor(store_, max_lag_);
  std::int64_t now = monotonic_ns();
  std::int64_t alive = now;
  std::int64_t report_due = now;
  std::uint64_t packets = 0, octets = 0;
  {
    const std::lock_guard lock(mutex_);
    state_.recording = true;
    state_.reason.clear();
    if (store_.keyframe() == store_.next()) feed_->request_keyframe();
    cursor.start_cached(now);
  }
  while (!quit_.load()) {
    rtp::BlockPtr block;
    {
      std::unique_lock lock(mutex_);
      if (other_stream_) break;
      const auto take = [&] {
        const rtp::BlockPtr* next = cursor.take(monotonic_ns());
        if (next != nullptr) block = *next;
      };
      take();
      if (!block) {
        changed_.wait_for(lock, 100ms);
        take();
      }
      if (cursor.skipped() != state_.skipped && !block) feed_->request_keyframe();
      state_.skipped = cursor.skipped();
    }
    now = monotonic_ns();
    if (now >= report_due) {
      report_due = now + kReportNs;
      std::vector<std::uint8_t> packet =
          rtp::sender_report({feed_->ssrc(), now + monotonic_to_wall_ns(), feed_->rtp_time(now),
                              static_cast<std::uint32_t>(packets), static_cast<std::uint32_t>(octets)},
                             "camring-" + feed_->ring());
      const std::uint8_t prefix[] = {'$', 1, static_cast<std::uint8_t>(packet.size() >> 8),
                                     static_cast<std::uint8_t>(packet.size())};
      packet.insert(packet.begin(), std::begin(prefix), std::end(prefix));
      link.send(packet);
    }
    if (now - alive > kAliveNs) {
      alive = now;
      link.send_request("OPTIONS", url_.request, with_session);
    }
    link.drain();
    if (!block) continue;
    link.send(block->bytes);
    packets += block->packets.size();
    octets += block->bytes.size() - block->packets.size() * (rtp::kInterleavedBytes + rtp::kHeaderBytes);
    bytes_.add(block->bytes.size());
    const std::lock_guard lock(mutex_);
    ++state_.frames;
    state_.bytes += block->bytes.size();
  }
  link.send_request("TEARDOWN", url_.request, with_session);
  const std::lock_guard lock(mutex_);
  state_.recording = false;
}

}  // namespace camring::rtspserve
