// What RTSP's requests mean (RFC 2326, section 10).
#include <array>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "app/log.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/http.h"
#include "rtp/sdp.h"
#include "server_state.h"

namespace camring::rtspserve {
namespace {

using namespace std::chrono_literals;
using rtp::RtspMessage;

constexpr const char* kMethods =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
constexpr const char* kRealm = "camring";
constexpr auto kFormatPatience = 5s;
constexpr std::size_t kMaxSessions = 8;  // on one connection
constexpr std::size_t kMaxHashing = 16;
constexpr std::uint16_t kFirstOpenPort = 1024;

// "12345;timeout=60" -> "12345"
std::string session_id(const RtspMessage& request) {
  const std::string_view value = request.header("session");
  return std::string(value.substr(0, value.find_first_of("; ")));
}

std::string new_id() {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return {};
  std::string text;
  for (const unsigned byte : random) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02X", byte);
    text += hex.data();
  }
  return text;
}

// The URL of the stream as the client wrote it, without query and with one slash at its end.
std::string base_of(std::string_view url) {
  url = url.substr(0, url.find('?'));
  while (url.ends_with('/')) url.remove_suffix(1);
  if (url.ends_with("/trackID=0")) url.remove_suffix(10);
  return std::string(url) + "/";
}

}  // namespace

void Connection::handle(RtspMessage request) {
  const auto url = rtp::parse_rtsp_url(request.url);
  if (!request.cseq() || !url) {
    server_.bad_requests.add();
    return answer(request, 400);
  }
  if (!request.header("require").empty() || !request.header("proxy-require").empty()) {
    const std::string_view unknown =
        request.header("require").empty() ? request.header("proxy-require") : request.header("require");
    return answer(request, 551, {{"Unsupported", std::string(unknown)}});
  }
  if (request.method == "OPTIONS") return serve(request, {});
  std::string rest;
  Mount* mount = server_.find_mount(url->path, rest);
  if (mount == nullptr && (url->path.empty() || url->path == "/") && !session_id(request).empty()) {
    // Some clients keep a session alive with "*".
    const auto found = server_.sessions.find(session_id(request));
    if (found != server_.sessions.end()) mount = &found->second->mount;
  }
  if (mount == nullptr) return answer(request, 404);
  authenticate(request, *mount);
}

void Connection::authenticate(const RtspMessage& request, Mount& mount) {
  const auto passwords = server_.passwords_for(mount.name());
  if (!passwords) return serve(request, {});
  const std::string authorization(request.header("authorization"));
  const std::int64_t now = monotonic_ns();
  bool stale = false;
  if (const auto fields = net::parse_digest(authorization)) {
    const auto verdict = server_.nonces.check(fields->nonce, now);
    const auto algorithm = net::digest_algorithm(*fields);
    const auto password = passwords->plain(fields->username);
    const auto signed_url = rtp::parse_rtsp_url(fields->uri);
    std::string rest;
    const bool here =
        fields->uri == request.url || (signed_url && server_.find_mount(signed_url->path, rest) == &mount);
    if (verdict != net::Nonces::Verdict::bad && algorithm && password && here && fields->realm == kRealm) {
      const std::string expected =
          net::digest_response(*algorithm, *fields, fields->username, *password, request.method);
      if (expected.size() == fields->response.size() &&
          CRYPTO_memcmp(expected.data(), fields->response.data(), expected.size()) == 0) {
        if (verdict == net::Nonces::Verdict::good) return serve(request, fields->username);
        stale = true;
      }
    }
  } else if (const auto user = passwords->known(authorization)) {
    return serve(request, *user);
  } else if (net::parse_basic(authorization)) {
    // Too many guess at once: who has the right password shall not be told that it is wrong.
    if (server_.hashing_now >= kMaxHashing) return answer(request, 503, {{"Retry-After", "1"}});
    // Hashing takes milliseconds: meanwhile the others go on, and this connection waits.
    busy_ = true;
    ++server_.hashing_now;
    asio::post(server_.hashing, [self = shared_from_this(), passwords, request, authorization] {
      auto checked = passwords->check(authorization);
      self->server_.loop.post([self, passwords, request, checked = std::move(checked)] {
        --self->server_.hashing_now;
        self->busy_ = false;
        if (self->closed_) return;
        if (checked) {
          self->serve(request, *checked);
        } else {
          self->challenge(request, *passwords, false);
        }
        self->work_off();
      });
    });
    return;
  }
  challenge(request, *passwords, stale);
}

