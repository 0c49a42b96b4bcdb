#include "chunks.h"

#include "answers.h"

namespace camring::sseserve {
namespace {

// After which a client that lost its stream comes back.
constexpr std::chrono::milliseconds kRetry{1000};

}  // namespace

net::ChunkPtr chunk_of(std::vector<std::uint8_t> bytes, std::optional<std::int64_t> capture_ns) {
  auto chunk = std::make_shared<net::Chunk>();
  chunk->capture_ns = capture_ns.value_or(0);
  chunk->counted = capture_ns.has_value();
  chunk->body = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  return chunk;
}

net::ChunkPtr chunk_of(const net::SseEvent& event, std::optional<std::int64_t> capture_ns,
                       std::string_view ahead) {
  const auto size = net::sse_size(event);
  if (!size) return nullptr;
  std::vector<std::uint8_t> bytes(ahead.begin(), ahead.end());
  bytes.resize(ahead.size() + *size);
  if (!net::write_sse(event, std::span(bytes).subspan(ahead.size()))) return nullptr;
  return chunk_of(std::move(bytes), capture_ns);
}

net::ChunkPtr chunk_of(std::string_view name, const nlohmann::ordered_json& data) {
  const std::string json = text(data);
  net::SseEvent event;
  event.name = name;
  event.data = json;
  if (name == "hello") event.retry = kRetry;
  return chunk_of(event);
}

}  // namespace camring::sseserve
