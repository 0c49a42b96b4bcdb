// libFuzzer's place where there is none: the corpus, then seeded mutations of it.
//   fuzz_NAME DIRECTORY [RUNS]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes mutate(Bytes bytes, const std::vector<Bytes>& corpus, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (std::size_t hits = 1 + below(6); hits > 0; --hits) {
    const std::size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        for (std::size_t i = at; i < std::min(bytes.size(), at + 8); ++i) bytes[i] = 0xff;
        break;
      default: {
        const Bytes& other = corpus[below(corpus.size())];
        bytes.insert(bytes.end(), other.begin(),
                     other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)));
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  std::vector<Bytes> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(corpus.back().data(), corpus.back().size());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[1]);
    return 66;
  }
  std::mt19937 random(20261120);
  const long runs = argc > 2 ? std::atol(argv[2]) : 3000;
  for (long i = 0; i < runs; ++i) {
    const Bytes input = mutate(corpus[random() % corpus.size()], corpus, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu corpus files and %ld mutations\n", corpus.size(), runs);
  return 0;
}
