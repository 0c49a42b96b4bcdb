#include "descriptors.h"

#include <string_view>

namespace vcam {
namespace {

class Builder {
 public:
  // A descriptor, without its first byte: the length is put there by `close`.
  void open(std::initializer_list<uint8_t> bytes) {
    start_ = bytes_.size();
    bytes_.push_back(0);
    add(bytes);
  }
  void add(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void add(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void add16(uint32_t value) { add_number(value, 2); }
  void add32(uint32_t value) { add_number(value, 4); }
  void close() { bytes_[start_] = static_cast<uint8_t>(bytes_.size() - start_); }
  void whole(std::initializer_list<uint8_t> bytes) {
    open(bytes);
    close();
  }
  size_t size() const { return bytes_.size(); }
  // Puts the size of all since `from` at `at`.
  void put_total(size_t at, size_t from) {
    put(std::span(bytes_).subspan(at, 2), static_cast<uint32_t>(bytes_.size() - from));
  }
  Bytes take() { return std::move(bytes_); }

 private:
  void add_number(uint32_t value, size_t size) {
    bytes_.resize(bytes_.size() + size);
    put(std::span(bytes_).last(size), value);
  }

  Bytes bytes_;
  size_t start_ = 0;
};

// Descriptor types and subtypes: USB 2.0, table 9-5; UVC 1.1, tables.
constexpr uint8_t kConfiguration = 2;
constexpr uint8_t kInterface = 4;
constexpr uint8_t kEndpoint = 5;
constexpr uint8_t kAssociation = 11;
constexpr uint8_t kVideoInterface = 0x24;

constexpr uint8_t kOutputTerminal = 3;

void add_control_interface(Builder& out) {
  out.whole({kInterface, 0, 0, 0, 0x0e, 1, 0, 0});
  const size_t header = out.size();
  out.open({kVideoInterface, 1});
  out.add16(0x0110);  // UVC 1.1
  const size_t total = out.size();
  out.add16(0);
  out.add32(1000000);  // clock frequency
  out.add({1, 1});     // one streaming interface: number 1
  out.close();
  // Controls: exposure mode (bit 1) and time (bit 3).
  out.whole({kVideoInterface, 2, kCameraTerminal, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x0a, 0, 0});
  // Controls: brightness (bit 0), contrast (1), saturation (3), power line frequency (10).
  out.whole({kVideoInterface, 5, kProcessingUnit, kCameraTerminal, 0, 0, 2, 0x0b, 0x04, 0, 0});
  out.whole({kVideoInterface, 3, kOutputTerminal, 0x01, 0x01, 0, kProcessingUnit, 0});
  out.put_total(total, header);
}

void add_format(Builder& out, const Format& format, uint8_t index) {
  const auto modes = static_cast<uint8_t>(format.modes.size());
  const uint8_t subtype = format.kind == Kind::kMjpeg ? 6 : format.kind == Kind::kH264 ? 0x10 : 4;
  out.open({kVideoInterface, subtype, index, modes});
  if (format.kind == Kind::kMjpeg) {
    out.add({0});
  } else {
    out.add(format.kind == Kind::kH264 ? "H264" : "YUY2");
    out.add({0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71});  // the rest of the GUID
    out.add({static_cast<uint8_t>(format.kind == Kind::kYuyv ? 16 : 0)});
  }
  out.add({1, 0, 0, 0, 0});                      // default frame 1
  if (format.kind == Kind::kH264) out.add({1});  // frames of variable size
  out.close();
}

void add_mode(Builder& out, const Mode& mode, uint8_t index) {
  const auto pixels = static_cast<uint32_t>(mode.width * mode.height);
  const uint8_t subtype = mode.kind == Kind::kMjpeg ? 7 : mode.kind == Kind::kH264 ? 0x11 : 5;
  out.open({kVideoInterface, subtype, index, 0});
  out.add16(static_cast<uint32_t>(mode.width));
  out.add16(static_cast<uint32_t>(mode.height));
  out.add32(pixels * 8);
  out.add32(pixels * 16 * 30);
  if (mode.kind != Kind::kH264) out.add32(pixels * 2);  // the largest frame
  out.add32(kDefaultInterval);
  out.add({kIntervals.size()});
  if (mode.kind == Kind::kH264) out.add32(0);  // bytes per line: not for compressed frames
  for (uint32_t interval : kIntervals) out.add32(interval);
  out.close();
}

void add_streaming_interface(Builder& out, const std::vector<Format>& formats) {
  out.whole({kInterface, 1, 0, 1, 0x0e, 2, 0, 0});
  const size_t header = out.size();
  out.open({kVideoInterface, 1, static_cast<uint8_t>(formats.size())});
  const size_t total = out.size();
  out.add16(0);
  out.add({0x81, 0, kOutputTerminal, 0, 0, 0, 1});
  for (size_t i = 0; i < formats.size(); ++i) out.add({0});
  out.close();
  for (size_t i = 0; i < formats.size(); ++i) {
    add_format(out, formats[i], static_cast<uint8_t>(i + 1));
    for (size_t k = 0; k < formats[i].modes.size(); ++k) {
      add_mode(out, formats[i].modes[k], static_cast<uint8_t>(k + 1));
    }
    out.whole({kVideoInterface, 0x0d, 1, 1, 4});  // colours: BT.709, BT.709, SMPTE 170M
  }
  out.put_total(total, header);
  out.whole({kEndpoint, 0x81, 2, 0x00, 0x02, 0});  // bulk in, 512 bytes
}

}  // namespace

void put(std::span<uint8_t> to, uint32_t value) {
  for (uint8_t& byte : to) {
    byte = static_cast<uint8_t>(value);
    value >>= 8;
  }
}

uint32_t get(std::span<const uint8_t> from) {
  uint32_t value = 0;
  for (size_t i = from.size(); i-- > 0;) value = value << 8 | from[i];
  return value;
}

Bytes configuration_descriptor(const std::vector<Format>& formats) {
  Builder out;
  out.whole({kConfiguration, 0, 0, 2, 1, 0, 0x80, 0x32});
  out.whole({kAssociation, 0, 2, 0x0e, 3, 0, 0});
  add_control_interface(out);
  add_streaming_interface(out, formats);
  out.put_total(2, 0);
  return out.take();
}

}  // namespace vcam
