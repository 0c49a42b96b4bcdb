// iceoryx 2.0: loan, fill, publish; readers sleep in a WaitSet. Its daemon is started and ended here.
#include "harness.h"

#ifdef BENCH_ICEORYX
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <string>
#endif

namespace bench {
namespace {

class Iceoryx final : public Side {
 public:
  const char* name() const override { return "iceoryx 2.0"; }
#ifdef BENCH_ICEORYX
  void begin(const Cell&) override {
    daemon_ = ::fork();
    if (daemon_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
      ::execlp("iox-roudi", "iox-roudi", nullptr);
      ::_exit(127);
    }
    ::usleep(1'500'000);  // it says ready on its terminal only
  }
  void end() override {
    ::kill(daemon_, SIGTERM);
    ::waitpid(daemon_, nullptr, 0);
  }
  bool available() const override { return ::access("/usr/bin/iox-roudi", X_OK) == 0; }
  void writer(const Cell& cell, Shared& shared) override {
    iox::runtime::PoshRuntime::initRuntime("bench-writer");
    iox::popo::UntypedPublisher publisher({"camring", "bench", "frames"});
    const std::vector<std::uint8_t> source(cell.bytes, 7);
    paced(shared, cell, [&](int frame) {
      const Stamp stamp{camring::monotonic_ns(), frame};
      publisher.loan(static_cast<std::uint32_t>(cell.bytes))
          .and_then([&](auto& payload) {
            std::memcpy(payload, source.data(), source.size());
            std::memcpy(payload, &stamp, sizeof stamp);
            publisher.publish(payload);
          })
          .or_else([](auto&){});
    });
  }
  void reader(const Cell& cell, Shared& shared, int index) override {
    const std::string name = "bench-reader-" + std::to_string(index);
    iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name));
    iox::popo::SubscriberOptions options;
    options.queueCapacity = 2;
    iox::popo::UntypedSubscriber subscriber({"camring", "bench", "frames"}, options);
    iox::popo::WaitSet<> waitset;
    waitset.attachState(subscriber, iox::popo::SubscriberState::HAS_DATA).or_else([](auto) { ::_exit(1); });
    while (subscriber.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) ::usleep(2000);
    ++shared.ready;
    while (!shared.done) {
      const auto events = waitset.timedWait(iox::units::Duration::fromMilliseconds(100));
      if (events.empty()) continue;
      subscriber.take().and_then([&](const void* payload) {
        note(shared, cell, index, payload);
        subscriber.release(payload);
      });
    }
  }

 private:
  pid_t daemon_ = -1;
#else
  bool available() const override { return false; }
  void writer(const Cell&, Shared&) override {}
  void reader(const Cell&, Shared&, int) override {}
#endif
};

}  // namespace

std::unique_ptr<Side> make_iceoryx() { return std::make_unique<Iceoryx>(); }

}  // namespace bench
