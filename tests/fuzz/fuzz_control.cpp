// Messages on the control channel.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ring/control_server.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  camring::ControlMessage message;
  if (camring::parse_control_message(data, size, message)) {
    if (size != sizeof message || std::strlen(message.label.data()) >= message.label.size()) std::abort();
    const auto type = static_cast<std::uint32_t>(message.type);
    if (type < 1 || type > 5) std::abort();
  }
  return 0;
}
