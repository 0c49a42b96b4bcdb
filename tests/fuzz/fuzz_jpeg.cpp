// JPEG images as they come from cameras.
#include <cstdint>

#include "av/jpeg.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static camring::av::JpegDecoder decoder;
  static camring::av::Image image;
  (void)camring::av::jpeg_is_whole({data, size});
  (void)camring::av::jpeg_size({data, size});
  (void)decoder.decode({data, size}, {}, image);
  return 0;
}
