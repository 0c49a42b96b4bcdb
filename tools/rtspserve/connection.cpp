// The transport of a connection: bytes in and out. What requests mean is in requests.cpp.
#include "connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

#include "app/log.h"
#include "base/clock.h"
#include "server_state.h"

namespace camring::rtspserve {
namespace {

constexpr std::size_t kMaxControl = 65536;  // answers that wait; a client that asks on is not read meanwhile

}  // namespace

Connection::Connection(ServerState& server, ByteStream stream, UdpAddress peer, UdpAddress local)
    : server_(server),
      stream_(std::move(stream)),
      events_(server.loop.context(), stream_.fd()),
      peer_(peer),
      local_(local),
      parser_(server.options.max_header_bytes),
      began_ns_(monotonic_ns()),
      heard_ns_(began_ns_),
      progress_ns_(began_ns_) {}

Connection::~Connection() {
  if (events_.is_open()) events_.release();  // the descriptor is the stream's
}

void Connection::start() { await_input(); }

void Connection::await_input() {
  if (reading_ || closed_ || busy_ || control_.size() - control_at_ > kMaxControl) return;
  reading_ = true;
  if (stream_.pending()) {  // inside TLS already: no event will tell of it
    server_.loop.post([self = shared_from_this()] {
      self->reading_ = false;
      if (!self->closed_) self->read();
    });
    return;
  }
  events_.async_wait(asio::posix::stream_descriptor::wait_read,
                     server_.loop.in_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->reading_ = false;
                       if (!error && !self->closed_) self->read();
                     }));
}

void Connection::await_output() {
  if (writing_ || closed_) return;
  writing_ = true;
  events_.async_wait(asio::posix::stream_descriptor::wait_write,
                     server_.loop.in_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->writing_ = false;
                       if (error || self->closed_) return;
                       self->pump();
                       self->work_off();
                     }));
}

void Connection::read() {
  std::array<std::uint8_t, 16384> buffer;
  // One turn of the loop reads so much: a flood waits like everybody.
  for (int turn = 0; turn < 4; ++turn) {
    const auto result = stream_.read(buffer);
    if (result.status == ByteStream::Status::closed) return close("the client went");
    if (result.status == ByteStream::Status::later) break;
    heard_ns_ = monotonic_ns();
    parser_.feed(std::span(buffer).first(result.bytes));
    if (result.bytes < buffer.size() && !stream_.pending()) break;
  }
  work_off();
}

void Connection::work_off() {
  const auto self = shared_from_this();
  while (!closed_ && !busy_ && !close_when_sent_) {
    if (control_.size() - control_at_ > kMaxControl) {
      pump();  // where that makes no room, await_output() brings us back
      if (control_.size() - control_at_ > kMaxControl) break;
      continue;
    }
    const auto result = parser_.next();
    if (result == rtp::RtspParser::Result::more) break;
    if (result == rtp::RtspParser::Result::bad) {
      server_.bad_requests.add();
      answer({}, parser_.error_status());
      close_when_sent_ = true;
      break;
    }
    if (result == rtp::RtspParser::Result::frame) {
      const rtp::InterleavedFrame& frame = parser_.frame();
      for (const auto& session : sessions_) {
        if (session->kind == Session::Kind::tcp && session->channel + 1 == frame.channel) {
          session->received(frame.payload);
        }
      }
      continue;
    }
    server_.requests.add();
    if (parser_.message().method.empty()) continue;  // an answer to nothing that we asked
    handle(std::move(parser_.message()));
  }
  if (closed_) return;
  pump();
  if (!closed_ && !close_when_sent_) await_input();
}

void Connection::answer(const rtp::RtspMessage& request, int status, const Headers& headers,
                        const std::string& body) {
  if (control_at_ > kMaxControl) {  // what has gone makes room
    control_.erase(0, control_at_);
    control_at_ = 0;
  }
  control_ += "RTSP/1.0 " + std::to_string(status) + " " + std::string(rtp::rtsp_reason(status)) + "\r\n";
  if (const auto cseq = request.cseq()) control_ += "CSeq: " + std::to_string(*cseq) + "\r\n";
  control_ += "Server: camring/" CAMRING_VERSION "\r\n";
  for (const auto& [name, value] : headers) control_ += name + ": " + value + "\r\n";
  if (!body.empty()) control_ += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  control_ += "\r\n" + body;
}

void Connection::send_interleaved(std::uint8_t channel, std::span<const std::uint8_t> packet) {
  if (control_.size() - control_at_ > kMaxControl) return;  // who takes nothing needs no reports
  control_ += '$';
  control_ += static_cast<char>(channel);
  control_ += static_cast<char>(packet.size() >> 8);
  control_ += static_cast<char>(packet.size());
  control_.append(reinterpret_cast<const char*>(packet.data()), packet.size());
}

