#include "server/http_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pawl::server {
namespace {

constexpr std::size_t kMaxChunkLine = 256;
constexpr std::size_t kMaxOverhead = 1u << 20;  // of chunk sizes and trailers in one body

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<std::size_t>(c)] = true;
  return table;
}
constexpr auto kToken = token_table();

bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(),
                                   [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

bool is_control(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u < 0x20 || u == 0x7f;
}

void lower(std::string& s) {
  for (char& c : s)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
}

std::string lowered(std::string_view s) {
  std::string out(s);
  lower(out);
  return out;
}

std::string_view trim_blanks(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
    s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
    s.remove_suffix(1);
  return s;
}

// Whether a comma-separated list holds this word.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (lowered(trim_blanks(list.substr(0, comma))) == word) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS"};

// host, host:port, [v6], [v6]:port. What it names is checked by the server's own list.
bool is_authority(std::string_view s) {
  if (s.empty() || s.size() > 255) return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:[]%").find(c) != std::string_view::npos;
  });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return &value;
  return nullptr;
}

HttpReader::State HttpReader::refuse(int status, const char* why) {
  refusal_ = {status, why};
  in_ = std::string();
  request_.keep_alive = false;
  return state_ = State::refused;
}

HttpReader::State HttpReader::feed(std::string_view bytes) {
  if (state_ == State::refused) return state_;
  // Behind a complete request at most one head's worth waits: the connection is not read further.
  in_.append(bytes);
  return state_ == State::complete ? state_ : run();
}

HttpReader::State HttpReader::next() {
  request_ = HttpRequest();
  state_ = State::head;
  scanned_ = 0;
  return run();
}

HttpReader::State HttpReader::bound_body(std::size_t bytes) {
  if (state_ != State::body) return state_;
  most_ = std::min(most_, bytes);
  const std::size_t announced = part_ == Part::length ? left_ : 0;
  if (got_ + announced > most_) return refuse(413, "the body is too large");
  return state_;
}

HttpReader::State HttpReader::run() {
  if (state_ == State::head && read_head()) {
    state_ = State::body;
  }
  if (state_ == State::body && read_body()) state_ = State::complete;
  if (state_ != State::refused) drop_taken();
  return state_;
}

void HttpReader::drop_taken() {
  if (at_ == 0) return;
  in_.erase(0, at_);
  scanned_ = scanned_ > at_ ? scanned_ - at_ : 0;
  at_ = 0;
  if (in_.empty() && in_.capacity() > 4096) in_ = std::string();
}

bool HttpReader::take_line(std::string_view& line, std::size_t limit, int status,
                           const char* too_long) {
  const auto from = std::max(at_, scanned_);
  const auto end = in_.find('\n', from);
  const auto length = (end == std::string::npos ? in_.size() : end) - at_;
  if (length > limit) {
    refuse(status, too_long);
    return false;
  }
  if (end == std::string::npos) {
    scanned_ = in_.size();
    return false;
  }
  if (end == at_ || in_[end - 1] != '\r') {
    refuse(400, "a line does not end in CR LF");
    return false;
  }
  line = std::string_view(in_).substr(at_, end - at_ - 1);
  at_ = end + 1;
  scanned_ = at_;
  return true;
}

