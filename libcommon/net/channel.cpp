#include "net/channel.h"

#include <algorithm>

namespace camring::net {

void Channel::publish(std::shared_ptr<Chunk> chunk) {
  chunk->sequence = ++sequence_;
  latest_ = std::move(chunk);
  // Waking may end a client and so shorten the list: walk backwards, by index.
  for (std::size_t i = subscribers_.size(); i-- > 0;) {
    if (i < subscribers_.size()) subscribers_[i]->wake();
  }
}

void Channel::remove(Subscriber* subscriber) noexcept {
  const auto found = std::find(subscribers_.begin(), subscribers_.end(), subscriber);
  if (found == subscribers_.end()) return;
  *found = subscribers_.back();
  subscribers_.pop_back();
}

}  // namespace camring::net
