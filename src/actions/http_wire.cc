#include "actions/http_wire.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pawl::actions {
namespace {

bool is_token_char(unsigned char c) {
  return std::isalnum(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_host_char(unsigned char c) { return std::isalnum(c) || c == '-' || c == '.' || c == '_'; }

Error bad_url(std::string_view text, std::string_view why) {
  return {Errc::usage, str("url '", text.substr(0, 200), "': ", why)};
}

Error bad_answer(std::string_view why) { return {Errc::corrupt, std::string(why)}; }

template <typename Int>
bool read_number(std::string_view text, Int& out, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// host, [v6] or host:port, into url.
Status read_authority(std::string_view text, std::string_view whole, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad_url(whole, "a '[' is not closed");
    url.host = text.substr(1, close - 1);
    const bool good = std::all_of(url.host.begin(), url.host.end(), [](unsigned char c) {
      return std::isxdigit(c) || c == ':' || c == '.';
    });
    if (!good || url.host.empty()) return bad_url(whole, "no IPv6 address between the brackets");
    text.remove_prefix(close + 1);
    if (!text.empty() && text[0] != ':') return bad_url(whole, "':' expected after ']'");
    if (!text.empty()) port = text.substr(1);
  } else {
    const auto colon = text.find(':');
    url.host = lower(text.substr(0, colon));
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (url.host.empty()) return bad_url(whole, "it names no host");
    if (!std::all_of(url.host.begin(), url.host.end(), is_host_char)) {
      return bad_url(whole, "its host holds a character that host names have not");
    }
  }
  url.port = url.tls ? 443 : 80;
  if (!port.empty() && (!read_number(port, url.port, 10) || url.port == 0)) {
    return bad_url(whole, "its port is not a number from 1 to 65535");
  }
  return Ok{};
}

}  // namespace

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string out = v6 ? str('[', host, ']') : host;
  if (port != (tls ? 443 : 80)) out += str(':', port);
  return out;
}

std::string Url::origin() const { return str(tls ? "https://" : "http://", authority()); }

Result<Url> parse_url(std::string_view text) {
  for (unsigned char c : text) {
    if (c <= ' ' || c == 0x7f)
      return bad_url(text, "blanks and control characters must be %-coded");
    if (c >= 0x80) return bad_url(text, "characters beyond ASCII must be %-coded");
  }
  Url url;
  std::string_view rest = text;
  const auto colon = text.find("://");
  const std::string scheme = lower(text.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (scheme != "http" && scheme != "https") {
    return bad_url(text, "it must begin with http:// or https://");
  }
  url.tls = scheme == "https";
  rest.remove_prefix(colon + 3);
  const auto end = rest.find_first_of("/?#");
  const auto authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) {
    return bad_url("...",
                   "a password in a URL is seen by everyone; use an Authorization header "
                   "from a secret");
  }
  TRY(read_authority(authority, text, url));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  rest = rest.substr(0, rest.find('#'));
  url.target = rest.starts_with('/') ? std::string(rest) : str('/', rest);
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.find("://") != std::string_view::npos) return parse_url(location);
  if (location.starts_with("//")) return parse_url(str(base.tls ? "https:" : "http:", location));
  if (location.starts_with('/')) return parse_url(str(base.origin(), location));
  const auto path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(str(base.origin(), path, location));
  return parse_url(str(base.origin(), path.substr(0, path.rfind('/') + 1), location));
}

bool valid_header_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token_char);
}

bool valid_header_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string render_request(const HttpRequest& r) {
  std::string out = str(r.method, ' ', r.url.target, " HTTP/1.1\r\nhost: ", r.url.authority(),
                        "\r\nconnection: close\r\n");
  for (const auto& [name, value] : r.headers)
    out += str(name, ": ", value, "\r\n");
  if (r.has_body) out += str("content-length: ", r.body.size(), "\r\n");
  out += "\r\n";
  return out + r.body;
}

std::string HttpResponseReader::header(std::string_view name) const {
  std::string out;
  for (const auto& [key, value] : headers) {
    if (key != name) continue;
    if (!out.empty()) out += ", ";
    out += value;
  }
  return out;
}

Status HttpResponseReader::feed(std::string_view bytes) {
  buffer_.append(bytes);
  while (state_ != State::done) {
    if (!TRY(step())) return Ok{};
  }
  return Ok{};
}

Status HttpResponseReader::close() {
  if (state_ == State::until_close) state_ = State::done;
  if (state_ == State::done) return Ok{};
  if (state_ == State::head && buffer_.empty()) {
    return bad_answer("the server closed the connection without an answer");
  }
  return bad_answer("the server closed the connection in the middle of its answer");
}

// Moves n bytes from the buffer to the body.
Status HttpResponseReader::take(std::size_t n) {
  if (body.size() + n > kMaxBody) return bad_answer("the answer's body is larger than 16 MiB");
  body.append(buffer_, 0, n);
  buffer_.erase(0, n);
  return Ok{};
}

