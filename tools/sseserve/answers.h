// Small things that everything said in JSON is made with.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "net/http.h"

namespace camring::sseserve {

/// Nanoseconds as milliseconds, to the microsecond.
inline double ms(std::int64_t ns) noexcept { return std::round(static_cast<double>(ns) * 1e-3) * 1e-3; }

/// On one line. Bytes that are no UTF-8 are replaced.
inline std::string text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

inline net::Response json(const nlohmann::ordered_json& value, int status = 200) {
  net::Response response = net::json_response(text(value) + "\n");
  response.status = status;
  return response;
}

}  // namespace camring::sseserve
