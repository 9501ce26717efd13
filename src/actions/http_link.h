#pragma once
// HttpLink: one connection, plain or TLS, for one exchange. Non-blocking inside: every wait is a
// poll with the deadline and the attempt's stop descriptor. (Only the resolver blocks: getaddrinfo
// cannot be interrupted, and keeps its own, short, timeouts.)
//
// Certificates are verified against the system's roots, or `ca_file`. Link-local and cloud metadata
// addresses are refused, looked at where it counts: on the address that is connected to, after
// names are resolved.

#include <memory>
#include <string>
#include <string_view>

#include "actions/http_wire.h"
#include "base/clock.h"
#include "base/result.h"

struct sockaddr;

namespace pawl::actions {

struct LinkOptions {
  bool allow_link_local = false;
  std::string ca_file;  // "" the system's
  Mono deadline = Mono::max();
  int stop_fd = -1;
  const Clock* clock = nullptr;
};

// Errors: unavailable (cannot connect, or the link broke), timeout, forbidden (the address or the
// certificate is refused), conflict (stopped).
class HttpLink {
 public:
  static Result<std::unique_ptr<HttpLink>> open(const Url& url, const LinkOptions& options);
  virtual ~HttpLink() = default;
  virtual Status send(std::string_view bytes) = 0;
  // Appends what came; returns 0 at the end of the stream.
  virtual Result<std::size_t> receive(std::string& into) = 0;
};

// 169.254/16, fe80::/10 and the clouds' metadata services, also written as IPv6.
bool is_link_local(const sockaddr* address);

}  // namespace pawl::actions