void Connection::challenge(const RtspMessage& request, const net::PasswordFile& passwords, bool stale) {
  Headers challenges;
  // A client that knows Digest uses nothing else: it is offered where it works for everybody in the file.
  if (passwords.all_plain()) {
    const std::string digest = std::string("Digest realm=\"") + kRealm + "\", nonce=\"" +
                               server_.nonces.make(monotonic_ns()) + "\"" + (stale ? ", stale=true" : "");
    challenges.emplace_back("WWW-Authenticate", digest + ", algorithm=SHA-256");
    challenges.emplace_back("WWW-Authenticate", digest + ", algorithm=MD5");
  }
  challenges.emplace_back("WWW-Authenticate", std::string("Basic realm=\"") + kRealm + "\"");
  answer(request, 401, challenges);
}

void Connection::serve(const RtspMessage& request, const std::string& user) {
  const std::string& method = request.method;
  if (method == "OPTIONS") {
    if (const auto found = server_.sessions.find(session_id(request)); found != server_.sessions.end()) {
      found->second->alive_ns = monotonic_ns();
    }
    return answer(request, 200, {{"Public", kMethods}});
  }
  if (method == "ANNOUNCE" || method == "RECORD" || method == "REDIRECT") {
    return answer(request, 405, {{"Allow", kMethods}});
  }
  const auto url = rtp::parse_rtsp_url(request.url);
  std::string rest;
  Mount* mount = server_.find_mount(url->path, rest);
  if (method == "DESCRIBE" && mount != nullptr) {
    if (!rest.empty()) return answer(request, 404);
    return describe(request, *mount, url->query);
  }
  if (method == "SETUP" && mount != nullptr) {
    // A stream's own URL is taken for its only track.
    if (!rest.empty() && rest != "trackID=0") return answer(request, 404);
    return setup(request, *mount, user);
  }
  if (method != "PLAY" && method != "PAUSE" && method != "TEARDOWN" && method != "GET_PARAMETER" &&
      method != "SET_PARAMETER") {
    return answer(request, 501, {{"Public", kMethods}});
  }
  const auto found = server_.sessions.find(session_id(request));
  // A session belongs to the connection that made it, and to the stream that it was made for.
  const bool known = found != server_.sessions.end() && found->second->connection == this &&
                     (mount == nullptr || &found->second->mount == mount);
  if (!known) {
    if (method == "GET_PARAMETER" && session_id(request).empty() && request.body.empty())
      return answer(request, 200);
    return answer(request, 454);
  }
  const std::shared_ptr<Session> session = found->second;
  session->alive_ns = monotonic_ns();
  const Headers with_session{{"Session", session->id}};
  if (method == "PLAY") return play(request, *session);
  if (method == "PAUSE") {
    // The packets left out would make sender and receiver count differently (RFC 3711, section 3.3.1).
    if (session->srtp) return answer(request, 455, {{"Allow", "PLAY, TEARDOWN, GET_PARAMETER"}});
    if (session->playing) {
      auto* group = session->kind == Session::Kind::multicast ? server_.group_of(session->mount) : nullptr;
      if (group != nullptr) {
        session->playing = false;
        if (--group->members == 0) session->mount.pause(*group->sender);
      } else {
        session->mount.pause(*session);
      }
    }
    return answer(request, 200, with_session);
  }
  if (method == "TEARDOWN") {
    server_.remove_session(*session, false);
    return answer(request, 200, with_session);
  }
  if (request.body.empty()) return answer(request, 200, with_session);  // a sign of life
  answer(request, 451, with_session);
}

