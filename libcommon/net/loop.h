// An event loop that other threads can step into.
#pragma once

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "base/clock.h"

namespace camring::net {

/// Calls handlers with the loop's turn: an executor as the Networking TS has them (N4771, section 13.2).
class Turn {
 public:
  Turn(boost::asio::io_context& context, std::recursive_mutex& mutex) noexcept
      : context_(&context), mutex_(&mutex) {}
  [[nodiscard]] boost::asio::execution_context& context() const noexcept { return *context_; }
  void on_work_started() const noexcept {}  // what a handler waits for keeps the loop going
  void on_work_finished() const noexcept {}
  template <class Function, class Allocator>
  void dispatch(Function&& function, const Allocator&) const {
    const std::lock_guard lock(*mutex_);
    std::decay_t<Function> now(std::forward<Function>(function));  // what it owns goes within the turn, too
    now();
  }
  template <class Function, class Allocator>
  void post(Function&& function, const Allocator& allocator) const {
    boost::asio::post(*context_,
                      [turn = *this, allocator,
                       later = std::decay_t<Function>(std::forward<Function>(function))]() mutable {
                        turn.dispatch(std::move(later), allocator);
                      });
  }
  template <class Function, class Allocator>
  void defer(Function&& function, const Allocator& allocator) const {
    post(std::forward<Function>(function), allocator);
  }
  bool operator==(const Turn& other) const noexcept { return mutex_ == other.mutex_; }
  bool operator!=(const Turn& other) const noexcept { return mutex_ != other.mutex_; }

 private:
  boost::asio::io_context* context_;
  std::recursive_mutex* mutex_;
};

/// One thread runs it; whoever has the turn may touch what lives in it. Handlers have the turn, bound to it
/// as they would be to a strand, and so do the tasks of other threads: with a strand these would be left to
/// the loop's thread, which is a thread to wake for each frame that comes out of a ring. So it sleeps on, and
/// who has the frame sends it.
class Loop {
 public:
  /// For Asio's objects that live in the loop. Their handlers must be bound: in_turn().
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// `callable`, to be called with the turn.
  template <class Callable>
  [[nodiscard]] auto in_turn(Callable&& callable) {
    return boost::asio::bind_executor(Turn(context_, mutex_), std::forward<Callable>(callable));
  }

  /// Any thread: `task` is called with the turn, by the loop's thread and soon.
  template <class Task>
  void post(Task&& task) {
    boost::asio::post(context_, in_turn(std::forward<Task>(task)));
  }
  /// Any thread: `task` is called at once and by this thread, where nobody has the turn; else as by post(),
  /// also by who has it, and before and after run(). It never waits: who has the turn may be sending to
  /// thousands. Where the last such task took long the loop's thread does it: to wake that costs little then,
  /// and this one has its ring to read. What a task throws comes out of run(), as of a handler.
  template <class Task>
  void enter(Task task) {
    if (const std::unique_lock turn(mutex_, std::try_to_lock); turn && may_enter()) {
      entered_ = true;
      try {
        timed(task);
      } catch (...) {
        post([error = std::current_exception()] { std::rethrow_exception(error); });
      }
      entered_ = false;
      return;
    }
    post([this, task = std::move(task)]() mutable { timed(task); });
  }

  /// In the turn, or before run(): `task` is called with the turn, after `delay`.
  void after(std::chrono::nanoseconds delay, std::function<void()> task) {
    auto timer = std::make_shared<boost::asio::steady_timer>(context_, delay);
    timer->async_wait(in_turn([timer, task = std::move(task)](boost::system::error_code error) {
      if (!error) task();
    }));
  }
  /// At the clock's next multiple of `interval`, so that one waking serves all who do something now and then.
  void at_next(std::chrono::nanoseconds interval, std::function<void()> task) {
    after(interval - std::chrono::nanoseconds(monotonic_ns()) % interval, std::move(task));
  }
  /// At each multiple of `interval`, for as long as the loop goes round.
  void every(std::chrono::nanoseconds interval, std::function<void()> task) {
    at_next(interval, [this, interval, task = std::move(task)] {
      task();
      every(interval, task);
    });
  }

  /// Goes round until stop().
  /// @throws what handlers and tasks throw
  void run() {
    const auto work = boost::asio::make_work_guard(context_);
    const Running running(*this);
    context_.run();
  }
  void stop() { context_.stop(); }
  /// Whether this is the thread that runs it.
  [[nodiscard]] bool here() noexcept { return context_.get_executor().running_in_this_thread(); }

 private:
  static constexpr std::int64_t kLongNs = 5'000'000;

  // Also on the way out of an exception: who is inside is waited for, nobody comes in any more.
  class Running {
   public:
    explicit Running(Loop& loop) : loop_(loop) { set(true); }
    ~Running() { set(false); }

   private:
    void set(bool running) {
      const std::lock_guard lock(loop_.mutex_);
      loop_.running_ = running;
    }
    Loop& loop_;
  };

  [[nodiscard]] bool may_enter() noexcept { return running_ && !entered_ && !long_ && !here(); }
  template <class Task>
  void timed(Task& task) {
    const std::int64_t began = monotonic_ns();
    task();
    long_ = monotonic_ns() - began > kLongNs;
  }

  boost::asio::io_context context_{1};
  std::recursive_mutex mutex_;  // the turn: a handler may call what takes it again
  bool running_ = false;
  bool entered_ = false;  // by another thread
  bool long_ = false;     // the last task of another thread
};

}  // namespace camring::net
