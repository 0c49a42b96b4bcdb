// Who may read a ring: --mode and --group, the same words in every tool that writes one.
#pragma once

#include <grp.h>
#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "app/options.h"

namespace camring::app {

struct RingAccess {
  mode_t mode = 0640;
  std::optional<gid_t> group;  ///< unset: group video, where it exists
};

/// Octal digits that let the owner read and write. @throws std::invalid_argument.
inline mode_t parse_ring_mode(std::string_view text) {
  const bool octal =
      !text.empty() && text.size() <= 4 && text.find_first_not_of("01234567") == std::string_view::npos;
  const auto mode = octal ? static_cast<mode_t>(std::stoul(std::string(text), nullptr, 8)) : mode_t{0};
  if (mode > 0777 || (mode & 0600) != 0600) {
    throw std::invalid_argument("'" + std::string(text) +
                                "' is no access mode for a ring; write three octal digits that let the owner "
                                "read and write, e.g. 0640");
  }
  return mode;
}

/// A group's number. Before any thread starts. @throws std::invalid_argument when the system knows none.
inline gid_t parse_group(std::string_view text) {
  const ::group* entry = ::getgrnam(std::string(text).c_str());  // NOLINT(concurrency-mt-unsafe)
  if (entry == nullptr) {
    throw std::invalid_argument("'" + std::string(text) + "' is no group of this system; see 'getent group'");
  }
  return entry->gr_gid;
}

/// Adds --mode and --group.
inline void add_ring_access(CLI::App& cli, RingAccess& access) {
  add_parsed(cli, "--mode", access.mode, parse_ring_mode, "Access mode of the ring [0640]", "OCTAL");
  add_parsed(cli, "--group", access.group, parse_group, "Group of the ring [video]", "NAME");
}

}  // namespace camring::app
