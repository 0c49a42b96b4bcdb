#include "history.h"

#include <algorithm>

namespace camring::sseserve {
namespace {

std::size_t size_of(const Unit& unit) noexcept { return unit.event->size() + unit.bytes->size(); }

bool is_key(const UnitPtr& unit) noexcept { return unit->key; }

}  // namespace

void History::drop_front() noexcept {
  bytes_ -= size_of(*units_.front());
  units_.pop_front();
}

bool History::push(UnitPtr unit) {
  bytes_ += size_of(*unit);
  units_.push_back(std::move(unit));
  const auto too_much = [&] {
    return bytes_ > limits_.bytes ||
           units_.back()->available_ns - units_.front()->available_ns > limits_.span_ns;
  };
  while (too_much()) {
    const auto second = std::find_if(units_.begin() + 1, units_.end(), is_key);
    if (second == units_.end()) break;
    for (auto count = second - units_.begin(); count > 0; --count) drop_front();
  }
  while (bytes_ > limits_.most_bytes && units_.size() > 1) drop_front();
  return is_key(units_.front()) || std::any_of(units_.begin(), units_.end(), is_key);
}

}  // namespace camring::sseserve
