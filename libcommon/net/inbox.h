// From other threads into an event loop. For what is built on Asio itself; tools on net::Server use its
// post().
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

namespace camring::net {

/// What any thread puts in, the loop takes out, in order, all that is there at once. It has no bound of its
/// own: who puts in looks at size().
///
/// Why not Asio's post(): it wakes the loop while it holds the lock that the loop then waits for, which is
/// twice the switches for each frame.
template <class T>
class Inbox {
 public:
  /// Made and destroyed in the loop's thread, or while it does not run.
  /// @param take  called in the loop
  /// @throws Error (system) when there are no descriptors left
  Inbox(boost::asio::io_context& loop, std::function<void(std::vector<T>)> take)
      : take_(std::move(take)), event_(loop, make_event()) {
    wait();
  }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread.
  void push(T one) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(one));
      if (items_.size() > 1) return;  // the loop has been told
    }
    const std::uint64_t count = 1;
    (void)!::write(event_.native_handle(), &count, sizeof count);
  }
  /// How many wait. Any thread.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
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
          {
            const std::lock_guard lock(mutex_);
            items.swap(items_);
          }
          take_(std::move(items));
          wait();
        });
  }

  std::function<void(std::vector<T>)> take_;
  mutable std::mutex mutex_;
  std::vector<T> items_;     // guarded
  std::uint64_t count_ = 0;  // what the event is read into
  boost::asio::posix::stream_descriptor event_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace camring::net
