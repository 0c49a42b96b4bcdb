// What is served where.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/metrics.h"
#include "camera.h"
#include "gate.h"
#include "wishes.h"

namespace camring::sseserve {

/// In the loop's turn.
class Routes {
 public:
  Routes(const std::vector<std::unique_ptr<Camera>>& cameras, const Options& options, Gate& gate,
         net::Server& server, app::Metrics& metrics);
  /// Requests of any content; what makes no sense is answered with 400.
  void serve(const net::Request& request, const net::Reply& reply);
  /// The server is about to end: no new streams.
  void close() noexcept { closing_ = true; }

 private:
  using Bearer = std::optional<net::Claims>;  // absent without tokens
  struct Reserved {
    std::string camera;
    Channel channel;
    std::string quality;
    std::int64_t until_ns;
    Bearer bearer;  // who alone may take it
  };
  [[nodiscard]] Camera* find(const std::string& name) const;
  void get(const net::Request& request, const net::Reply& reply);
  [[nodiscard]] net::Response post(const net::Request& request);
  void open_stream(Camera& camera, const Place& place, const net::Request& request, const net::Reply& reply);
  [[nodiscard]] net::Response subscribe(Camera& camera, const net::Request& request);
  [[nodiscard]] net::Response switch_channel(Camera& camera, const net::Request& request);
  [[nodiscard]] net::Response renew_token(Camera& camera, const net::Request& request);
  [[nodiscard]] net::Response state(const Bearer& bearer) const;
  [[nodiscard]] net::Response sync_stats(const Camera& camera) const;
  [[nodiscard]] net::Response dual_stats(const Bearer& bearer) const;
  [[nodiscard]] net::Response stats(const Bearer& bearer) const;
  [[nodiscard]] net::Response health() const;
  [[nodiscard]] net::Response ready() const;
  [[nodiscard]] net::Response metrics() const;
  [[nodiscard]] std::size_t streams() const;
  [[nodiscard]] std::size_t streams_of(const net::Claims& bearer) const;
  [[nodiscard]] nlohmann::ordered_json hello(const Camera& camera, const Session& session) const;

  const std::vector<std::unique_ptr<Camera>>& cameras_;
  const Options& options_;
  Gate& gate_;
  net::Server& server_;
  app::Metrics& metrics_;
  app::Counter &refused_, &kicked_, &bytes_, &delivered_;
  app::Gauge& connections_;
  app::Histogram& age_;
  std::map<std::string, Reserved> reserved_;  // by connection_id
  bool closing_ = false;
};

}  // namespace camring::sseserve
