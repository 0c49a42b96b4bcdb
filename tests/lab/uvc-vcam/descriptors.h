// The configuration descriptor of the emulated camera, and how numbers lie in USB's bytes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "frames.h"

namespace vcam {

// In units of 100 ns, ascending (uvcvideo relies on that): 60, 30, 25, 15, 10 and 5 frames a second.
inline constexpr std::array<uint32_t, 6> kIntervals = {166666, 333333, 400000, 666666, 1000000, 2000000};
inline constexpr uint32_t kDefaultInterval = 333333;

inline constexpr uint8_t kCameraTerminal = 1;
inline constexpr uint8_t kProcessingUnit = 2;

// Little-endian numbers.
void put(std::span<uint8_t> to, uint32_t value);
uint32_t get(std::span<const uint8_t> from);

// One video function: a control interface (camera terminal, processing unit, output) and a streaming
// interface with one bulk endpoint, 0x81.
Bytes configuration_descriptor(const std::vector<Format>& formats);

}  // namespace vcam
