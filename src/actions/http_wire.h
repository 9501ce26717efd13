#pragma once
// HTTP/1.1 as text: URLs, requests, and an incremental reader of responses. No I/O. What a server
// sends is hostile input: bounded (headers 64 KiB, body 16 MiB), and ambiguous framing is refused.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pawl::actions {

struct Url {
  bool tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, "/" at least
  // As the Host header wants it: with brackets, and the port where it is not the usual one.
  std::string authority() const;
  std::string origin() const;  // "https://host:port"
};

// http and https; user:password@ is refused, since addresses are logged.
Result<Url> parse_url(std::string_view text);
// `location` of a redirect, seen from `base`.
Result<Url> resolve_url(const Url& base, std::string_view location);

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct HttpRequest {
  std::string method = "GET";
  Url url;
  HttpHeaders headers;
  std::string body;
  bool has_body = false;
};

bool valid_header_name(std::string_view name);
bool valid_header_value(std::string_view value);  // no CR, LF, NUL
std::string render_request(const HttpRequest& request);

class HttpResponseReader {
 public:
  static constexpr std::size_t kMaxHead = 64u << 10;
  static constexpr std::size_t kMaxBody = 16u << 20;

  // `head_only`: the answer to HEAD has no body, whatever its headers say.
  explicit HttpResponseReader(bool head_only) : head_only_(head_only) {}
  // Bytes as they come. Error: what is wrong with them.
  Status feed(std::string_view bytes);
  // The connection was closed. Error: it ended too early.
  Status close();
  bool done() const { return state_ == State::done; }

  int status = 0;
  std::string reason;
  HttpHeaders headers;
  std::string body;
  // The value, several joined by ", "; "" where there is none.
  std::string header(std::string_view name) const;

 private:
  enum class State { head, length, chunk_size, chunk_data, chunk_end, trailer, until_close, done };
  Result<bool> step();  // false: more bytes are needed
  Result<bool> read_head();
  Status read_framing();
  Result<bool> read_chunk_size();
  Result<bool> read_trailer();
  Status take(std::size_t n);
  bool take_line(std::string& line);

  bool head_only_;
  State state_ = State::head;
  std::string buffer_;
  std::size_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace pawl::actions
