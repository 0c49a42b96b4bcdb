// The camera as the USB host sees it on endpoint 0: descriptors, stream negotiation and a few controls.
// Sources: USB 2.0, chapter 9; USB Device Class Definition for Video Devices (UVC) 1.1, sections 3 and 4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frames.h"

namespace vcam {

// What uvcvideo gives one bulk request: 32 packets of 512 bytes.
inline constexpr uint32_t kPayloadBytes = 16384;

// What the host chose; intervals in units of 100 ns.
struct Stream {
  Mode* mode;
  uint32_t interval;
};

class Camera {
 public:
  Camera(std::vector<Format> formats, std::string product, std::string serial);

  // Answers one control request: the data for a request that reads, nothing for one that writes (`in` is what
  // it writes), nullopt for one that is refused (a stall).
  std::optional<Bytes> control(std::span<const uint8_t, 8> setup, std::span<const uint8_t> in);

  // The stream as committed last.
  Stream stream();

  // Grows with each commit, that is, when the host starts to stream.
  uint32_t commits() const { return commits_; }

 private:
  // The probe and commit controls have the same 34 bytes (UVC 1.1, table 4-75).
  using Negotiation = std::array<uint8_t, 34>;

  std::optional<Bytes> standard(uint8_t request, uint16_t value) const;
  std::optional<Bytes> streaming(uint8_t request, uint16_t value, std::span<const uint8_t> in);
  void make_consistent(Negotiation& negotiation);
  Mode* mode(const Negotiation& negotiation);

  std::vector<Format> formats_;
  std::string product_;
  std::string serial_;
  Bytes configuration_;
  Negotiation probe_{};
  Negotiation commit_{};
  uint32_t commits_ = 0;
};

}  // namespace vcam
