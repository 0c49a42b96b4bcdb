// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace camring::app {

/// Writes by way of a temporary file beside it and rename(2); a link stays and its file is replaced; what is
/// no file (a pipe, /dev/stdout) is written as it is. @param action  "write metrics": for errors. @throws
/// Error: no_input, no_permission, system.
void write_file(const std::string& path, std::span<const std::uint8_t> bytes, const std::string& action);
void write_file(const std::string& path, const std::string& text, const std::string& action);

}  // namespace camring::app
