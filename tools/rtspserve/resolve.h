// Looking up a host's name, which may take minutes where no name server answers, without being held up by it.
#pragma once

#include <netdb.h>

#include <atomic>
#include <memory>
#include <string>

namespace camring::rtspserve {

struct FreeAddresses {
  void operator()(addrinfo* all) const noexcept { ::freeaddrinfo(all); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// The addresses of a host for TCP. Waits for them until `quit` is set, which is looked at some times a
/// second; a lookup that is under way then goes on by itself and what it finds is dropped. Any thread.
/// @param reason  why there is no address; left alone when there is one
/// @return null: there is none, or `quit` was set
/// @throws std::system_error when the system has no thread to give.
[[nodiscard]] Addresses resolve(const std::string& host, const std::string& port,
                                const std::atomic<bool>& quit, std::string& reason);

}  // namespace camring::rtspserve
