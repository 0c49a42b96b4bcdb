// Events are read by a parser that does what the HTML standard says (9.2.6, "Interpreting an event stream"),
// however the bytes are cut.
#include "net/sse.h"

#include <openssl/evp.h>

#include <algorithm>
#include <random>
#include <string>

#include "catch.h"
#include "net/base64.h"
#include "net/base64_blocks.h"

using namespace camring::net;

namespace {

struct Received {
  std::string name, data, id;
  friend bool operator==(const Received&, const Received&) = default;
};

class EventStream {
 public:
  std::vector<Received> events;
  std::int64_t retry = -1;
  std::string last_id;

  void feed(std::string_view bytes) {
    for (const char c : bytes) {
      const bool after_cr = was_cr_;
      was_cr_ = c == '\r';
      if (c == '\n' && after_cr) continue;
      if (c != '\n' && c != '\r') {
        line_ += c;
        continue;
      }
      line(line_);
      line_.clear();
    }
  }
  [[nodiscard]] bool between_events() const { return line_.empty() && data_.empty() && name_.empty(); }

 private:
  void line(const std::string& text) {
    if (text.empty()) return dispatch();
    const std::size_t colon = text.find(':');
    if (colon == 0) return;
    std::string value = colon == std::string::npos ? "" : text.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    field(text.substr(0, colon), value);
  }
  void field(const std::string& name, const std::string& value) {
    if (name == "event") name_ = value;
    if (name == "data") data_ += value + "\n";
    if (name == "id" && value.find('\0') == std::string::npos) id_ = value;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (name == "retry" && !value.empty() && std::all_of(value.begin(), value.end(), digit)) {
      retry = std::stoll(value);
    }
  }
  void dispatch() {
    last_id = id_;
    if (!data_.empty()) {
      data_.pop_back();
      events.push_back({name_.empty() ? "message" : name_, data_, last_id});
    }
    data_.clear();
    name_.clear();
  }
  std::string line_, name_, data_, id_;
  bool was_cr_ = false;
};

std::string written(const SseEvent& event) {
  std::vector<std::uint8_t> out;
  REQUIRE(write_sse(event, out));
  CHECK(sse_size(event) == out.size());
  return {out.begin(), out.end()};
}

EventStream parsed(const std::string& bytes) {
  EventStream stream;
  stream.feed(bytes);
  CHECK(stream.between_events());
  return stream;
}

std::string openssl_base64(std::span<const std::uint8_t> bytes) {
  std::string text(base64_size(bytes.size()) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       bytes.data(), static_cast<int>(bytes.size()))));
  return text;
}

std::vector<std::uint8_t> noise(std::size_t size, std::mt19937& random) {
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// What a listener gets of a text: line ends become LF.
std::string lines_of(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      result += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      result += '\n';
    }
  }
  return result;
}

}  // namespace

TEST_CASE("sse: an event is its fields and an empty line") {
  SseEvent event;
  event.comment = "hello";
  event.retry = std::chrono::milliseconds(2500);
  event.id = "17";
  event.name = "frame";
  event.data = "one\ntwo";
  const std::uint8_t bytes[] = {'f', 'o', 'o', 'b'};
  event.binary = bytes;
  const std::string text = written(event);
  CHECK(text == ": hello\nretry: 2500\nid: 17\nevent: frame\ndata: one\ndata: two\ndata: Zm9vYg==\n\n");
  const EventStream stream = parsed(text);
  CHECK(stream.events == std::vector<Received>{{"frame", "one\ntwo\nZm9vYg==", "17"}});
  CHECK(stream.retry == 2500);
}

TEST_CASE("sse: what is not there is not written") {
  CHECK(written({}) == "\n");
  SseEvent event;
  event.comment = "keep-alive";
  CHECK(written(event) == ": keep-alive\n\n");
  CHECK(parsed(written(event)).events.empty());
  event = {};
  event.data = "";
  CHECK(parsed(written(event)).events == std::vector<Received>{{"message", "", ""}});
  event.id = "";
  CHECK(parsed("id: 5\n\n" + written(event)).events == std::vector<Received>{{"message", "", ""}});
  event = {};
  event.id = "9";
  const EventStream stream = parsed(written(event));
  CHECK(stream.events.empty());
  CHECK(stream.last_id == "9");
}

TEST_CASE("sse: spaces and colons of a value stay its own") {
  SseEvent event;
  event.name = " a: b";
  event.id = " : ";
  event.data = " x\n: y\ndata: z";
  CHECK(parsed(written(event)).events == std::vector<Received>{{" a: b", " x\n: y\ndata: z", " : "}});
}

