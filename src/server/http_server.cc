#include "server/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <thread>

#include "base/text.h"
#include "server/http_loop.h"

namespace pawl::server {
namespace {

Result<UniqueFd> listen_on(const std::string& address, std::uint16_t port) {
  sockaddr_storage where{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&where);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&where);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof *v6;
  } else {
    return Error{Errc::usage, str("cannot listen on \"", address,
                                  "\": it is not an address such as 127.0.0.1 or ::1")};
  }
  const auto name = str(address, ":", port);
  UniqueFd fd(::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("open a socket for", name, errno);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), size) != 0) {
    if (errno == EADDRINUSE) {
      return Error{Errc::conflict, str("cannot listen on ", name, ": another program does")};
    }
    return errno_error("listen on", name, errno);
  }
  if (::listen(fd.get(), 4096) != 0) return errno_error("listen on", name, errno);
  return fd;
}

}  // namespace

struct HttpServer::Shared {
  Options options;
  UniqueFd listener;
  std::uint16_t port = 0;
  HttpCounts counts;
  std::vector<std::unique_ptr<HttpLoop>> loops;
};

HttpServer::HttpServer() : shared_(std::make_unique<Shared>()) {}

HttpServer::~HttpServer() { shared_->loops.clear(); }

Result<std::unique_ptr<HttpServer>> HttpServer::open(Options options, HttpHandler& handler) {
  std::unique_ptr<HttpServer> server(new HttpServer);
  auto& s = *server->shared_;
  s.listener = TRY(listen_on(options.address, options.port));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(s.listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  s.port = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(bound).sin_port
                                            : reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
  s.options = std::move(options);
  for (unsigned i = 0; i < std::max(1u, s.options.threads); ++i) {
    s.loops.push_back(std::make_unique<HttpLoop>(s.options, handler, s.listener.get(), s.counts));
    TRY(s.loops.back()->start());
  }
  return server;
}

void HttpServer::drain(Mono until) {
  for (auto& loop : shared_->loops)
    loop->drain();
  const Clock& clock = shared_->options.clock ? *shared_->options.clock : system_clock();
  for (auto& loop : shared_->loops)
    loop->wait_idle(clock, until);
}

std::uint16_t HttpServer::port() const { return shared_->port; }

HttpServer::Statistics HttpServer::statistics() const {
  const auto& c = shared_->counts;
  return {c.connections, c.requests, c.refused, c.turned_away};
}

namespace {

constexpr std::pair<int, const char*> kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

}  // namespace

const char* reason_phrase(int status) {
  for (const auto& [code, reason] : kReasons)
    if (code == status) return reason;
  return status < 400 ? "Done" : "Error";
}

}  // namespace pawl::server