// Takes the next access unit of one of the sessions, each in its turn.
bool Connection::next_block(std::int64_t now) {
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    Session& session = *sessions_[(turn_ + i) % sessions_.size()];
    if (session.kind != Session::Kind::tcp || !session.playing) continue;
    const std::uint64_t before = session.cursor.skipped();
    const bool awaited = session.cursor.awaits_keyframe();
    const rtp::BlockPtr* block = session.cursor.take(now);
    if (const std::uint64_t lost = session.cursor.skipped() - before; lost != 0) {
      session.mount.skipped.add(lost);
      if (!awaited && block == nullptr) session.mount.feed().request_keyframe();
    }
    if (block == nullptr) continue;
    turn_ = (turn_ + i + 1) % sessions_.size();
    block_ = *block;
    sending_ = &session;
    if (session.srtp) {
      own_bytes_ = session.srtp->protect(*block_, session.channel);
      bytes_ = own_bytes_;
    } else if (const auto* shared = block_->for_channel(session.channel)) {
      bytes_ = *shared;
    } else {
      block_->copy_for_channel(session.channel, own_bytes_);
      bytes_ = own_bytes_;
    }
    at_ = 0;
    return true;
  }
  return false;
}

// Nearly every access unit goes to nearly every client like this.
bool Connection::pass_on(Session& session, const rtp::BlockPtr& newest, std::int64_t now) {
  const bool waiting = at_ < bytes_.size() || control_at_ < control_.size() || close_when_sent_;
  const std::vector<std::uint8_t>* bytes =
      waiting || pumping_ || closed_ || session.srtp || sessions_.size() != 1 || stream_.secure()
          ? nullptr
          : newest->for_channel(session.channel);
  if (bytes == nullptr || !session.cursor.take_newest(*newest, now)) {
    pump(now);
    return false;
  }
  const auto result = stream_.write(*bytes);
  const std::size_t put = result.status == ByteStream::Status::done ? result.bytes : 0;
  if (put == bytes->size()) {
    progress_ns_ = now;
    session.count(newest->packets.size(), put - newest->packets.size() * rtp::kInterleavedBytes);
    return true;
  }
  if (put != 0) progress_ns_ = now;
  session.mount.bytes_sent.add(put);
  block_ = newest;
  bytes_ = *bytes;
  at_ = put;
  sending_ = &session;
  pump(now);
  return false;
}

void Connection::pump() { pump(monotonic_ns()); }

void Connection::pump(std::int64_t now) {
  if (pumping_ || closed_) return;
  pumping_ = true;
  for (;;) {
    std::span<const std::uint8_t> rest;
    const bool in_block = at_ < bytes_.size();
    if (in_block) {
      rest = bytes_.subspan(at_);
    } else if (control_at_ < control_.size()) {
      rest = {reinterpret_cast<const std::uint8_t*>(control_.data()) + control_at_,
              control_.size() - control_at_};
    } else {
      control_.clear();
      control_at_ = 0;
      if (close_when_sent_) {
        pumping_ = false;
        return close("the request was no RTSP");
      }
      if (!next_block(now)) break;
      continue;
    }
    const auto result = stream_.write(rest);
    if (result.status == ByteStream::Status::closed) {
      pumping_ = false;
      return close("the client went");
    }
    if (result.status == ByteStream::Status::later) {
      await_output();
      break;
    }
    progress_ns_ = now;
    if (!in_block) {
      control_at_ += result.bytes;
      continue;
    }
    at_ += result.bytes;
    if (sending_ != nullptr) sending_->mount.bytes_sent.add(result.bytes);
    if (at_ < bytes_.size()) continue;
    if (sending_ != nullptr) {
      sending_->count(block_->packets.size(),
                      bytes_.size() - block_->packets.size() * rtp::kInterleavedBytes);
      sending_->mount.frames_sent.add();
      sending_->mount.age.observe(static_cast<double>(progress_ns_ - block_->capture_ns) * 1e-9);
    }
    block_.reset();
    bytes_ = {};
    at_ = 0;
    sending_ = nullptr;
  }
  pumping_ = false;
}

void Connection::check(std::int64_t now) {
  const bool stuck = at_ < bytes_.size() || control_at_ < control_.size();
  if (!stuck) progress_ns_ = now;
  if (now - progress_ns_ > server_.options.kick_after.count()) {
    server_.kicked.add();
    return close("it takes nothing");
  }
  // A client with a session may be silent over TCP: its taking the stream is sign enough.
  if (sessions_.empty() && now - heard_ns_ > server_.options.idle_timeout.count())
    return close("it asks nothing");
  if (sessions_.empty() && now - began_ns_ > 4 * server_.options.idle_timeout.count()) {
    return close("it never set anything up");
  }
  for (std::size_t i = 0; i < sessions_.size();) {
    const std::shared_ptr<Session> session = sessions_[i];
    const bool silent = session->kind != Session::Kind::tcp &&
                        now - session->alive_ns > server_.options.session_timeout.count();
    // Set up and never played, or paused for ever.
    const bool idle = session->kind == Session::Kind::tcp && !session->playing &&
                      now - std::max(session->alive_ns, heard_ns_) > server_.options.session_timeout.count();
    if (silent || idle) {
      server_.remove_session(*session, true);
    } else {
      ++i;
    }
  }
  pump();
}

void Connection::forget(Session* session) noexcept {
  if (sending_ == session) sending_ = nullptr;  // its access unit goes out whole, or the stream would be cut
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == session; });
  turn_ = 0;
  if (sessions_.empty()) began_ns_ = heard_ns_ = monotonic_ns();  // it may set up another
}

void Connection::close(const char* reason) noexcept {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  app::log_debug("client " + peer_.host() + " closed: " + reason);
  const auto all = sessions_;
  for (const auto& session : all) server_.remove_session(*session, false);
  boost::system::error_code ignored;
  events_.cancel(ignored);
  stream_.shutdown();
  server_.forget(this);
}

}  // namespace camring::rtspserve
