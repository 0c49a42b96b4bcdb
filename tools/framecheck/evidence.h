// The picture that a verdict was about, kept for the person who will ask.
#pragma once

#include <string>

#include "av/image.h"
#include "judge.h"

namespace camring::framecheck {

/// Writes DIRECTORY/SUBJECT-20261121T033300.123Z-CHECK.jpg (time in UTC). @return its path. @throws Error.
std::string save_evidence(const std::string& directory, const std::string& subject,
                          const av::ImageView& picture, const Verdict& verdict, std::int64_t wall_ns);

}  // namespace camring::framecheck
