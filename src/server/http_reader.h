#pragma once
// HTTP/1.1 requests as text: an incremental reader. No I/O. What comes in is hostile: every length
// is bounded before memory is spent on it, and whatever two parsers could read in two ways
// (request smuggling) is refused and ends the connection.
//
// Refused, with the status that is answered: a bare LF or CR, white space around a name, folded
// lines, control characters, Content-Length beside Transfer-Encoding, several or odd lengths, any
// coding but one "chunked", several Hosts or none (400); a head that is too large (431), a target
// that is too long (414), a body that is too large (413); methods and codings we do not know (501);
// versions other than 1.0 and 1.1 (505).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::server {

struct HttpLimits {
  std::size_t head_bytes = 64u << 10;  // request line and fields
  std::size_t target_bytes = 8u << 10;
  std::size_t fields = 100;
  std::size_t body_bytes = 16u << 20;
};

struct HttpRequest {
  std::string method;                                        // "GET"
  std::string path;                                          // as sent, not decoded: "/runs/a%2Fb"
  std::string query;                                         // without "?"
  std::string host;                                          // "" only in HTTP/1.0
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool keep_alive = true;
  bool expects_continue = false;
  std::uint8_t minor = 1;  // HTTP/1.x

  // The value, or nullptr; where a field came several times, its values joined by ", ".
  const std::string* header(std::string_view name) const;
};

// What is wrong with a request, as the answer that ends its connection.
struct HttpRefusal {
  int status = 400;
  const char* why = "";  // a sentence for people
};

// Reads one request after another off a connection.
class HttpReader {
 public:
  enum class State : std::uint8_t {
    head,      // more bytes are needed for the head
    body,      // the head is there (request(), without body); more bytes are needed
    complete,  // request() is whole; next() goes on to the one behind it
    refused,   // refusal(); nothing more is read
  };

  explicit HttpReader(const HttpLimits& limits) : limits_(&limits) {}
  // Bytes as they come; those behind a complete request wait for next().
  State feed(std::string_view bytes);
  // Goes on behind a complete request. REQUIRES: state() is complete.
  State next();
  // The bytes behind a complete request, of a connection that speaks something else from here on.
  std::string take_rest() { return std::exchange(in_, {}); }
  // Gives the request up. Returns refused.
  State refuse(int status, const char* why);
  // A smaller bound than the limits', once the head is there: who is not known yet sends little.
  State bound_body(std::size_t bytes);

  State state() const { return state_; }
  HttpRequest& request() { return request_; }
  const HttpRefusal& refusal() const { return refusal_; }
  // Whether a request has begun: a connection that is closed or silent now breaks one off.
  bool amid() const { return state_ == State::body || (state_ == State::head && !in_.empty()); }
  // Bytes held.
  std::size_t held() const { return in_.capacity() + request_.body.capacity(); }

 private:
  enum class Part : std::uint8_t { length, chunk_size, chunk_data, chunk_end, trailer };
  State run();
  bool read_head();  // false: more is needed, or it was refused
  bool read_request_line(std::string_view line);
  bool read_target(std::string_view target);
  bool read_field(std::string_view line);
  bool read_framing();
  bool read_body();
  bool read_chunk_size();
  bool read_trailer();
  bool take_body(std::size_t n);
  // The next line without its CRLF, from at_ on; false: it is not whole yet, or was refused.
  bool take_line(std::string_view& line, std::size_t limit, int status, const char* too_long);
  void drop_taken();

  const HttpLimits* limits_;
  std::string in_;
  std::size_t at_ = 0;       // taken so far
  std::size_t scanned_ = 0;  // no end of line before this
  HttpRequest request_;
  HttpRefusal refusal_;
  State state_ = State::head;
  Part part_ = Part::length;
  std::size_t left_ = 0;      // of the body, or of this chunk
  std::size_t most_ = 0;      // bound of this body
  std::size_t overhead_ = 0;  // bytes of chunk framing and trailers
};

// "%41" is "A". False where an escape is broken, or stands for NUL.
bool percent_decode(std::string_view text, bool plus_is_space, std::string& out);

}  // namespace pawl::server
