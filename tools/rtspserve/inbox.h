// From a ring's thread to who has the loop's turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/loop.h"

namespace camring::rtspserve {

/// What any thread puts in is taken out in the loop's turn, in order, all that is there at once.
template <class T>
class Inbox {
 public:
  /// @param refused  something was refused since the last call
  using Take = std::function<void(std::vector<T> all, bool refused)>;
  /// Made and destroyed in the loop's turn, or while it does not run; nobody puts anything in any more when
  /// it is destroyed.
  /// @param take  called with the turn
  Inbox(net::Loop& loop, Take take) : loop_(loop), take_(std::move(take)) {}
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
      if (items_.size() > 1) return true;  // somebody is about to take them
    }
    loop_.enter([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) take();
    });
    return true;
  }

 private:
  void take() {
    std::vector<T> items;
    bool refused = false;
    {
      const std::lock_guard lock(mutex_);
      items.swap(items_);
      refused = std::exchange(refused_, false);
    }
    take_(std::move(items), refused);
  }

  net::Loop& loop_;
  Take take_;
  std::mutex mutex_;
  std::vector<T> items_;  // guarded, as what follows
  bool refused_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace camring::rtspserve
