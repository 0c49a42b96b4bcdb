#include "load.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/clock.h"
#include "support/report.h"

namespace bench {
namespace {

constexpr std::int64_t kSpread = 1'000'000'000, kShort = 5'000'000, kStartWithin = 30'000'000'000;

void watch(int epoll, int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Load::Load(int port, bool udp, int clients, int stalled)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), measured_(static_cast<std::size_t>(1 + stalled)) {
  const std::int64_t deadline = camring::monotonic_ns() + kStartWithin;
  LoadResult ignored;
  add(port, udp, false);
  wait_for_pictures(0, deadline);
  std::int64_t next = camring::monotonic_ns();
  read_until(next += next % kSpread, ignored);  // keyframes come at no set time after this
  for (int i = 0; i < stalled + clients; ++i) {
    add(port, udp, i < stalled);
    read_until(next += kSpread / (stalled + clients), ignored);
  }
  wait_for_pictures(measured_, deadline);
  clients_[0].reset();
}

void Load::wait_for_pictures(std::size_t first, std::int64_t deadline_ns) {
  LoadResult ignored;
  while (!std::all_of(clients_.begin() + static_cast<std::ptrdiff_t>(first), clients_.end(),
                      [](const auto& client) { return client->first_picture_ms() >= 0; })) {
    if (camring::monotonic_ns() > deadline_ns) throw std::runtime_error("not all clients got a picture");
    read_until(camring::monotonic_ns() + kShort, ignored);
  }
}

void Load::add(int port, bool udp, bool stalled) {
  const std::uint64_t tag = 2 * clients_.size();
  clients_.push_back(std::make_unique<Client>(port, udp, stalled));
  watch(epoll_.get(), clients_.back()->control_fd(), tag);
  if (udp) watch(epoll_.get(), clients_.back()->media_fd(), tag + 1);
}

void Load::read_until(std::int64_t end_ns, LoadResult& result) {
  std::array<epoll_event, 256> events;
  for (std::int64_t now; (now = camring::monotonic_ns()) < end_ns;) {
    const auto wait = static_cast<int>((end_ns - now + 999'999) / 1'000'000);
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
      Client& client = *clients_[events[i].data.u64 / 2];
      if (events[i].data.u64 % 2 != 0) {
        client.read_media(result);
        continue;
      }
      client.read_control(result);
      if (client.reads_no_more()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client.control_fd(), nullptr);
    }
  }
}

LoadResult Load::run(double seconds) {
  LoadResult result;
  read_until(camring::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9), result);
  return result;
}

double Load::first_picture_ms() const {
  std::vector<double> times;
  for (std::size_t i = measured_; i < clients_.size(); ++i) times.push_back(clients_[i]->first_picture_ms());
  return median(times);
}

}  // namespace bench
