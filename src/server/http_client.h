#pragma once
// HttpClient: one server, one connection that is kept, one request at a time, each with a time
// limit. For the worker, whose every call may be repeated: a request on a kept connection that the
// server has closed meanwhile is sent again on a new one.
//
// What moves the bytes is a seam (HttpStream), so that TLS can be put under it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fs.h"
#include "server/http_answer.h"

namespace pawl::server {

// "http://host:port/prefix", as a user gives it.
struct ServerAddress {
  std::string host;  // without brackets
  std::uint16_t port = 80;
  std::string prefix;     // "" or "/x", before every path
  std::string authority;  // as the Host field wants it
};
Result<ServerAddress> parse_server(std::string_view url);

// A connection that carries bytes. Errors: unavailable, timeout, conflict (interrupted).
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  virtual Status send(std::string_view bytes, Mono until) = 0;
  // Appends what came; returns 0 at the end of the stream.
  virtual Result<std::size_t> receive(std::string& into, Mono until) = 0;
};

class HttpClient {
 public:
  struct Options {
    ServerAddress server;
    std::string token;                                // "" none; sent as `Authorization: Bearer`
    const Clock* clock = nullptr;                     // null: the machine's
    std::size_t body_bytes = std::size_t{256} << 20;  // most of an answer
    Duration connect_time = std::chrono::seconds(5);
  };
  explicit HttpClient(Options options);
  ~HttpClient();

  struct Request {
    std::string_view method, path;
    std::string_view body;     // JSON; "" none
    std::string_view session;  // "" none
  };
  // Blocks until it is answered, `until`, or interrupt(). Errors: as of HttpStream, and what is
  // wrong with an answer.
  Result<HttpAnswer> ask(const Request& request, Mono until);
  // Ends the call under way, and every later one. Thread-safe.
  void interrupt();

 private:
  Result<HttpAnswer> exchange(std::string_view bytes, Mono until, bool& begun);
  Result<std::unique_ptr<HttpStream>> connect(Mono until);

  const Options options_;
  const Clock& clock_;
  UniqueFd stop_;  // readable once interrupted
  std::unique_ptr<HttpStream> stream_;
};

}  // namespace pawl::server