bool HttpReader::read_head() {
  // Wait for the whole head: it is small, and then it is read in one go.
  if (in_.starts_with("\r\n")) at_ = 2;  // a stray line end behind an earlier request
  const auto from = std::max(at_, scanned_ > 3 ? scanned_ - 3 : 0);
  const auto end = in_.find("\r\n\r\n", from);
  const auto size = (end == std::string::npos ? in_.size() : end) - at_;
  if (size > limits_->head_bytes) {
    const bool line = in_.find('\n', at_) == std::string::npos;
    refuse(line ? 414 : 431, line ? "the target is too long" : "the header fields are too large");
    return false;
  }
  if (end == std::string::npos) {
    // What can never become a request is refused before more of it comes.
    const char first = in_.empty() ? 'G' : in_[0];
    if (first != '\r' && !kToken[static_cast<unsigned char>(first)])
      refuse(400, "this is not HTTP");
    for (auto i = in_.find('\n', scanned_); i < in_.size(); i = in_.find('\n', i + 1)) {
      if (i > 0 && in_[i - 1] == '\r') continue;
      refuse(400, "a line does not end in CR LF");
      return false;
    }
    scanned_ = in_.size();
    at_ = 0;
    return false;
  }
  scanned_ = at_;
  std::string_view line;
  if (!take_line(line, limits_->head_bytes, 431, "the header fields are too large")) return false;
  if (!read_request_line(line)) return false;
  while (take_line(line, limits_->head_bytes, 431, "the header fields are too large")) {
    if (line.empty()) return read_framing();
    if (!read_field(line)) return false;
  }
  if (state_ != State::refused) refuse(400, "the head ends early");
  return false;
}

bool HttpReader::read_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    refuse(400, "the request line is not METHOD TARGET VERSION");
    return false;
  }
  const auto method = line.substr(0, first);
  const auto version = line.substr(last + 1);
  if (!is_token(method)) {
    refuse(400, "the method is no word");
    return false;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool http = version.starts_with("HTTP/");
    refuse(http ? 505 : 400, http ? "only HTTP/1.1 and HTTP/1.0 are spoken here"
                                  : "the request line is not METHOD TARGET VERSION");
    return false;
  }
  request_.minor = version.back() == '1' ? 1 : 0;
  if (std::find(std::begin(kMethods), std::end(kMethods), method) == std::end(kMethods)) {
    refuse(501, "this method is not known here");
    return false;
  }
  request_.method = method;
  return read_target(line.substr(first + 1, last - first - 1));
}

bool HttpReader::read_target(std::string_view target) {
  if (target.size() > limits_->target_bytes) {
    refuse(414, "the target is too long");
    return false;
  }
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    // A proxy's form. Its host counts, as RFC 9112 says; a Host field that differs is refused.
    const auto slash = target.find('/', scheme.size());
    request_.host = target.substr(scheme.size(), slash - scheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    if (!is_authority(request_.host)) {
      refuse(400, "the target's host is not one");
      return false;
    }
  }
  const bool clean = std::all_of(target.begin(), target.end(), [](char c) {
    return !is_control(c) && c != ' ' && static_cast<unsigned char>(c) < 0x80;
  });
  const bool whole = request_.method == "OPTIONS" && target == "*";
  if (!clean || (!whole && !target.starts_with('/')) ||
      target.find('#') != std::string_view::npos) {
    refuse(400, "the target is not a path");
    return false;
  }
  const auto mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request_.query = target.substr(mark + 1);
  return true;
}

bool HttpReader::read_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    refuse(400, "a header field is not NAME: VALUE");
    return false;
  }
  const auto value = trim_blanks(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    refuse(400, "a header field holds control characters");
    return false;
  }
  if (request_.headers.size() >= limits_->fields) {
    refuse(431, "there are too many header fields");
    return false;
  }
  auto name = lowered(line.substr(0, colon));
  for (auto& [known, before] : request_.headers) {
    if (known != name) continue;
    if (name == "content-length" || name == "transfer-encoding" || name == "host" ||
        name == "authorization" || name == "content-type" || name == "origin") {
      refuse(400, "a header field that must stand alone is there twice");
      return false;
    }
    before.append(name == "cookie" ? "; " : ", ").append(value);
    return true;
  }
  request_.headers.emplace_back(std::move(name), value);
  return true;
}