bool HttpResponseReader::take_line(std::string& line) {
  const auto end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  if (line.ends_with('\r')) line.pop_back();
  buffer_.erase(0, end + 1);
  return true;
}

Result<bool> HttpResponseReader::step() {
  switch (state_) {
    case State::head:
      return read_head();
    case State::length: {
      const auto n = std::min(left_, buffer_.size());
      TRY(take(n));
      left_ -= n;
      if (left_ == 0) state_ = State::done;
      return left_ == 0;
    }
    case State::chunk_size:
      return read_chunk_size();
    case State::chunk_data: {
      const auto n = std::min(left_, buffer_.size());
      TRY(take(n));
      left_ -= n;
      if (left_ == 0) state_ = State::chunk_end;
      return left_ == 0;
    }
    case State::chunk_end: {
      std::string line;
      if (!take_line(line)) {
        if (buffer_.size() > 2) return bad_answer("a chunk of the answer is longer than it says");
        return false;
      }
      if (!line.empty()) return bad_answer("a chunk of the answer is longer than it says");
      state_ = State::chunk_size;
      return true;
    }
    case State::trailer:
      return read_trailer();
    case State::until_close:
      TRY(take(buffer_.size()));
      return false;
    case State::done:
      break;
  }
  return true;
}

Result<bool> HttpResponseReader::read_head() {
  auto end = buffer_.find("\r\n\r\n");
  std::size_t skip = 4;
  if (const auto bare = buffer_.find("\n\n"); bare < end) {
    end = bare;
    skip = 2;
  }
  if (std::min(end, buffer_.size()) > kMaxHead) {
    return bad_answer("the answer's headers are larger than 64 KiB");
  }
  if (end == std::string::npos) return false;
  const std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + skip);
  const auto lines = split(head, '\n');
  std::string_view first = trim(lines[0]);
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || first[8] != ' ' ||
      !read_number(first.substr(9, 3), status, 10) || status < 100 ||
      (first.size() > 12 && first[12] != ' ')) {
    return bad_answer(
        str("the answer does not begin like HTTP/1.1: '", to_valid_utf8(first.substr(0, 60)), "'"));
  }
  reason = first.size() > 13 ? to_valid_utf8(first.substr(13)) : std::string();
  headers.clear();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    auto line = lines[i];
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !valid_header_name(line.substr(0, colon))) {
      return bad_answer(
          str("a header of the answer cannot be read: '", to_valid_utf8(line.substr(0, 60)), "'"));
    }
    headers.emplace_back(lower(line.substr(0, colon)), to_valid_utf8(trim(line.substr(colon + 1))));
  }
  if (status < 200 && status != 101)
    return true;  // 100 Continue and the like: the real one follows
  TRY(read_framing());
  return true;
}

// Where the body ends.
Status HttpResponseReader::read_framing() {
  if (head_only_ || status == 204 || status == 304) {
    state_ = State::done;
    return Ok{};
  }
  const auto coding = lower(header("transfer-encoding"));
  std::string length;
  for (const auto& [name, value] : headers) {
    if (name != "content-length") continue;
    if (!length.empty() && length != value) return bad_answer("two different Content-Lengths");
    length = value;
  }
  if (!coding.empty()) {
    if (coding != "chunked")
      return bad_answer(str("Transfer-Encoding '", coding, "' is not known"));
    if (!length.empty()) return bad_answer("both Content-Length and Transfer-Encoding");
    state_ = State::chunk_size;
  } else if (!length.empty()) {
    if (!read_number(length, left_, 10)) return bad_answer("Content-Length is no number");
    if (left_ > kMaxBody) return bad_answer("the answer's body is larger than 16 MiB");
    state_ = left_ == 0 ? State::done : State::length;
  } else {
    state_ = State::until_close;
  }
  return Ok{};
}

Result<bool> HttpResponseReader::read_chunk_size() {
  std::string line;
  if (!take_line(line)) {
    if (buffer_.size() > 1024) return bad_answer("a chunk's size cannot be read");
    return false;
  }
  const auto digits = trim(std::string_view(line).substr(0, line.find(';')));
  if (!read_number(digits, left_, 16)) return bad_answer("a chunk's size cannot be read");
  if (left_ > kMaxBody) return bad_answer("the answer's body is larger than 16 MiB");
  state_ = left_ == 0 ? State::trailer : State::chunk_data;
  return true;
}

Result<bool> HttpResponseReader::read_trailer() {
  std::string line;
  if (buffer_.size() + trailer_bytes_ > kMaxHead) {
    return bad_answer("the answer's trailer is larger than 64 KiB");
  }
  if (!take_line(line)) return false;
  trailer_bytes_ += line.size();
  if (line.empty()) state_ = State::done;
  return true;
}

}  // namespace pawl::actions
