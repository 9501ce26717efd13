#include "actions/http_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

Status wait_for(int fd, short events, const LinkOptions& o) {
  while (true) {
    const auto left =
        o.deadline == Mono::max()
            ? std::chrono::milliseconds(60'000)
            : std::chrono::ceil<std::chrono::milliseconds>(o.deadline - o.clock->mono());
    if (left.count() <= 0) return Error{Errc::timeout, "no answer in time"};
    pollfd fds[2] = {{fd, events, 0}, {o.stop_fd, POLLIN, 0}};
    const int n = ::poll(fds, o.stop_fd >= 0 ? 2 : 1,
                         static_cast<int>(std::min<long long>(left.count(), 60'000)));
    if (n < 0 && errno != EINTR) return errno_error("wait for", "the server", errno);
    if (n <= 0) continue;
    if (fds[1].revents) return Error{Errc::conflict, "stopped"};
    if (fds[0].revents) return Ok{};
  }
}

class PlainLink : public HttpLink {
 public:
  PlainLink(UniqueFd fd, const LinkOptions& options) : fd_(std::move(fd)), options_(options) {}
  Status send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0)
        bytes.remove_prefix(static_cast<std::size_t>(n));
      else if (errno == EAGAIN)
        TRY(wait_for(fd_.get(), POLLOUT, options_));
      else if (errno != EINTR)
        return Error{Errc::unavailable, std::strerror(errno)};
    }
    return Ok{};
  }
  Result<std::size_t> receive(std::string& into) override {
    char buffer[64 << 10];
    while (true) {
      const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (n >= 0) {
        into.append(buffer, static_cast<std::size_t>(n));
        return static_cast<std::size_t>(n);
      }
      if (errno == EAGAIN)
        TRY(wait_for(fd_.get(), POLLIN, options_));
      else if (errno != EINTR)
        return Error{Errc::unavailable, std::strerror(errno)};
    }
  }

 private:
  UniqueFd fd_;
  LinkOptions options_;
};

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class TlsLink : public HttpLink {
 public:
  TlsLink(UniqueFd fd, const LinkOptions& options) : fd_(std::move(fd)), options_(options) {}

  Status handshake(const Url& url) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) return Error{Errc::internal, "TLS: no context"};
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    // Close-delimited answers of servers that do not say goodbye; a cut shows in the framing.
    SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    const bool roots =
        options_.ca_file.empty()
            ? SSL_CTX_set_default_verify_paths(context_.get()) == 1
            : SSL_CTX_load_verify_file(context_.get(), options_.ca_file.c_str()) == 1;
    if (!roots)
      return Error{Errc::forbidden, str("cannot read certificates from '", options_.ca_file, "'")};
    ssl_.reset(SSL_new(context_.get()));
    if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) {
      return Error{Errc::internal, "TLS: no connection object"};
    }
    in6_addr address;
    if (::inet_pton(AF_INET, url.host.c_str(), &address) == 1 ||
        ::inet_pton(AF_INET6, url.host.c_str(), &address) == 1) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), url.host.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl_.get(), url.host.c_str());
      SSL_set1_host(ssl_.get(), url.host.c_str());
    }
    while (true) {
      ERR_clear_error();
      const int n = SSL_connect(ssl_.get());
      if (n == 1) return Ok{};
      TRY(wait_or_fail(n, "TLS handshake"));
    }
  }

  Status send(std::string_view bytes) override {
    while (!bytes.empty()) {
      ERR_clear_error();
      const int n = SSL_write(ssl_.get(), bytes.data(),
                              static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)));
      if (n > 0)
        bytes.remove_prefix(static_cast<std::size_t>(n));
      else
        TRY(wait_or_fail(n, "TLS"));
    }
    return Ok{};
  }

  Result<std::size_t> receive(std::string& into) override {
    char buffer[64 << 10];
    while (true) {
      ERR_clear_error();
      const int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (n > 0) {
        into.append(buffer, static_cast<std::size_t>(n));
        return static_cast<std::size_t>(n);
      }
      if (SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      TRY(wait_or_fail(n, "TLS"));
    }
  }

 private:
  Status wait_or_fail(int result, const char* what) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return wait_for(fd_.get(), POLLIN, options_);
      case SSL_ERROR_WANT_WRITE:
        return wait_for(fd_.get(), POLLOUT, options_);
      default:
        break;
    }
    const int saved = errno;
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK) {
      return Error{Errc::forbidden, str("the server's certificate is refused: ",
                                        X509_verify_cert_error_string(verdict))};
    }
    const auto code = ERR_get_error();
    if (code == 0) {
      return Error{Errc::unavailable,
                   str(what, ": ", saved ? std::strerror(saved) : "the connection was closed")};
    }
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    return Error{Errc::unavailable, str(what, ": ", text)};
  }

  UniqueFd fd_;
  LinkOptions options_;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

