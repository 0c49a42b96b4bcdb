#include "byte_stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace camring::rtspserve {

ByteStream::ByteStream(UniqueFd fd, SSL_CTX* context) : fd_(std::move(fd)), ssl_(SSL_new(context)) {
  if (!ssl_) return;
  SSL_set_fd(ssl_.get(), fd_.get());
  SSL_set_accept_state(ssl_.get());
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

ByteStream::Result ByteStream::of_ssl(int result) noexcept {
  if (result > 0) return {Status::done, static_cast<std::size_t>(result)};
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  return {error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Status::later : Status::closed, 0};
}

ByteStream::Result ByteStream::read(std::span<std::uint8_t> into) noexcept {
  if (ssl_) return of_ssl(SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size())));
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (got > 0) return {Status::done, static_cast<std::size_t>(got)};
    if (got == 0) return {Status::closed, 0};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? Status::later : Status::closed, 0};
  }
}

ByteStream::Result ByteStream::write(std::span<const std::uint8_t> bytes) noexcept {
  if (ssl_) {
    return of_ssl(
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX))));
  }
  for (;;) {
    const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) return {Status::done, static_cast<std::size_t>(put)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? Status::later : Status::closed, 0};
  }
}

void ByteStream::shutdown() noexcept {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ::shutdown(fd_.get(), SHUT_RDWR);
}

}  // namespace camring::rtspserve