void Connection::describe(const RtspMessage& request, Mount& mount, const std::string& query) {
  const std::string_view accept = request.header("accept");
  if (!accept.empty() && accept.find("application/sdp") == std::string_view::npos &&
      accept.find("*/*") == std::string_view::npos) {
    return answer(request, 406);
  }
  busy_ = true;
  const bool now_known = mount.feed().state().format.codec != Codec::none;
  mount.when_known(
      kFormatPatience, [self = shared_from_this(), request, query, &mount, now_known](bool known) {
        self->busy_ = false;
        if (self->closed_) return;
        if (!known) {
          app::log_debug("DESCRIBE of " + mount.name() + ": " + mount.feed().state().reason);
          self->answer(request, 503, {{"Retry-After", "2"}});
        } else {
          const FeedState state = mount.feed().state();
          rtp::SdpOptions sdp;
          sdp.name = mount.name();
          sdp.address = self->local_.host().empty() ? "0.0.0.0" : self->local_.host();
          sdp.id = static_cast<std::uint64_t>(mount.feed().ssrc()) << 16 | 1;
          sdp.version = state.format_version;
          if (query.find("srtp") != std::string::npos && self->stream_.secure()) {
            const SrtpKey& key = self->srtp_keys_[mount.name()] = SrtpKey::random();
            sdp.crypto = key.crypto_line();
          }
          self->answer(request, 200,
                       {{"Content-Base", base_of(request.url)}, {"Content-Type", "application/sdp"}},
                       rtp::make_sdp(state.format, state.format.extradata, sdp));
        }
        if (!now_known) self->work_off();
      });
}

// Fills in what the transport wants, and says so in `answer`. False: not with us.
bool Connection::prepare(Session& session, const rtp::Transport& transport, std::string& answer) {
  std::array<char, 16> ssrc{};
  std::snprintf(ssrc.data(), ssrc.size(), "%08X", session.mount.feed().ssrc());
  const std::string profile = session.srtp ? "RTP/SAVP" : "RTP/AVP";
  if (session.kind == Session::Kind::tcp) {
    std::uint8_t channel = 0;
    if (transport.channel) {
      channel = *transport.channel;
      for (const auto& other : sessions_) {
        if (other->kind == Session::Kind::tcp && std::abs(other->channel - channel) < 2) return false;
      }
    } else {
      for (const auto& other : sessions_) {
        if (other->kind == Session::Kind::tcp) channel = std::max<std::uint8_t>(channel, other->channel + 2);
      }
    }
    session.channel = channel;
    answer = profile + "/TCP;unicast;interleaved=" + std::to_string(channel) + "-" +
             std::to_string(channel + 1) + ";ssrc=" + ssrc.data();
    return true;
  }
  if (session.kind == Session::Kind::multicast) {
    const auto* group = server_.group_of(session.mount);
    if (group == nullptr) return false;
    answer = profile + ";multicast;destination=" + group->rtp.host() +
             ";port=" + std::to_string(group->rtp.port()) + "-" + std::to_string(group->rtcp.port()) +
             ";ttl=" + std::to_string(server_.options.ttl);
    return true;
  }
  if (!server_.udp || !server_.options.udp || !transport.rtp_port || peer_.host().empty()) return false;
  // Another host's address, or a port where services live, would make of us a weapon.
  if (*transport.rtp_port < kFirstOpenPort || *transport.rtcp_port < kFirstOpenPort) return false;
  if (!transport.destination.empty() && transport.destination != peer_.host()) return false;
  // Twice the stream to one place serves nobody. The newer is the one that somebody waits for: a recorder
  // that lost its power comes back with the same ports.
  std::shared_ptr<Session> older;
  for (const auto& [id, other] : server_.sessions) {
    if (other->kind == Session::Kind::udp && &other->mount == &session.mount &&
        other->rtp_to.port() == *transport.rtp_port && other->rtp_to.same_host(peer_)) {
      older = other;
    }
  }
  if (older) server_.remove_session(*older, false);
  session.rtp_to = server_.udp->adapt(peer_.with_port(*transport.rtp_port));
  session.rtcp_to = server_.udp->adapt(peer_.with_port(*transport.rtcp_port));
  // A client behind a firewall, or one that compares, takes packets only from where it connected to.
  session.from = server_.udp->adapt(local_);
  const std::uint16_t port = server_.udp->rtp_port();
  answer = profile + ";unicast;client_port=" + std::to_string(*transport.rtp_port) + "-" +
           std::to_string(*transport.rtcp_port) + ";server_port=" + std::to_string(port) + "-" +
           std::to_string(port + 1) + ";source=" + local_.host() + ";ssrc=" + ssrc.data();
  return true;
}

