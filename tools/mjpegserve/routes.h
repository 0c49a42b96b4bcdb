// What each URL means.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/metrics.h"
#include "feed.h"
#include "net/server.h"

namespace camring::mjpegserve {

/// Answers requests in the loop's turn. `/NAME/stream` and the like mean ring NAME; without a name the first
/// ring.
class Routes {
 public:
  Routes(const std::vector<std::unique_ptr<Feed>>& feeds, net::Server& server, app::Metrics& metrics);
  void serve(const net::Request& request, const net::Reply& reply);

 private:
  void stream(Feed& feed, const net::Request& request, const net::Reply& reply);
  void snapshot(Feed& feed, const net::Request& request, const net::Reply& reply);
  [[nodiscard]] net::Response ready(const Feed* only) const;
  [[nodiscard]] net::Response state() const;
  [[nodiscard]] net::Response metrics() const;
  [[nodiscard]] Feed* find(const std::string& name) const;

  const std::vector<std::unique_ptr<Feed>>& feeds_;
  net::Server& server_;
  app::Metrics& metrics_;
  app::Gauge& connections_;
  app::Counter &refused_, &kicked_;
};

}  // namespace camring::mjpegserve
