// Rings as text: a table for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "ring/ring_list.h"

namespace camring::shmstat {

/// A table with a heading, and below each ring its consumers and what is wrong with it.
[[nodiscard]] std::string table(const std::vector<RingStatus>& rings);

/// One JSON object on a line, without the line's end. Keys carry units; what is unknown is null.
[[nodiscard]] std::string json_line(const RingStatus& ring);

}  // namespace camring::shmstat
