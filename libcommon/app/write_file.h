// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace camring::app {

/// Writes by way of a temporary file beside it and rename(2). @throws Error: no_input, no_permission, system.
void write_file(const std::string& path, std::span<const std::uint8_t> bytes, const std::string& action);
void write_file(const std::string& path, const std::string& text, const std::string& action);

}  // namespace camring::app
