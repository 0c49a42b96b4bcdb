#include "ring/mapping.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace camring {
namespace {

// What boost::interprocess::mapped_region maps: any file descriptor.
class FdHandle {
 public:
  explicit FdHandle(int fd) : fd_(fd) {}
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const { return {fd_, false}; }

 private:
  int fd_;
};

// Watched ranges, looked up by the signal handler: fixed storage and atomics only. `begin` is stored last and
// cleared first, so that the handler never sees a half-written range.
struct Watched {
  std::atomic<bool> taken{false};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> broken{false};
};
std::array<Watched, 512> g_watched;
struct sigaction g_previous;

extern "C" void camring_on_sigbus(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Watched& range : g_watched) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    const std::uintptr_t end = range.end.load(std::memory_order_relaxed);
    if (begin == 0 || address < begin || address >= end) continue;
    range.broken.store(true, std::memory_order_relaxed);
    // mmap is a plain system call on Linux; replacing the whole range means one fault a mapping.
    void* zeros = ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE,
                         MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (zeros != MAP_FAILED) return;
    break;
  }
  if ((g_previous.sa_flags & SA_SIGINFO) != 0 && g_previous.sa_sigaction != nullptr) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    ::signal(SIGBUS, SIG_DFL);  // the access runs again and ends the process as it would have
  }
}

}  // namespace

void install_sigbus_guard() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = camring_on_sigbus;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_previous);
  });
}

Mapping::Mapping(int fd, std::size_t bytes, Access access) {
  namespace ipc = boost::interprocess;
  install_sigbus_guard();
  const bool writing = access == Access::read_write_populated;
  try {
    region_ = ipc::mapped_region(FdHandle(fd), writing ? ipc::read_write : ipc::read_only, 0, bytes, nullptr,
                                 writing ? MAP_SHARED | MAP_POPULATE : MAP_SHARED);
  } catch (const ipc::interprocess_exception& error) {
    throw system_error(error.get_native_error(), "map ring", "",
                       "free some memory or raise the limit (ulimit -v)");
  }
  watch();
}

Mapping::Mapping(Mapping&& other) noexcept
    : region_(std::move(other.region_)), slot_(std::exchange(other.slot_, -1)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    unwatch();
    region_ = std::move(other.region_);
    slot_ = std::exchange(other.slot_, -1);
  }
  return *this;
}

Mapping::~Mapping() { unwatch(); }

bool Mapping::broken() const noexcept {
  return slot_ >= 0 && g_watched.at(static_cast<std::size_t>(slot_)).broken.load(std::memory_order_relaxed);
}

void Mapping::watch() noexcept {
  for (std::size_t i = 0; i < g_watched.size(); ++i) {
    Watched& range = g_watched.at(i);
    if (range.taken.exchange(true, std::memory_order_acquire)) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(data());
    range.broken.store(false, std::memory_order_relaxed);
    range.end.store(begin + size(), std::memory_order_relaxed);
    range.begin.store(begin, std::memory_order_release);
    slot_ = static_cast<int>(i);
    return;
  }
}

void Mapping::unwatch() noexcept {
  if (slot_ < 0) return;
  Watched& range = g_watched.at(static_cast<std::size_t>(slot_));
  range.begin.store(0, std::memory_order_release);
  range.taken.store(false, std::memory_order_release);
  slot_ = -1;
}

}  // namespace camring