TEST_CASE("sse: names and ids with line ends are refused") {
  std::vector<std::uint8_t> out{1, 2, 3};
  for (const std::string_view bad : {"a\nb", "a\rb", "\n", "a\r\n", "x\ndata: forged"}) {
    SseEvent name, id;
    name.name = bad;
    id.id = bad;
    CHECK_FALSE(sse_size(name));
    CHECK_FALSE(sse_size(id));
    CHECK_FALSE(write_sse(name, out));
    CHECK_FALSE(write_sse(id, out));
  }
  SseEvent zero;
  zero.id = std::string_view("a\0b", 3);
  CHECK_FALSE(write_sse(zero, out));
  SseEvent negative;
  negative.retry = std::chrono::milliseconds(-1);
  CHECK_FALSE(write_sse(negative, out));
  CHECK(out == std::vector<std::uint8_t>{1, 2, 3});
}

TEST_CASE("sse: nothing is written where there is no room, and nothing behind the event") {
  SseEvent event;
  event.data = "x";
  const std::size_t size = *sse_size(event);
  std::vector<std::uint8_t> out(size + 4, 0xee);
  CHECK_FALSE(write_sse(event, std::span(out).first(size - 1)));
  CHECK(out[0] == 0xee);
  CHECK(write_sse(event, std::span(out)));
  CHECK(out[size] == 0xee);
}

TEST_CASE("sse: any text and any bytes arrive, however the stream is cut, and forge nothing") {
  std::mt19937 random(8);
  const auto text = [&](std::string_view alphabet) {
    std::string result;
    for (std::size_t n = random() % 12; n > 0; --n) result += alphabet[random() % alphabet.size()];
    return result;
  };
  constexpr std::string_view kAny("\r\n: adteivn\0", 12), kLine(": adteivn", 9);
  std::string all;
  std::vector<Received> expected;
  std::string id;
  for (int i = 0; i < 2000; ++i) {
    const std::string name = text(kLine), data = text(kAny), comment = text(kAny), new_id = text(kLine);
    const auto bytes = noise(random() % 80, random);
    SseEvent event;
    event.name = name;
    event.comment = comment;
    event.binary = bytes;
    if (random() % 2 == 0) event.data = data;
    if (random() % 2 == 0) {
      event.id = new_id;
      id = new_id;
    }
    all += written(event);
    if (!event.data && bytes.empty()) continue;
    std::string arrives = event.data ? lines_of(data) : "";
    if (!bytes.empty()) arrives += (event.data ? "\n" : "") + openssl_base64(bytes);
    expected.push_back({name.empty() ? "message" : name, arrives, id});
  }
  EventStream stream;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t size = 1 + random() % 40;
    stream.feed(std::string_view(all).substr(at, size));
    at += size;
  }
  CHECK(stream.between_events());
  CHECK(stream.events == expected);
}

TEST_CASE("base64: RFC 4648's own examples") {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    std::string out(base64_size(bytes.size()), '\0');
    encode_base64({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, out.data());
    CHECK(out == text);
  }
}

TEST_CASE("base64: every way writes what OpenSSL writes, and nothing behind it") {
  std::mt19937 random(2);
  std::vector<std::pair<base64::Encode, std::size_t>> ways{{base64::encode_by_table, 2}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") != 0) ways.emplace_back(base64::encode_by_avx2, 27);
#endif
  for (std::size_t size = 0; size < 400; ++size) {
    const auto bytes = noise(size, random);
    const std::string expected = openssl_base64(bytes);
    std::string out(expected.size() + 1, '#');
    encode_base64(bytes, out.data());
    CHECK(out == expected + "#");
    for (const auto& [encode, rest] : ways) {
      std::string part(expected.size() + 1, '#');
      const std::size_t done = encode(bytes.data(), size, part.data());
      CHECK(done % 3 == 0);
      CHECK(size - done <= rest);
      CHECK(part == expected.substr(0, done / 3 * 4) + std::string(part.size() - done / 3 * 4, '#'));
    }
  }
  std::vector<std::uint8_t> all;  // each digit at each of the four places
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned group = i << 18 | (i + 16) % 64 << 12 | (i + 32) % 64 << 6 | (i + 48) % 64;
    for (const unsigned shift : {16u, 8u, 0u}) all.push_back(static_cast<std::uint8_t>(group >> shift));
  }
  std::string out(base64_size(all.size()), '\0');
  encode_base64(all, out.data());
  CHECK(out == openssl_base64(all));
}
