// The least that serving events can cost: the same bytes sent to as many sockets by a loop that does nothing
// else.
#pragma once

#include "sse/content.h"

namespace bench {

/// Listens on a free port of 127.0.0.1, writes "http://127.0.0.1:PORT/" to `url_fd`, answers any request with
/// an endless stream, and sends each event to all clients with one system call each, until killed.
[[noreturn]] void serve_at_the_limit(const Content& content, int url_fd);

}  // namespace bench
