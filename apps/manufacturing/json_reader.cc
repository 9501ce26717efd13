#include "manufacturing/json_reader.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "manufacturing/files.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;

namespace {

constexpr std::size_t kBuffer = 64u << 10;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxString = 64u << 10;
constexpr std::size_t kMaxNumber = 400;

bool is_digit(int c) { return c >= '0' && c <= '9'; }

std::string shown(int byte) {
  if (byte < 0) return "the end";
  if (byte > 0x20 && byte < 0x7f) return std::string("'") + static_cast<char>(byte) + "'";
  char text[16];
  std::snprintf(text, sizeof text, "byte 0x%02x", static_cast<unsigned>(byte));
  return text;
}

}  // namespace

ByteSource text_source(std::string_view text) {
  return [text](char* into, std::size_t most) mutable -> Result<std::size_t> {
    auto n = std::min(most, text.size());
    std::memcpy(into, text.data(), n);
    text.remove_prefix(n);
    return n;
  };
}

ByteSource file_source(int fd, std::string path) {
  return [fd, path = std::move(path), at = off_t{0}](
             char* into, std::size_t most) mutable -> Result<std::size_t> {
    while (true) {
      ssize_t n = ::pread(fd, into, most, at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_error("reading", path);
      at += n;
      return static_cast<std::size_t>(n);
    }
  };
}

const char* to_string(JsonReader::Kind kind) {
  switch (kind) {
    case JsonReader::Kind::null:
      return "null";
    case JsonReader::Kind::boolean:
      return "a boolean";
    case JsonReader::Kind::number:
    case JsonReader::Kind::not_a_number:
      return "a number";
    case JsonReader::Kind::string:
      return "a string";
    case JsonReader::Kind::array:
      return "an array";
    case JsonReader::Kind::object:
      return "an object";
  }
  return "";
}

JsonReader::JsonReader(std::string name, ByteSource source)
    : name_(std::move(name)), source_(std::move(source)), buffer_(kBuffer, '\0') {}

bool JsonReader::refuse(const std::string& what, Place at) {
  if (error_.ok()) {
    error_ = Status(Code::invalid, name_ + ":" + std::to_string(at.line) + ":" +
                                       std::to_string(at.column) + ": " + what);
  }
  return false;
}

bool JsonReader::fill() {
  if (ended_ || !error_.ok()) return false;
  offset_ += end_;
  at_ = end_ = 0;
  auto got = source_(buffer_.data(), buffer_.size());
  if (!got.ok()) {
    error_ = got.status();
    return false;
  }
  end_ = *got;
  ended_ = end_ == 0;
  return !ended_;
}

int JsonReader::peek() {
  if (at_ == end_ && !fill()) return -1;
  return static_cast<unsigned char>(buffer_[at_]);
}

int JsonReader::take() {
  int byte = peek();
  if (byte >= 0) ++at_;
  return byte;
}

int JsonReader::space() {
  while (true) {
    int byte = peek();
    if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t') return byte;
    ++at_;
    if (byte == '\n') ++line_, line_start_ = offset_ + at_;
  }
}

bool JsonReader::unexpected(int byte, const char* wanted) {
  return refuse(std::string("expected ") + wanted + ", found " + shown(byte), here());
}

bool JsonReader::opens(char byte, Kind kind) {
  if (stack_.size() >= kMaxDepth) return refuse("nested too deeply");
  ++at_;
  stack_.push_back(byte);
  first_ = true;
  kind_ = kind;
  return true;
}

bool JsonReader::value() {
  if (!error_.ok()) return false;
  int byte = space();
  place_ = here();
  first_ = false;
  switch (byte) {
    case '{':
      return opens('{', Kind::object);
    case '[':
      return opens('[', Kind::array);
    case '"':
      kind_ = Kind::string;
      return read_string(text_);
    case 't':
    case 'f':
      kind_ = Kind::boolean;
      boolean_ = byte == 't';
      return read_word(boolean_ ? "true" : "false");
    case 'n':
      kind_ = Kind::null;
      return read_word("null");
    case 'N':
      kind_ = Kind::not_a_number;
      return read_word("NaN");
    case 'I':
      kind_ = Kind::not_a_number;
      return read_word("Infinity");
    default:
      if (byte == '-' || is_digit(byte)) return read_number(byte);
      return unexpected(byte, "a value");
  }
}

bool JsonReader::next_item() {
  if (!error_.ok()) return false;
  int byte = space();
  if (byte == ']') {
    ++at_;
    stack_.pop_back();
    first_ = false;
    return false;
  }
  if (first_) return byte >= 0 || unexpected(byte, "a value or ]");
  if (byte != ',') return unexpected(byte, ", or ]");
  ++at_;
  if (space() == ']') return unexpected(']', "a value");
  return true;
}

bool JsonReader::next_member() {
  if (!error_.ok()) return false;
  int byte = space();
  if (byte == '}') {
    ++at_;
    stack_.pop_back();
    first_ = false;
    return false;
  }
  if (!first_) {
    if (byte != ',') return unexpected(byte, ", or }");
    ++at_;
    byte = space();
  }
  key_place_ = here();
  if (byte != '"') return unexpected(byte, first_ ? "a name or }" : "a name");
  first_ = false;
  if (!read_string(key_)) return false;
  byte = space();
  if (byte != ':') return unexpected(byte, ":");
  ++at_;
  return true;
}

bool JsonReader::skip() {
  if (kind_ != Kind::array && kind_ != Kind::object) return ok();
  const std::size_t below = stack_.size() - 1;
  while (ok() && stack_.size() > below) {
    bool more = stack_.back() == '[' ? next_item() : next_member();
    if (more) value();
  }
  return ok();
}

bool JsonReader::end() {
  if (!error_.ok()) return false;
  int byte = space();
  return byte < 0 ? ok() : unexpected(byte, "the end");
}

bool JsonReader::read_word(const char* word) {
  for (const char* c = word; *c; ++c) {
    int byte = peek();
    if (byte != *c) return refuse(std::string("this is no value; did you mean ") + word + "?");
    ++at_;
  }
  int after = peek();
  bool longer = (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z') || is_digit(after);
  return longer ? refuse(std::string("this is no value; did you mean ") + word + "?") : ok();
}

bool JsonReader::read_number(int first) {
  char digits[kMaxNumber];
  std::size_t n = 0;
  integer_ = true;
  kind_ = Kind::number;
  auto keep = [&](int byte) {
    if (n < sizeof digits) digits[n] = static_cast<char>(byte);
    ++n;
    ++at_;
  };
  if (first == '-') {
    keep('-');
    if (peek() == 'I') {
      kind_ = Kind::not_a_number;
      return read_word("Infinity");
    }
  }
  bool zero = peek() == '0';
  if (!is_digit(peek())) return unexpected(peek(), "a digit");
  while (is_digit(peek()))
    keep(peek());
  if (zero && n > (first == '-' ? 2u : 1u)) return refuse("a number begins with a needless 0");
  if (peek() == '.') {
    integer_ = false;
    keep('.');
    if (!is_digit(peek())) return unexpected(peek(), "a digit");
    while (is_digit(peek()))
      keep(peek());
  }
  if (peek() == 'e' || peek() == 'E') {
    integer_ = false;
    keep('e');
    if (peek() == '+' || peek() == '-') keep(peek());
    if (!is_digit(peek())) return unexpected(peek(), "a digit");
    while (is_digit(peek()))
      keep(peek());
  }
  if (!error_.ok()) return false;
  if (n > sizeof digits) return refuse("a number has too many digits");
  auto read = std::from_chars(digits, digits + n, number_);
  if (read.ec == std::errc::result_out_of_range) {
    // Too small for a double is zero; too large is no measurement.
    std::string_view text(digits, n);
    auto e = text.find('e');
    if (e == std::string_view::npos || text[e + 1] != '-') return refuse("a number is too large");
    number_ = 0;
  }
  if (integer_) text_.assign(digits, n);
  return true;
}

bool JsonReader::read_string(std::string& into) {
  into.clear();
  const Place began = here();
  ++at_;
  while (true) {
    int byte = take();
    if (byte == '"') return true;
    if (byte < 0) return refuse("a string has no end", began);
    if (byte < 0x20) {
      --at_;
      return refuse("a control character in a string, " + shown(byte), here());
    }
    bool fine = true;
    if (byte == '\\') {
      fine = read_escape(into);
    } else if (byte < 0x80) {
      into.push_back(static_cast<char>(byte));
    } else {
      fine = read_utf8(byte, into);
    }
    if (!fine) return false;
    if (into.size() > kMaxString) return refuse("a string is too long", began);
  }
}

bool JsonReader::read_utf8(int first, std::string& into) {
  int more = first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
  bool fine = more > 0;
  std::uint32_t code = static_cast<std::uint32_t>(first) & (0x3fu >> std::max(more, 0));
  into.push_back(static_cast<char>(first));
  for (int i = 0; fine && i < more; ++i) {
    int byte = peek();
    fine = byte >= 0 && (byte & 0xc0) == 0x80;
    if (!fine) break;
    ++at_;
    code = code << 6 | (static_cast<std::uint32_t>(byte) & 0x3fu);
    into.push_back(static_cast<char>(byte));
  }
  fine = fine && !(more == 2 && code < 0x800) && !(more == 3 && code < 0x10000) &&
         code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
  return fine || refuse("a string is not UTF-8", here());
}

bool JsonReader::read_hex(unsigned& code) {
  code = 0;
  for (int i = 0; i < 4; ++i) {
    int c = take();
    int digit = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return refuse("\\u needs four hexadecimal digits", here());
    code = code << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonReader::read_unicode(std::string& into) {
  unsigned code = 0, low = 0;
  if (!read_hex(code)) return false;
  if (code >= 0xd800 && code < 0xdc00) {
    bool pair = take() == '\\' && take() == 'u' && read_hex(low) && low >= 0xdc00 && low < 0xe000;
    if (!pair) return refuse("half of a surrogate pair", here());
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return refuse("half of a surrogate pair", here());
  }
  auto put = [&](unsigned c) { into.push_back(static_cast<char>(c)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  }
  return true;
}

bool JsonReader::read_escape(std::string& into) {
  static constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
  int byte = take();
  if (byte == 'u') return read_unicode(into);
  auto i = byte < 0 ? std::string_view::npos : kNames.find(static_cast<char>(byte));
  if (i == std::string_view::npos) return refuse("there is no such escape", here());
  into.push_back(kBytes[i]);
  return true;
}

}  // namespace manufacturing
