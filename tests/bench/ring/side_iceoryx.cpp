// iceoryx 2.0: loan, fill, publish; readers sleep in a WaitSet, or take again and again. Its daemon is
// started and ended here, with a pool that fits the frames.
#include "cell.h"

#ifdef BENCH_ICEORYX
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <string>

#include "support/process.h"
#endif

namespace bench {
namespace {

class Iceoryx final : public Side {
 public:
  const char* name() const override { return "iceoryx 2.0"; }
#ifdef BENCH_ICEORYX
  bool available() const override { return ::access("/usr/bin/iox-roudi", X_OK) == 0; }
  bool begin(const Cell& cell) override {
    using namespace std::chrono_literals;
    pool_ = std::string(::getenv("CAMRING_DIR")) + "/roudi.toml";
    // Each reader may hold one frame and have two waiting; the rest is the publisher's.
    std::ofstream(pool_) << "[general]\nversion = 1\n\n[[segment]]\n\n[[segment.mempool]]\nsize = "
                         << cell.bytes + 256 << "\ncount = " << 16 + 3 * cell.readers << "\n";
    auto [said, say] = make_pipe();
    daemon_ = Child::execute({"/usr/bin/iox-roudi", "--config-file", pool_}, say.get());
    say.reset();
    if (!read_until(said.get(), "RouDi is ready", 20s).empty()) {
      said_ = std::move(said);
      return true;
    }
    std::fprintf(stderr, "bench: iox-roudi does not start; does another one run?\n");
    return false;
  }
  void end() override {
    daemon_.signal(SIGTERM);
    daemon_.wait(std::chrono::seconds(5));
    daemon_ = Child();
    said_.reset();
    ::unlink(pool_.c_str());
  }
  void writer(const Cell& cell, Pace& pace) override {
    iox::runtime::PoshRuntime::initRuntime("camring-bench-writer");
    iox::popo::UntypedPublisher publisher({"camring", "bench", "frames"});
    pace.ready();
    while (pace.next()) {
      const Stamp stamp = pace.stamp();
      auto loan = pace.timed([&] { return publisher.loan(static_cast<std::uint32_t>(cell.bytes)); });
      if (loan.has_error()) continue;
      pace.fill(loan.value(), stamp);
      pace.timed([&] { publisher.publish(loan.value()); });
    }
  }
  void reader(const Cell& cell, Probe& probe, int index) override {
    const std::string name = "camring-bench-reader-" + std::to_string(index);
    iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name));
    iox::popo::SubscriberOptions options;
    options.queueCapacity = 2;
    iox::popo::UntypedSubscriber subscriber({"camring", "bench", "frames"}, options);
    iox::popo::WaitSet<> waitset;
    if (!cell.spin) {
      waitset.attachState(subscriber, iox::popo::SubscriberState::HAS_DATA).or_else([](auto) {
        std::abort();
      });
    }
    while (subscriber.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED && !probe.done())
      ::usleep(2000);
    probe.ready();
    while (!probe.done()) {
      if (!cell.spin && waitset.timedWait(iox::units::Duration::fromMilliseconds(100)).empty()) continue;
      subscriber.take().and_then([&](const void* payload) {
        probe.note(payload);
        subscriber.release(payload);
      });
    }
  }

 private:
  std::string pool_;
  Child daemon_;
  camring::UniqueFd said_;  // open as long as the daemon may write to it
#else
  bool available() const override { return false; }
  void writer(const Cell&, Pace&) override {}
  void reader(const Cell&, Probe&, int) override {}
#endif
};

}  // namespace

std::unique_ptr<Side> make_iceoryx() { return std::make_unique<Iceoryx>(); }

}  // namespace bench