bool HttpReader::read_framing() {
  const auto* host = request_.header("host");
  if (host && !host->empty() && !is_authority(*host)) {
    refuse(400, "the Host field is not a host");
    return false;
  }
  if (request_.minor == 1 && !host) {
    refuse(400, "the Host field is missing");
    return false;
  }
  if (host && !request_.host.empty() && *host != request_.host) {
    refuse(400, "the Host field differs from the target");
    return false;
  }
  if (host) request_.host = *host;

  const auto* connection = request_.header("connection");
  request_.keep_alive = request_.minor == 1;
  if (connection && lists(*connection, "close")) request_.keep_alive = false;
  if (request_.minor == 0 && connection && lists(*connection, "keep-alive")) {
    request_.keep_alive = true;
  }
  if (const auto* expect = request_.header("expect")) {
    if (lowered(*expect) != "100-continue") {
      refuse(417, "only Expect: 100-continue is known here");
      return false;
    }
    request_.expects_continue = request_.minor == 1;
  }

  most_ = limits_->body_bytes;
  left_ = overhead_ = got_ = 0;
  const auto* length = request_.header("content-length");
  const auto* coding = request_.header("transfer-encoding");
  if (coding) {
    if (length) {
      refuse(400, "Content-Length stands beside Transfer-Encoding");
      return false;
    }
    if (request_.minor == 0) {
      refuse(400, "HTTP/1.0 has no Transfer-Encoding");
      return false;
    }
    if (lowered(*coding) != "chunked") {
      refuse(501, "only the coding \"chunked\" is known here");
      return false;
    }
    part_ = Part::chunk_size;
    return true;
  }
  part_ = Part::length;
  if (!length) return true;
  const bool digits =
      !length->empty() && length->size() <= 19 &&
      std::all_of(length->begin(), length->end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    refuse(400, "Content-Length is not a number");
    return false;
  }
  std::from_chars(length->data(), length->data() + length->size(), left_);
  if (left_ > most_) {
    refuse(413, "the body is too large");
    return false;
  }
  return true;
}

// Moves up to left_ bytes into the body; true when none are left.
bool HttpReader::take_body(std::size_t n) {
  request_.body.append(in_, at_, n);
  got_ += n;
  at_ += n;
  left_ -= n;
  scanned_ = at_;
  return left_ == 0;
}

bool HttpReader::read_body() {
  while (true) {
    const auto here = std::min(left_, in_.size() - at_);
    switch (part_) {
      case Part::length:
        return take_body(here);
      case Part::chunk_size:
        if (!read_chunk_size()) return false;
        part_ = left_ == 0 ? Part::trailer : Part::chunk_data;
        break;
      case Part::chunk_data:
        if (!take_body(here)) return false;
        part_ = Part::chunk_end;
        break;
      case Part::chunk_end:
        if (in_.size() - at_ < 2) return false;
        if (in_.compare(at_, 2, "\r\n") != 0) {
          refuse(400, "a chunk is longer than it says");
          return false;
        }
        at_ += 2;
        scanned_ = at_;
        part_ = Part::chunk_size;
        break;
      case Part::trailer:
        return read_trailer();
    }
  }
}

bool HttpReader::read_chunk_size() {
  std::string_view line;
  if (!take_line(line, kMaxChunkLine, 400, "the line of a chunk's size is too long")) return false;
  overhead_ += line.size() + 4;
  const auto size = line.substr(0, line.find(';'));
  const auto extension = line.substr(size.size());
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == size.data() + size.size();
  if (size.empty() || size.size() > 15 || !whole ||
      std::any_of(extension.begin(), extension.end(), is_control)) {
    refuse(400, "the size of a chunk is not a number");
    return false;
  }
  if (left_ > most_ || got_ > most_ - left_) {
    refuse(413, "the body is too large");
    return false;
  }
  if (overhead_ > kMaxOverhead && overhead_ > got_) {
    refuse(400, "the body comes in too small chunks");
    return false;
  }
  return true;
}

// Trailers are read and forgotten: nothing here asks for one.
bool HttpReader::read_trailer() {
  std::string_view line;
  while (take_line(line, limits_->head_bytes, 431, "the trailer is too large")) {
    if (line.empty()) return true;
    overhead_ += line.size() + 2;
    if (overhead_ > kMaxOverhead) {
      refuse(431, "the trailer is too large");
      return false;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      refuse(400, "a trailer is not NAME: VALUE");
      return false;
    }
  }
  return false;
}

bool percent_decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (text.size() - i < 3) return false;
      const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return false;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return true;
}

}  // namespace pawl::server
