// The control channel: a SOCK_SEQPACKET socket beside the ring, served by its writer. A connection is a
// consumer's presence; the kernel ends it when the consumer dies. Messages are hints; losing them harms
// nobody.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace camring {

/// A message from consumer to writer: exactly 64 bytes, little-endian. Anything else closes the connection.
struct ControlMessage {
  enum class Type : std::uint32_t {
    hello = 1,     ///< label: who this is; frames are wanted from now on
    keyframe = 2,  ///< please make a keyframe soon
    report = 3,    ///< seen and missed: totals of this consumer
    statistics =
        4,  ///< answer with one JSON datagram (this connection is then no consumer unless it said hello)
    correction = 5,  ///< seen: delay this ring's frames by so many ns; missed: the advice holds for so many
                     ///< ns, 0 takes it back; label: the ring that it was measured against
  };
  std::uint32_t magic = kMagic;
  Type type = Type::hello;
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  std::array<char, 40> label{};  ///< printable ASCII, NUL-padded

  static constexpr std::uint32_t kMagic = 0x4c544352;  // "RCTL"
};
static_assert(sizeof(ControlMessage) == 64);

/// A connected consumer, as the writer sees it.
struct Consumer {
  pid_t pid = 0;  ///< from SO_PEERCRED, in the writer's pid namespace
  uid_t uid = 0;
  std::string command;                 ///< /proc/PID/comm at the time of hello
  std::string label;                   ///< what it calls itself
  std::uint64_t seen = 0, missed = 0;  ///< its own report
  std::int64_t connected_ns = 0;       ///< CLOCK_MONOTONIC
};

/// Advice to whoever shows this ring beside another one: hold its frames back. The writer only keeps it.
struct Correction {
  std::int64_t delay_ns = 0;  ///< 0 to kMaxDelayNs
  std::int64_t valid_ns = 0;  ///< from when the writer got it; at most kMaxValidNs
  std::int64_t age_ns = 0;    ///< since the writer got it
  std::string against;        ///< the ring that it was measured against

  static constexpr std::int64_t kMaxDelayNs = 60'000'000'000;
  static constexpr std::int64_t kMaxValidNs = 60'000'000'000;
};

}  // namespace camring
