// A connected socket that never blocks, plain or under TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/unique_fd.h"

namespace camring::rtspserve {

/// One thread at a time.
class ByteStream {
 public:
  explicit ByteStream(UniqueFd fd) : fd_(std::move(fd)) {}
  /// Serves TLS on it; the handshake goes with the first reads and writes.
  ByteStream(UniqueFd fd, SSL_CTX* context);

  enum class Status { done, later, closed };
  struct Result {
    Status status = Status::done;
    std::size_t bytes = 0;
  };
  [[nodiscard]] Result read(std::span<std::uint8_t> into) noexcept;
  [[nodiscard]] Result write(std::span<const std::uint8_t> bytes) noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool secure() const noexcept { return ssl_ != nullptr; }
  /// Bytes that TLS has taken in already: no event will tell of them.
  [[nodiscard]] bool pending() const noexcept { return ssl_ && SSL_pending(ssl_.get()) > 0; }
  void shutdown() noexcept;

 private:
  Result of_ssl(int result) noexcept;
  struct Free {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  UniqueFd fd_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace camring::rtspserve
