// From a ring's thread into the event loop.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"

namespace camring::rtspserve {

/// What any thread puts in, the loop takes out, in order, all that is there at once.
///
/// Why not Asio's post(): it wakes the loop while it holds the lock that the loop then waits for, which is
/// twice the switches for each frame where many clients are served. (Of few clients post() costs less, which
/// takes two system calls fewer: net::Server uses that.)
template <class T>
class Inbox {
 public:
  /// @param refused  something was refused since the last call
  using Take = std::function<void(std::vector<T> all, bool refused)>;
  /// Made and destroyed in the loop's thread, or while it does not run.
  /// @param take  called in the loop
  /// @throws Error (system) when there are no descriptors left
  Inbox(boost::asio::io_context& loop, Take take) : take_(std::move(take)), event_(loop, make_event()) {
    wait();
  }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread. @return false, and it is refused: as many as `most` (from 1) wait
  bool push(T one, std::size_t most = SIZE_MAX) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= most) {
        refused_ = true;
        return false;
      }
      items_.push_back(std::move(one));
      if (items_.size() > 1) return true;  // the loop has been told
    }
    const std::uint64_t count = 1;
    (void)!::write(event_.native_handle(), &count, sizeof count);
    return true;
  }

 private:
  static int make_event() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw Error(ExitCode::system, "make an event", "", errno_text(errno));
    return fd;
  }
  void wait() {
    event_.async_read_some(
        boost::asio::buffer(&count_, sizeof count_),
        [this, alive = std::weak_ptr(alive_)](boost::system::error_code error, std::size_t) {
          if (error || alive.expired()) return;
          std::vector<T> items;
          bool refused = false;
          {
            const std::lock_guard lock(mutex_);
            items.swap(items_);
            refused = std::exchange(refused_, false);
          }
          take_(std::move(items), refused);
          wait();
        });
  }

  Take take_;
  std::mutex mutex_;
  std::vector<T> items_;  // guarded, as what follows
  bool refused_ = false;
  std::uint64_t count_ = 0;  // what the event is read into
  boost::asio::posix::stream_descriptor event_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace camring::rtspserve
