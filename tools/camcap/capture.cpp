#include "capture.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <thread>

#include "base/clock.h"

namespace camring::camcap {
namespace {

constexpr int kTickMs = 100;
constexpr std::int64_t kPatienceAtStop = 600'000'000;  // a service manager expects the end within a second

// The source's thread; readable `done` and a kept exception tell how it ended.
class CaptureThread {
 public:
  CaptureThread(Source& source, Output& output, const app::Stop& stop)
      : done_(::eventfd(0, EFD_CLOEXEC)), thread_([&source, &output, &stop, this] {
          try {
            source.run(output, stop);
          } catch (...) {
            failure_ = std::current_exception();
          }
          const std::uint64_t one = 1;
          [[maybe_unused]] const auto written = ::write(done_.get(), &one, sizeof one);
        }) {}
  [[nodiscard]] int done_fd() const noexcept { return done_.get(); }
  void wait() { thread_.join(); }
  [[nodiscard]] bool failed() const noexcept { return failure_ != nullptr; }  ///< once it has ended
  /// @throws what ended the thread, once it has ended.
  void pass_failure() {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  UniqueFd done_;
  std::exception_ptr failure_;
  std::thread thread_;
};

bool readable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, timeout_ms) > 0;
}

}  // namespace

ExitCode capture(Source& source, Output& output, app::Context& context) {
  CaptureThread thread(source, output, context.stop);
  bool ended = false;
  while (!ended && !context.stop.requested()) {
    output.tick();
    std::array<pollfd, 2> waiting{{{thread.done_fd(), POLLIN, 0}, {context.stop.fd(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), kTickMs);
    ended = waiting[0].revents != 0;
  }
  const std::int64_t give_up = monotonic_ns() + kPatienceAtStop;
  while (!ended && monotonic_ns() < give_up) {
    output.tick();
    ended = readable(thread.done_fd(), kTickMs);
  }
  if (!ended) {
    app::log_debug("the source does not return; ending without it");
    context.notify.stopping();
    output.close();
    ::_exit(static_cast<int>(ExitCode::ok));
  }
  output.tick();  // a short run is reported as ready, too
  output.close();
  thread.wait();
  // A source that never gave anything has its error, and no figures.
  if (!thread.failed() || output.frames() > 0)
    app::log_info("end of " + std::string(context.stop.requested() ? "run" : "source") + ": " +
                  output.summary());
  thread.pass_failure();
  return ExitCode::ok;
}

}  // namespace camring::camcap
