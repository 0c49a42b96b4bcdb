// FFmpeg's libraries print to stderr on their own, sometimes whole URLs with the password in them.
#pragma once

namespace camring::camcap {

/// From now on their warnings and errors are debug messages of ours, passwords masked; the rest is dropped.
void tame_ffmpeg_log();

}  // namespace camring::camcap
