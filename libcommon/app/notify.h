// The service manager's protocol (sd_notify(3)): readiness, status, watchdog. All of it does nothing without
// systemd.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace camring::app {

/// From any thread; each call is one datagram at most.
class Notify {
 public:
  Notify();
  void ready();                          ///< READY=1, the first time only
  void status(const std::string& text);  ///< STATUS=…, when it changed
  void alive();      ///< WATCHDOG=1, at most twice a watchdog interval; call while frames progress
  void reloading();  ///< RELOADING=1; call ready_again() when done
  void ready_again();
  void stopping();  ///< STOPPING=1

 private:
  std::uint64_t watchdog_us_ = 0;
  std::int64_t last_alive_ns_ = 0;
  bool ready_ = false;
  std::string status_;
};

/// A socket handed over by the service manager (sd_listen_fds(3)).
struct PassedSocket {
  std::string name;  ///< FileDescriptorName=
  UniqueFd fd;
};
/// Takes all passed sockets, once; a second call finds none.
[[nodiscard]] std::vector<PassedSocket> take_passed_sockets();

}  // namespace camring::app
