// Messages on the control channel, and the writer's answer.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ring/control_client.h"
#include "ring/control_server.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  camring::ControlMessage message;
  if (camring::parse_control_message(data, size, message)) {
    if (size != sizeof message || std::strlen(message.label.data()) >= message.label.size()) std::abort();
    const auto type = static_cast<std::uint32_t>(message.type);
    if (type < 1 || type > 5) std::abort();
  }
  const auto answer = camring::parse_writer_answer({reinterpret_cast<const char*>(data), size});
  if (answer && answer->correction) {
    const camring::Correction& correction = *answer->correction;
    if (correction.delay_ns < 0 || correction.delay_ns > camring::Correction::kMaxDelayNs) std::abort();
    if (correction.valid_ns < 0 || correction.valid_ns > camring::Correction::kMaxValidNs) std::abort();
    if (correction.age_ns < 0) std::abort();
  }
  return 0;
}
