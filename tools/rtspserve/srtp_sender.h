// SRTP (RFC 3711) for one session, through libsrtp; the key travels in the SDP (RFC 4568) under TLS.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rtp/packet_block.h"

namespace camring::rtspserve {

/// A master key and salt for AES_CM_128_HMAC_SHA1_80.
struct SrtpKey {
  std::vector<std::uint8_t> bytes;
  [[nodiscard]] static SrtpKey random();          ///< @throws Error (system) without randomness
  [[nodiscard]] std::string crypto_line() const;  ///< the value of a=crypto
};

/// In the loop's turn only.
class SrtpSender {
 public:
  /// @throws Error (internal) when libsrtp refuses.
  SrtpSender(const SrtpKey& key, std::uint32_t ssrc);
  ~SrtpSender();
  SrtpSender(const SrtpSender&) = delete;
  SrtpSender& operator=(const SrtpSender&) = delete;

  /// The packet encrypted and signed; empty when libsrtp refuses.
  [[nodiscard]] std::vector<std::uint8_t> protect(std::span<const std::uint8_t> packet, bool rtcp);
  /// All packets of a block with interleaved prefixes.
  [[nodiscard]] std::vector<std::uint8_t> protect(const rtp::PacketBlock& block, std::uint8_t channel);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace camring::rtspserve
