// /state, /healthz, /readyz and /metrics over HTTP, in a thread of its own so that nobody's question delays a
// frame.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "app/metrics.h"
#include "base/unique_fd.h"
#include "net/server.h"
#include "publisher.h"
#include "server.h"

namespace camring::rtspserve {

class StatusServer {
 public:
  /// Listens at each place and starts. `publisher` may be null. @throws Error as net::listen_at.
  StatusServer(const std::vector<std::string>& places, Server& rtsp, const Publisher* publisher,
               app::Metrics& metrics);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;
  [[nodiscard]] std::vector<std::string> urls() const;

 private:
  void serve(const net::Request& request, const net::Reply& reply);
  Server& rtsp_;
  const Publisher* publisher_;
  app::Metrics& metrics_;
  net::Server http_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace camring::rtspserve