std::string shown(const sockaddr* address, socklen_t size) {
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(address, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

Result<UniqueFd> connect_to(const addrinfo* a, const LinkOptions& o) {
  if (!o.allow_link_local && is_link_local(a->ai_addr)) {
    return Error{Errc::forbidden, str(shown(a->ai_addr, a->ai_addrlen),
                                      " is a link-local or metadata address, which can hand out "
                                      "credentials. with.allow_link_local: true permits it")};
  }
  UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol));
  if (!fd) return Error{Errc::unavailable, std::strerror(errno)};
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), a->ai_addr, a->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Error{Errc::unavailable, std::strerror(errno)};
    TRY(wait_for(fd.get(), POLLOUT, o));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Error{Errc::unavailable, std::strerror(error)};
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
      (!o.allow_link_local && is_link_local(reinterpret_cast<const sockaddr*>(&peer)))) {
    return Error{Errc::forbidden, "connected to a link-local or metadata address"};
  }
  return fd;
}

}  // namespace

bool is_link_local(const sockaddr* address) {
  std::uint32_t v4 = 0;
  if (address->sa_family == AF_INET) {
    v4 = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  } else if (address->sa_family == AF_INET6) {
    const auto& a = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    static constexpr unsigned char kAws[16] = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0,    0,
                                               0,    0, 0,    0,    0, 0, 0x02, 0x54};
    static constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b};
    if (IN6_IS_ADDR_LINKLOCAL(&a) || std::memcmp(a.s6_addr, kAws, 16) == 0) return true;
    if (!IN6_IS_ADDR_V4MAPPED(&a) && !IN6_IS_ADDR_V4COMPAT(&a) &&
        std::memcmp(a.s6_addr, kNat64, 12) != 0) {
      return false;
    }
    std::memcpy(&v4, a.s6_addr + 12, 4);
    v4 = ntohl(v4);
  }
  // 169.254/16; Alibaba's 100.100.100.200; Azure's 168.63.129.16.
  return (v4 & 0xffff0000u) == 0xa9fe0000u || v4 == 0x646464c8u || v4 == 0xa83f8110u;
}

Result<std::unique_ptr<HttpLink>> HttpLink::open(const Url& url, const LinkOptions& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(url.host.c_str(), str(url.port).c_str(), &hints, &found);
  if (error != 0) {
    return Error{Errc::unavailable, str("cannot resolve '", url.host, "': ", gai_strerror(error))};
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, &::freeaddrinfo);
  Error last{Errc::unavailable, "it has no address"};
  for (const addrinfo* a = found; a; a = a->ai_next) {
    auto fd = connect_to(a, options);
    if (!fd.ok()) {
      last = fd.error();
      if (last.code != Errc::unavailable) break;
      last.message = str("cannot connect to ", shown(a->ai_addr, a->ai_addrlen), " port ", url.port,
                         ": ", last.message);
      continue;
    }
    if (!url.tls) return std::unique_ptr<HttpLink>(new PlainLink(std::move(*fd), options));
    auto link = std::make_unique<TlsLink>(std::move(*fd), options);
    TRY(link->handshake(url));
    return std::unique_ptr<HttpLink>(std::move(link));
  }
  return last;
}

}  // namespace pawl::actions
