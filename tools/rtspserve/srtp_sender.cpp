#include "srtp_sender.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <srtp2/srtp.h>

#include "base/error.h"
#include "rtp/bytes.h"

namespace camring::rtspserve {
namespace {

constexpr std::size_t kKeyBytes = SRTP_AES_ICM_128_KEY_LEN_WSALT;

// Once a process; never torn down, as other threads may still hold sessions at exit.
bool library_ready() {
  static const bool ready = srtp_init() == srtp_err_status_ok;
  return ready;
}

}  // namespace

SrtpKey SrtpKey::random() {
  SrtpKey key;
  key.bytes.resize(kKeyBytes);
  if (RAND_bytes(key.bytes.data(), static_cast<int>(key.bytes.size())) != 1) {
    throw Error(ExitCode::system, "make a key", "", "the system has no randomness");
  }
  return key;
}

std::string SrtpKey::crypto_line() const {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return "1 AES_CM_128_HMAC_SHA1_80 inline:" + text;
}

struct SrtpSender::State {
  srtp_t session = nullptr;
  SrtpKey key;
};

SrtpSender::SrtpSender(const SrtpKey& key, std::uint32_t ssrc) : state_(std::make_unique<State>()) {
  state_->key = key;
  srtp_policy_t policy{};
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
  policy.ssrc = {ssrc_specific, ssrc};
  policy.key = state_->key.bytes.data();
  policy.window_size = 1024;
  policy.allow_repeat_tx = 1;
  if (!library_ready() || srtp_create(&state_->session, &policy) != srtp_err_status_ok) {
    throw Error(ExitCode::internal, "start SRTP", "", "libsrtp refused the session");
  }
}

SrtpSender::~SrtpSender() {
  if (state_->session != nullptr) srtp_dealloc(state_->session);
}

std::vector<std::uint8_t> SrtpSender::protect(std::span<const std::uint8_t> packet, bool rtcp) {
  std::vector<std::uint8_t> out(packet.begin(), packet.end());
  out.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
  int size = static_cast<int>(packet.size());
  const auto result = rtcp ? srtp_protect_rtcp(state_->session, out.data(), &size)
                           : srtp_protect(state_->session, out.data(), &size);
  out.resize(result == srtp_err_status_ok ? static_cast<std::size_t>(size) : 0);
  return out;
}

std::vector<std::uint8_t> SrtpSender::protect(const rtp::PacketBlock& block, std::uint8_t channel) {
  std::vector<std::uint8_t> out;
  out.reserve(block.bytes.size() + block.packets.size() * 10);
  for (std::size_t i = 0; i < block.packets.size(); ++i) {
    const std::vector<std::uint8_t> packet = protect(block.packet(i), false);
    if (packet.empty()) continue;
    out.push_back('$');
    out.push_back(channel);
    rtp::put16(out, static_cast<std::uint16_t>(packet.size()));
    out.insert(out.end(), packet.begin(), packet.end());
  }
  return out;
}

}  // namespace camring::rtspserve
