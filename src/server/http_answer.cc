#include "server/http_answer.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pawl::server {
namespace {

constexpr std::size_t kMostHead = std::size_t{64} << 10;
constexpr std::size_t kMostLine = std::size_t{8} << 10;

Error broken(std::string_view what) {
  return {Errc::io, str("the server's answer is no HTTP: ", what)};
}

template <typename N>
bool whole_number(std::string_view text, N& number, int base) {
  if (text.empty() || text[0] == '-' || text[0] == '+') return false;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return bad == std::errc{} && end == text.data() + text.size();
}

}  // namespace

const std::string* HttpAnswer::header(std::string_view name) const {
  for (const auto& [have, value] : headers)
    if (have == name) return &value;
  return nullptr;
}

Status HttpAnswerReader::feed(std::string_view bytes) {
  begun_ = begun_ || !bytes.empty();
  in_.append(bytes);
  while (TRY(step())) {
  }
  return {};
}

Status HttpAnswerReader::close() {
  if (part_ == Part::until_close) {
    part_ = Part::done;
    answer_.keep_alive = false;
  }
  if (done()) return {};
  return {Errc::unavailable, "the server closed the connection before it had answered"};
}

Result<bool> HttpAnswerReader::step() {
  switch (part_) {
    case Part::head:
      return read_head();
    case Part::chunk_size:
      return read_chunk_size();
    case Part::length:
    case Part::chunk_data:
    case Part::until_close: {
      const auto n = part_ == Part::until_close ? in_.size() : std::min(left_, in_.size());
      TRY(take_body(n));
      if (part_ == Part::until_close) return false;
      left_ -= n;
      if (left_ > 0) return false;
      part_ = part_ == Part::length ? Part::done : Part::chunk_end;
      return true;
    }
    case Part::chunk_end: {
      if (in_.size() < 2) return false;
      if (!in_.starts_with("\r\n")) return broken("a chunk does not end where it should");
      in_.erase(0, 2);
      part_ = Part::chunk_size;
      return true;
    }
    case Part::trailer: {
      std::string line;
      if (!take_line(line)) {
        if (in_.size() > kMostLine) return broken("a trailer is too long");
        return false;
      }
      trailers_ += line.size();
      if (trailers_ > kMostHead) return broken("the trailers are too long");
      if (line.empty()) part_ = Part::done;
      return true;
    }
    case Part::done:
      if (!in_.empty()) return broken("there is more than one answer");
      return false;
  }
  return false;
}

bool HttpAnswerReader::take_line(std::string& line) {
  const auto end = in_.find("\r\n");
  if (end == std::string::npos) return false;
  line = in_.substr(0, end);
  in_.erase(0, end + 2);
  return true;
}

Status HttpAnswerReader::take_body(std::size_t n) {
  if (answer_.body.size() + n > most_) {
    return {Errc::too_large, str("the server's answer has more than ", format_size(most_))};
  }
  answer_.body.append(in_, 0, n);
  in_.erase(0, n);
  return {};
}

Result<bool> HttpAnswerReader::read_head() {
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (in_.size() > kMostHead) return broken("its head is too long");
    return false;
  }
  const std::string head = in_.substr(0, end);
  in_.erase(0, end + 4);
  answer_ = HttpAnswer();
  std::size_t at = 0;
  for (bool first = true; at <= head.size(); first = false) {
    const auto stop = std::min(head.find("\r\n", at), head.size());
    const std::string_view line(head.data() + at, stop - at);
    TRY(first ? read_status(line) : read_field(line));
    at = stop + 2;
  }
  if (answer_.status < 200) return true;  // 100 Continue: the answer is still to come
  TRY(read_framing());
  return true;
}

Status HttpAnswerReader::read_status(std::string_view line) {
  const bool shaped = line.size() >= 12 && line.starts_with("HTTP/1.") &&
                      (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  if (!shaped || !whole_number(line.substr(9, 3), answer_.status, 10) || answer_.status < 100 ||
      answer_.status == 101) {
    return broken("its first line is none");
  }
  answer_.keep_alive = line[7] == '1';
  return {};
}

Status HttpAnswerReader::read_field(std::string_view line) {
  const auto colon = line.find(':');
  const auto plain = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (colon == std::string_view::npos || colon == 0 ||
      !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), plain)) {
    return broken("a field has no name");
  }
  answer_.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return {};
}

Status HttpAnswerReader::read_framing() {
  int lengths = 0, codings = 0;
  for (const auto& [name, value] : answer_.headers) {
    if (name == "content-length") {
      if (++lengths > 1 || !whole_number(value, left_, 10)) return broken("its length is odd");
    } else if (name == "transfer-encoding") {
      if (++codings > 1 || lower(value) != "chunked") return broken("its coding is not known");
    } else if (name == "connection" && lower(value).find("close") != std::string::npos) {
      answer_.keep_alive = false;
    }
  }
  if (lengths > 0 && codings > 0) return broken("it has a length, and is chunked");
  if (left_ > most_) {
    return {Errc::too_large, str("the server's answer has more than ", format_size(most_))};
  }
  if (answer_.status == 204 || answer_.status == 304) {
    part_ = Part::done;
  } else if (codings > 0) {
    part_ = Part::chunk_size;
  } else {
    part_ = lengths > 0 ? Part::length : Part::until_close;
  }
  return {};
}

Result<bool> HttpAnswerReader::read_chunk_size() {
  std::string line;
  if (!take_line(line)) {
    if (in_.size() > kMostLine) return broken("a chunk's size is too long");
    return false;
  }
  const auto size = std::string_view(line).substr(0, line.find(';'));
  if (!whole_number(trim(size), left_, 16)) return broken("a chunk has no size");
  if (left_ > most_) return {Errc::too_large, "a chunk of the server's answer is too large"};
  part_ = left_ == 0 ? Part::trailer : Part::chunk_data;
  return true;
}

}  // namespace pawl::server
