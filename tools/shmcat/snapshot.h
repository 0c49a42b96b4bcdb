// One frame as a file that other programs open.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "frame/format.h"

namespace camring::shmcat {

/// Refuses what can't be written. @throws Error (usage) for an ending that is not .jpg, .jpeg, .ppm or .raw.
void check_snapshot_name(const std::string& path);

/// Writes the frame by way of a temporary file beside it, so that nobody ever sees half a picture.
/// A JPEG frame goes into .jpg byte for byte. @throws Error: data (a format that no picture can be made of
/// here), system, no_permission, no_input (no such directory).
void write_snapshot(const std::string& path, const FrameFormat& format,
                    std::span<const std::uint8_t> payload);

}  // namespace camring::shmcat
