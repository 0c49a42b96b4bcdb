#include "resolve.h"

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace camring::rtspserve {
namespace {

constexpr auto kLook = std::chrono::milliseconds(50);

// Belongs to who asks and to the thread that looks up; the last of them frees it.
struct Lookup {
  std::string host, port;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;  // guarded, as what follows
  int error = 0;
  Addresses found;
};

void look_up(const std::shared_ptr<Lookup>& lookup) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(lookup->host.c_str(), lookup->port.c_str(), &hints, &found);
  const std::lock_guard lock(lookup->mutex);
  lookup->error = error;
  lookup->found.reset(error == 0 ? found : nullptr);
  lookup->done = true;
  lookup->changed.notify_one();
}

}  // namespace

Addresses resolve(const std::string& host, const std::string& port, const std::atomic<bool>& quit,
                  std::string& reason) {
  const auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  lookup->port = port;
  // Not joined: nothing ends a getaddrinfo() before its time.
  std::thread([lookup] { look_up(lookup); }).detach();
  std::unique_lock lock(lookup->mutex);
  while (!lookup->done && !quit.load()) lookup->changed.wait_for(lock, kLook);
  if (!lookup->done) {
    reason = "the tool ends";
    return nullptr;
  }
  if (lookup->error != 0) reason = ::gai_strerror(lookup->error);
  return std::move(lookup->found);
}

}  // namespace camring::rtspserve
