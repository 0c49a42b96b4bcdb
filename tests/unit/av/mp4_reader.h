// Reads MP4 boxes for the tests, straight from ISO/IEC 14496-12 and sharing nothing with what is tested.
// Every read is checked: a test ends at a box that is not what its size says.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace camring::av::test {

using Bytes = std::vector<std::uint8_t>;

class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t n(std::size_t count) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(count)) value = value << 8 | byte;
    return value;
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > bytes_.size()) throw std::runtime_error("a box ends too early");
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  std::string text() {
    std::string result;
    while (const auto c = static_cast<char>(n(1))) result += c;
    return result;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return bytes_; }
  [[nodiscard]] bool done() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

struct BoxView {
  std::string type;
  std::size_t at = 0;  // of the box, in the bytes that were read
  std::span<const std::uint8_t> payload;
};

inline std::vector<BoxView> boxes(std::span<const std::uint8_t> bytes) {
  std::vector<BoxView> found;
  Cursor in(bytes);
  while (!in.done()) {
    BoxView box;
    box.at = bytes.size() - in.rest().size();
    const std::uint64_t size = in.n(4);
    const auto type = in.take(4);
    box.type.assign(type.begin(), type.end());
    if (size < 8) throw std::runtime_error("a box of size " + std::to_string(size));
    box.payload = in.take(static_cast<std::size_t>(size - 8));
    found.push_back(box);
  }
  return found;
}

inline std::string types(std::span<const std::uint8_t> bytes) {
  std::string all;
  for (const BoxView& box : boxes(bytes)) all += (all.empty() ? "" : " ") + box.type;
  return all;
}

/// The payload of the first box at a path like "moov/trak/mdia".
inline std::span<const std::uint8_t> find(std::span<const std::uint8_t> bytes, const std::string& path) {
  const std::string head = path.substr(0, path.find('/'));
  for (const BoxView& box : boxes(bytes)) {
    if (box.type != head) continue;
    return head == path ? box.payload : find(box.payload, path.substr(head.size() + 1));
  }
  throw std::runtime_error("no box " + path);
}

/// stsd's only entry: its type, and the payload of a box in it.
struct SampleEntry {
  std::string type;
  std::uint32_t width = 0, height = 0;
  std::map<std::string, Bytes> inner;
};
inline SampleEntry sample_entry(std::span<const std::uint8_t> file) {
  const auto stsd = find(file, "moov/trak/mdia/minf/stbl/stsd");
  const BoxView box = boxes(stsd.subspan(8)).at(0);
  Cursor in(box.payload);
  in.take(6 + 2 + 16);
  SampleEntry entry;
  entry.type = box.type;
  entry.width = static_cast<std::uint32_t>(in.n(2));
  entry.height = static_cast<std::uint32_t>(in.n(2));
  in.take(50);
  for (const BoxView& inner : boxes(in.rest()))
    entry.inner[inner.type] = Bytes(inner.payload.begin(), inner.payload.end());
  return entry;
}

struct ReadSample {
  std::uint64_t decode_time = 0;
  std::uint32_t duration = 0, size = 0, flags = 0;
  std::int64_t composition_offset = 0;
  Bytes data;
};

/// The samples of all fragments, with tfhd's defaults where trun says nothing (8.8.7, 8.8.8). One track.
inline std::vector<ReadSample> samples(std::span<const std::uint8_t> file) {
  std::vector<ReadSample> all;
  for (const BoxView& moof : boxes(file)) {
    if (moof.type != "moof") continue;
    std::uint32_t duration = 0, size = 0, flags = 0;
    Cursor tfhd(find(moof.payload, "traf/tfhd"));
    const std::uint64_t has = tfhd.n(4) & 0xffffff;
    if ((has & 0x20000) == 0) throw std::runtime_error("offsets do not count from moof");
    tfhd.take(4);
    if ((has & 0x1) != 0 || (has & 0x2) != 0) throw std::runtime_error("not for this reader");
    if ((has & 0x8) != 0) duration = static_cast<std::uint32_t>(tfhd.n(4));
    if ((has & 0x10) != 0) size = static_cast<std::uint32_t>(tfhd.n(4));
    if ((has & 0x20) != 0) flags = static_cast<std::uint32_t>(tfhd.n(4));
    Cursor tfdt(find(moof.payload, "traf/tfdt"));
    std::uint64_t time = tfdt.n(4) == 0x1000000 ? tfdt.n(8) : tfdt.n(4);
    Cursor trun(find(moof.payload, "traf/trun"));
    const std::uint64_t kind = trun.n(4), count = trun.n(4);
    if ((kind & 0x1) == 0) throw std::runtime_error("trun without data offset");
    Cursor data(file.subspan(moof.at + static_cast<std::size_t>(trun.n(4))));
    std::uint32_t first_flags = (kind & 0x4) != 0 ? static_cast<std::uint32_t>(trun.n(4)) : flags;
    for (std::uint64_t i = 0; i < count; ++i) {
      ReadSample sample{time, duration, size, i == 0 ? first_flags : flags, 0, {}};
      if ((kind & 0x100) != 0) sample.duration = static_cast<std::uint32_t>(trun.n(4));
      if ((kind & 0x200) != 0) sample.size = static_cast<std::uint32_t>(trun.n(4));
      if ((kind & 0x400) != 0) sample.flags = static_cast<std::uint32_t>(trun.n(4));
      if ((kind & 0x800) != 0)
        sample.composition_offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(trun.n(4)));
      const auto bytes = data.take(sample.size);
      sample.data.assign(bytes.begin(), bytes.end());
      time += sample.duration;
      all.push_back(std::move(sample));
    }
    if (!trun.done()) throw std::runtime_error("trun is longer than its samples");
  }
  return all;
}

/// The NAL units of a sample with lengths of four bytes.
inline std::vector<Bytes> nals(std::span<const std::uint8_t> sample) {
  std::vector<Bytes> all;
  Cursor in(sample);
  while (!in.done()) {
    const auto nal = in.take(static_cast<std::size_t>(in.n(4)));
    all.emplace_back(nal.begin(), nal.end());
  }
  return all;
}

}  // namespace camring::av::test
