// Makes one generation of a ring: sized, populated and initialised before anybody can see it.
#pragma once

#include <cstdint>
#include <string>

#include "ring/mapping.h"
#include "ring/ring_layout.h"
#include "ring/ring_name.h"
#include "ring/ring_types.h"

namespace camring {

/// Where a generation's parts lie in its file.
struct Geometry {
  std::uint32_t depth = 0;
  std::uint64_t index_offset = 0, arena_offset = 0, arena_bytes = 0, file_bytes = 0;
};

/// Sizes for a spec: the arena as given, else from the format and the number of frames.
/// @throws Error (usage) for a format that can't be.
[[nodiscard]] Geometry plan_geometry(const RingSpec& spec);

/// A frame's share of the arena: payload and metadata, aligned.
[[nodiscard]] constexpr std::uint64_t slot_bytes(std::uint64_t payload, std::uint64_t metadata) noexcept {
  return (((payload + 7) & ~std::uint64_t{7}) + metadata + layout::kAlign - 1) &
         ~std::uint64_t{layout::kAlign - 1};
}

/// What goes on from one generation to the next.
struct Succession {
  std::uint64_t epoch = 1;
  std::uint64_t first_number = 0;
  std::array<std::uint8_t, 16> uuid{};
};

/// Epoch and numbers after those of the file that stands there now; the start when there is none to read.
[[nodiscard]] Succession succession_of(const RingPaths& paths);

/// Makes the file, maps it and renames it over the name. The caller holds the writer's lock.
/// @throws Error: system (says what is needed and what there is), no_permission.
[[nodiscard]] Mapping build_generation(const RingSpec& spec, const RingPaths& paths, const Geometry& geometry,
                                       const Succession& succession);

[[nodiscard]] inline layout::Header& header_of(const Mapping& mapping) noexcept {
  return *reinterpret_cast<layout::Header*>(mapping.data());
}

}  // namespace camring
