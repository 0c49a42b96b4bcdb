#include "camera.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "descriptors.h"

namespace vcam {
namespace {

// Requests: USB 2.0, table 9-4; UVC 1.1, table A-8.
constexpr uint8_t kGetStatus = 0;
constexpr uint8_t kGetDescriptor = 6;
constexpr uint8_t kGetConfiguration = 8;
constexpr uint8_t kGetInterface = 10;
constexpr uint8_t kSetCur = 0x01;
constexpr uint8_t kGetCur = 0x81;
constexpr uint8_t kGetMin = 0x82;
constexpr uint8_t kGetMax = 0x83;
constexpr uint8_t kGetRes = 0x84;
constexpr uint8_t kGetLen = 0x85;
constexpr uint8_t kGetInfo = 0x86;
constexpr uint8_t kGetDef = 0x87;

Bytes number(uint32_t value, size_t size) {
  Bytes bytes(size);
  put(bytes, value);
  return bytes;
}

struct Control {
  uint8_t unit;
  uint8_t selector;
  uint8_t size;
  uint32_t minimum, maximum, resolution, initial, current;
};

Control controls[] = {
    {kProcessingUnit, 2, 2, 0, 255, 1, 128, 128},  // brightness
    {kProcessingUnit, 3, 2, 0, 255, 1, 32, 32},    // contrast
    {kProcessingUnit, 7, 2, 0, 255, 1, 64, 64},    // saturation
    {kProcessingUnit, 5, 1, 0, 2, 1, 1, 1},        // power line frequency
    {kCameraTerminal, 2, 1, 1, 8, 9, 8, 8},  // exposure mode; the resolution is the bitmap of modes 1 and 8
    {kCameraTerminal, 4, 4, 1, 10000, 1, 156, 156},  // exposure time
};

std::optional<Bytes> on_control(uint8_t unit, uint8_t selector, uint8_t request,
                                std::span<const uint8_t> in) {
  auto* c = std::find_if(std::begin(controls), std::end(controls),
                         [&](const Control& each) { return each.unit == unit && each.selector == selector; });
  if (c == std::end(controls)) return std::nullopt;
  switch (request) {
    case kSetCur:
      c->current = get(in.first(std::min<size_t>(in.size(), c->size)));
      return Bytes{};
    case kGetCur:
      return number(c->current, c->size);
    case kGetMin:
      return number(c->minimum, c->size);
    case kGetMax:
      return number(c->maximum, c->size);
    case kGetRes:
      return number(c->resolution, c->size);
    case kGetDef:
      return number(c->initial, c->size);
    case kGetLen:
      return number(c->size, 2);
    case kGetInfo:
      return Bytes{3};  // may be read and set
    default:
      return std::nullopt;
  }
}

Bytes string_descriptor(const std::string& text) {
  Bytes bytes = {static_cast<uint8_t>(2 + 2 * text.size()), 3};
  for (char c : text) bytes.insert(bytes.end(), {static_cast<uint8_t>(c), 0});
  return bytes;
}

}  // namespace

Camera::Camera(std::vector<Format> formats, std::string product, std::string serial)
    : formats_(std::move(formats)),
      product_(std::move(product)),
      serial_(std::move(serial)),
      configuration_(configuration_descriptor(formats_)) {
  make_consistent(probe_);
  commit_ = probe_;
}

std::optional<Bytes> Camera::control(std::span<const uint8_t, 8> setup, std::span<const uint8_t> in) {
  const uint8_t request = setup[1];
  const auto value = static_cast<uint16_t>(get(setup.subspan<2, 2>()));
  const uint8_t interface = setup[4];
  const uint8_t unit = setup[5];
  switch (setup[0] & 0x60) {
    case 0x00:
      return standard(request, value);
    case 0x20:
      if (interface == 1) return streaming(request, value, in);
      return on_control(unit, static_cast<uint8_t>(value >> 8), request, in);
    default:
      return std::nullopt;
  }
}

Stream Camera::stream() { return {mode(commit_), get(std::span(commit_).subspan(4, 4))}; }

std::optional<Bytes> Camera::standard(uint8_t request, uint16_t value) const {
  switch (request) {
    case kGetStatus:
      return Bytes{0, 0};
    case kGetConfiguration:
      return Bytes{1};
    case kGetInterface:
      return Bytes{0};
    case kGetDescriptor:
      break;
    default:
      return Bytes{};  // set configuration, set interface, clear feature
  }
  switch (value) {
    // USB 2.0, an interface association (0xef, 2, 1); 1209:0001 is pid.codes' number for tests.
    case 0x0100:
      return Bytes{18, 1, 0x00, 0x02, 0xef, 2, 1, 64, 0x09, 0x12, 0x01, 0x00, 0x00, 0x01, 1, 2, 3, 1};
    case 0x0200:
      return configuration_;
    case 0x0300:
      return Bytes{4, 3, 0x09, 0x04};  // texts are in US English
    case 0x0301:
      return string_descriptor("Lab");
    case 0x0302:
      return string_descriptor(product_);
    case 0x0303:
      return string_descriptor(serial_);
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> Camera::streaming(uint8_t request, uint16_t value, std::span<const uint8_t> in) {
  if (value != 0x0100 && value != 0x0200) return std::nullopt;
  Negotiation& negotiation = value == 0x0100 ? probe_ : commit_;
  switch (request) {
    case kSetCur:
      std::copy_n(in.begin(), std::min(in.size(), negotiation.size()), negotiation.begin());
      make_consistent(negotiation);
      if (value == 0x0200) ++commits_;
      return Bytes{};
    case kGetLen:
      return number(sizeof negotiation, 2);
    case kGetInfo:
      return Bytes{3};
    case kGetCur:
    case kGetMin:
    case kGetMax:
    case kGetDef:
      return Bytes(negotiation.begin(), negotiation.end());
    default:
      return std::nullopt;
  }
}

void Camera::make_consistent(Negotiation& n) {
  if (n[2] < 1 || n[2] > formats_.size()) n[2] = 1;
  if (n[3] < 1 || n[3] > formats_[n[2] - 1u].modes.size()) n[3] = 1;
  auto field = [&](size_t at) { return std::span(n).subspan(at, 4); };
  const uint32_t wanted = get(field(4)) != 0 ? get(field(4)) : kDefaultInterval;
  auto distance = [&](uint32_t interval) { return std::abs(static_cast<int64_t>(interval) - wanted); };
  put(field(4), *std::min_element(kIntervals.begin(), kIntervals.end(),
                                  [&](uint32_t a, uint32_t b) { return distance(a) < distance(b); }));
  const Mode* m = mode(n);
  put(field(18), static_cast<uint32_t>(m->width * m->height * 2));
  put(field(22), kPayloadBytes);
  put(field(26), 1000000);  // clock frequency
  n[30] = 3;                // payloads carry the frame's identifier and its end
  n[31] = 0;
  n[32] = 1;
  n[33] = 1;
}

Mode* Camera::mode(const Negotiation& n) { return &formats_[n[2] - 1u].modes[n[3] - 1u]; }

}  // namespace vcam
