// The least that serving can cost: the same packets sent to as many sockets by a loop that does nothing else.
#pragma once

#include "clip.h"

namespace bench {

/// Listens on a free port of 127.0.0.1, writes "rtsp://127.0.0.1:PORT/bench" to `url_fd`, answers requests
/// with what stands ready, and sends each access unit to all that play, until killed. TCP: one system call a
/// client and frame. UDP: one for all clients and a frame, cut into packets by the kernel (UDP_SEGMENT).
[[noreturn]] void serve_at_the_limit(const Clip& clip, bool udp, int url_fd);

}  // namespace bench
