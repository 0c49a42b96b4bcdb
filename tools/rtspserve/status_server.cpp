#include "status_server.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace camring::rtspserve {

StatusServer::StatusServer(const std::vector<std::string>& places, Server& rtsp, const Publisher* publisher,
                           app::Metrics& metrics)
    : rtsp_(rtsp),
      publisher_(publisher),
      metrics_(metrics),
      http_({}, [this](const net::Request& request, const net::Reply& reply) { serve(request, reply); }),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const std::string& place : places) http_.add_listener(net::listen_at(net::parse_listen(place), false));
  thread_ = std::thread([this] { http_.run(stop_.get()); });
}

StatusServer::~StatusServer() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

std::vector<std::string> StatusServer::urls() const {
  std::vector<std::string> urls;
  for (const auto& socket : http_.listeners()) urls.push_back(socket.url);
  return urls;
}

// What belongs to the RTSP loop is asked there, and the answer sent from here.
void StatusServer::serve(const net::Request& request, const net::Reply& reply) {
  if (request.method != "GET" && request.method != "HEAD") {
    return reply(net::problem(405, "only GET and HEAD", {{"Allow", "GET, HEAD"}}));
  }
  const std::string& path = request.target.path;
  if (path == "/healthz")
    return reply(net::Response{200, "text/plain; charset=utf-8", {}, "alive\n", nullptr});
  if (path == "/metrics") return reply(net::metrics_response(metrics_.render()));
  if (path != "/state" && path != "/readyz" && path != "/") return reply(net::problem(404, "no such page"));
  rtsp_.post([this, path, reply] {
    net::Response response;
    if (path == "/readyz") {
      const std::string reasons = rtsp_.not_ready();
      response = reasons.empty() ? net::Response{200, "text/plain; charset=utf-8", {}, "ready\n", nullptr}
                                 : net::problem(503, reasons, {{"Retry-After", "2"}});
    } else {
      response = net::json_response(rtsp_.state_json(publisher_));
    }
    http_.post([reply, response = std::move(response)] { reply(response); });
  });
}

}  // namespace camring::rtspserve
