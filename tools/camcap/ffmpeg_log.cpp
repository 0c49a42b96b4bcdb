#include "ffmpeg_log.h"

extern "C" {
#include <libavutil/log.h>
}

#include <array>
#include <cstdarg>
#include <string>

#include "app/log.h"
#include "url.h"

namespace camring::camcap {
namespace {

// Called from any thread of FFmpeg's.
void pass_on(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING || app::log_level() < app::LogLevel::debug) return;
  std::array<char, 512> line{};
  int prefix = 1;
  av_log_format_line2(object, level, format, arguments, line.data(), static_cast<int>(line.size()), &prefix);
  std::string text = "FFmpeg: " + mask_url(line.data());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  app::log_debug(text);
}

}  // namespace

void tame_ffmpeg_log() { av_log_set_callback(&pass_on); }

}  // namespace camring::camcap
