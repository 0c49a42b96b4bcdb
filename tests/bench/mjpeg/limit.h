// The least that serving can cost: the same bytes written to as many sockets by a loop that does nothing
// else.
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

/// Listens on a free port of 127.0.0.1, writes its URL to `url_fd`, takes `clients` connections, then sends
/// head and payload to each of them 30 times a second, until killed.
[[noreturn]] void serve_at_the_limit(const std::vector<std::uint8_t>& payload, int clients, int url_fd);

}  // namespace bench
