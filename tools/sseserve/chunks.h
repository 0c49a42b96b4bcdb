// What viewers are sent, as chunks that any number of them can share.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "net/channel.h"
#include "net/sse.h"

namespace camring::sseserve {

/// @param capture_ns  of a frame, whose age and delivery count; empty: a notice
[[nodiscard]] net::ChunkPtr chunk_of(std::vector<std::uint8_t> bytes,
                                     std::optional<std::int64_t> capture_ns = {});
/// @param ahead  events that go out in front of it. Null: the event has what it must not have.
[[nodiscard]] net::ChunkPtr chunk_of(const net::SseEvent& event, std::optional<std::int64_t> capture_ns = {},
                                     std::string_view ahead = {});
/// An event of text alone.
[[nodiscard]] net::ChunkPtr chunk_of(std::string_view name, const nlohmann::ordered_json& data);

}  // namespace camring::sseserve
