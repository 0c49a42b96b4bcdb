#include <algorithm>
#include <string>
#include <vector>

#include "av/jpeg_splitter.h"
#include "catch.h"

using namespace camring::av;

namespace {

using Bytes = std::vector<std::uint8_t>;

// SOI, a segment that holds a whole small image (a thumbnail), a scan with stuffed and restart markers, EOI.
Bytes image(std::uint8_t mark) {
  return {0xff, 0xd8, 0xff, 0xe1, 0x00, 0x06, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xda, 0x00,
          0x03, mark, 0x11, 0xff, 0x00, 0x22, 0xff, 0xd0, 0x33, 0xff, 0xff, 0xd9};
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Feeds `step` bytes at a time; the images, and the number of bytes that were fed when each was there.
struct Fed {
  std::vector<Bytes> images;
  std::vector<std::size_t> at;
  Bytes rest;
};

Fed feed(const Bytes& stream, std::size_t step) {
  JpegSplitter splitter;
  Fed fed;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t count = std::min(step, stream.size() - at);
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), count, splitter.room(count).begin());
    splitter.pushed(count);
    at += count;
    for (auto one = splitter.next(); !one.empty(); one = splitter.next()) {
      fed.images.emplace_back(one.begin(), one.end());
      fed.at.push_back(at);
    }
  }
  const auto rest = splitter.rest();
  fed.rest.assign(rest.begin(), rest.end());
  return fed;
}

}  // namespace

TEST_CASE("JPEG splitter: each image is there with its last byte, whatever pieces the stream comes in") {
  const Bytes stream = image(1) + image(2) + image(3);
  const std::size_t size = image(1).size();
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    const Fed fed = feed(stream, step);
    CHECK(fed.images == std::vector<Bytes>{image(1), image(2), image(3)});
    CHECK(fed.rest.empty());
    if (step == 1) CHECK(fed.at == std::vector<std::size_t>{size, 2 * size, 3 * size});
  }
}

TEST_CASE("JPEG splitter: what lies between images is skipped") {
  const Bytes noise{0x00, 0xff, 0x0d, 0x0a, 0xff};
  for (const std::size_t step : {1, 3, 100}) {
    const Fed fed = feed(noise + image(1) + noise + image(2) + noise, step);
    CHECK(fed.images == std::vector<Bytes>{image(1), image(2)});
    CHECK(fed.rest.empty());
  }
}

TEST_CASE("JPEG splitter: an image that the next cuts short is handed out as it is, and the next is whole") {
  Bytes cut = image(1);
  cut.resize(cut.size() - 4);
  for (const std::size_t step : {1, 7, 100}) {
    CHECK(feed(cut + image(2), step).images == std::vector<Bytes>{cut, image(2)});
  }
}

TEST_CASE("JPEG splitter: what the stream's end cuts short is its rest") {
  Bytes cut = image(2);
  cut.resize(8);  // within a segment
  const Fed fed = feed(image(1) + cut, 5);
  CHECK(fed.images == std::vector<Bytes>{image(1)});
  CHECK(fed.rest == cut);
}

TEST_CASE("JPEG splitter: nonsense behind an SOI ends in an image or in none, never in a loop") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    Bytes stream{0xff, 0xd8};
    unsigned state = seed;
    for (int i = 0; i < 400; ++i) {
      state = state * 1664525u + 1013904223u;
      stream.push_back((state >> 28) < 6 ? 0xff : static_cast<std::uint8_t>(state >> 20));
    }
    const Fed fed = feed(stream, 1 + seed % 17);
    std::size_t total = fed.rest.size();
    for (const Bytes& one : fed.images) total += one.size();
    CHECK(total <= stream.size());
  }
}

TEST_CASE("JPEG splitter: an image that never ends is given up") {
  JpegSplitter splitter;
  const Bytes begin{0xff, 0xd8, 0xff, 0xda, 0x00, 0x02};
  std::copy(begin.begin(), begin.end(), splitter.room(begin.size()).begin());
  splitter.pushed(begin.size());
  constexpr std::size_t kStep = std::size_t{8} << 20;
  for (std::size_t total = 0; total <= JpegSplitter::kMaxBytes; total += kStep) {
    const auto room = splitter.room(kStep);
    std::fill(room.begin(), room.end(), std::uint8_t{0x55});
    splitter.pushed(kStep);
    CHECK(splitter.next().empty());
  }
  const Bytes good = image(1);
  std::copy(good.begin(), good.end(), splitter.room(good.size()).begin());
  splitter.pushed(good.size());
  const auto found = splitter.next();
  CHECK(Bytes(found.begin(), found.end()) == good);
}