void Connection::setup(const RtspMessage& request, Mount& mount, const std::string& user) {
  if (const std::string id = session_id(request); !id.empty()) {
    // There is one track: a session that has it can't have it again.
    const auto found = server_.sessions.find(id);
    const bool ours = found != server_.sessions.end() && found->second->connection == this;
    return answer(request, ours ? 459 : 454);
  }
  if (sessions_.size() >= kMaxSessions) return answer(request, 453);
  for (const rtp::Transport& transport : rtp::parse_transport(request.header("transport"))) {
    if (transport.record) continue;
    const auto kind = transport.kind == rtp::Transport::Kind::tcp   ? Session::Kind::tcp
                      : transport.kind == rtp::Transport::Kind::udp ? Session::Kind::udp
                                                                    : Session::Kind::multicast;
    const auto key = srtp_keys_.find(mount.name());
    if (transport.secure && key == srtp_keys_.end()) continue;  // nobody told the client a key
    auto session = std::make_shared<Session>(new_id(), mount, kind, mount.store(), mount.options().max_lag);
    if (session->id.empty()) return answer(request, 500);
    // A client that asked for SRTP in its DESCRIBE gets it, under whichever profile it sets up.
    if (key != srtp_keys_.end() && kind != Session::Kind::multicast) {
      session->srtp = std::make_unique<SrtpSender>(key->second, mount.feed().ssrc());
    }
    std::string chosen;
    if (!prepare(*session, transport, chosen)) continue;
    // A key serves one session: a second would begin its packet counts anew under it.
    if (session->srtp) srtp_keys_.erase(mount.name());
    session->connection = this;
    session->peer = peer_.host();
    session->user = user;
    session->alive_ns = session->began_ns = monotonic_ns();
    server_.sessions[session->id] = session;
    sessions_.push_back(session);
    mount.feed().want();
    const std::string timeout = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(server_.options.session_timeout).count());
    return answer(request, 200, {{"Transport", chosen}, {"Session", session->id + ";timeout=" + timeout}});
  }
  answer(request, 461);
}

void Connection::play(const RtspMessage& request, Session& session) {
  Headers headers{{"Session", session.id}, {"Range", "npt=now-"}};
  if (session.playing) return answer(request, 200, headers);
  const rtp::BlockPtr* first = nullptr;
  if (session.kind == Session::Kind::multicast) {
    auto* group = server_.group_of(session.mount);
    if (group == nullptr) return answer(request, 461);
    session.playing = true;
    if (group->members++ == 0) {
      session.mount.play(*group->sender);
    } else {
      session.mount.feed().request_keyframe();  // the others' stream goes on; this one needs a place to begin
    }
  } else {
    first = session.mount.play(session);
  }
  if (first != nullptr) {
    headers.emplace_back("RTP-Info", "url=" + base_of(request.url) +
                                         "trackID=0;seq=" + std::to_string((*first)->first_seq) +
                                         ";rtptime=" + std::to_string((*first)->rtp_time));
  }
  answer(request, 200, headers);
  const std::int64_t now = monotonic_ns();
  session.report_due_ns = now + 2'500'000'000;
  const std::vector<std::uint8_t> report = session.sender_report(now);
  if (session.kind == Session::Kind::tcp)
    send_interleaved(static_cast<std::uint8_t>(session.channel + 1), report);
  if (session.kind == Session::Kind::udp) server_.udp->send_one(report, session.rtcp_path(), true);
}

}  // namespace camring::rtspserve
