// How long sseserve takes for one thing at a time, as a client sees it.
#pragma once

#include <string>

namespace bench {

/// Prints a table: the start of the process, a stream's first fragment, subscribe, switch, statistics; the
/// latter with one viewer and with so many.
/// @param program  sseserve @param viewers  beside the one that is timed
void time_answers(const std::string& program, int viewers);

}  // namespace bench
