// The picture that stands in when the camera is gone: it says so, in the stream's own size.
#pragma once

#include <string>

#include "base/units.h"
#include "net/http.h"

namespace camring::mjpegserve {

/// A JPEG of the given size (640x360 when empty) with a title and a reason, both ASCII. About a millisecond.
[[nodiscard]] net::SharedBytes placeholder_jpeg(Size size, const std::string& title,
                                                const std::string& reason);

}  // namespace camring::mjpegserve
