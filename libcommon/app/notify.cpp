#include "app/notify.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <mutex>

#include "base/clock.h"

namespace camring::app {
namespace {
std::mutex g_mutex;  // one Notify a process; sd_notify itself is a datagram
}

Notify::Notify() {
  std::uint64_t interval = 0;
  if (sd_watchdog_enabled(0, &interval) > 0) watchdog_us_ = interval;
}

void Notify::ready() {
  const std::lock_guard lock(g_mutex);
  if (ready_) return;
  ready_ = true;
  sd_notify(0, "READY=1");
}

void Notify::status(const std::string& text) {
  const std::lock_guard lock(g_mutex);
  if (text == status_) return;
  status_ = text;
  sd_notify(0, ("STATUS=" + text).c_str());
}

void Notify::alive() {
  if (watchdog_us_ == 0) return;
  const std::lock_guard lock(g_mutex);
  const std::int64_t now = monotonic_ns();
  if (last_alive_ns_ != 0 && now - last_alive_ns_ < static_cast<std::int64_t>(watchdog_us_) * 1000 / 4)
    return;
  last_alive_ns_ = now;
  sd_notify(0, "WATCHDOG=1");
}

void Notify::reloading() {
  const std::lock_guard lock(g_mutex);
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_ns() / 1000)).c_str());
}

void Notify::ready_again() {
  const std::lock_guard lock(g_mutex);
  sd_notify(0, "READY=1");
}

void Notify::stopping() {
  const std::lock_guard lock(g_mutex);
  sd_notify(0, "STOPPING=1");
}

std::vector<PassedSocket> take_passed_sockets() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  std::vector<PassedSocket> sockets;
  for (int i = 0; i < count; ++i) {
    sockets.push_back(
        {names != nullptr && names[i] != nullptr ? names[i] : "", UniqueFd(SD_LISTEN_FDS_START + i)});
  }
  if (names != nullptr) {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(static_cast<void*>(names));
  }
  return sockets;
}

}  // namespace camring::app
