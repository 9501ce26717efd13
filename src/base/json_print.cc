// Json to text: compact and indented.
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json.h"
#include "base/text.h"

namespace pawl {

namespace {

// The length of the run at p that a string literal takes as it is.
std::size_t plain_run(const char* p, const char* end) {
  const char* begin = p;
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  constexpr std::uint64_t kHigh = 0x8080808080808080u;
  for (; end - p >= 8; p += 8) {
    std::uint64_t w;
    std::memcpy(&w, p, 8);
    auto quote = w ^ (kOnes * '"');
    auto slash = w ^ (kOnes * '\\');
    // A byte's high bit is set where it is >= 0x80, below 0x20, a quote or a backslash.
    auto stop = (w | (w - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes)) & kHigh;
    if (stop) {
      p += __builtin_ctzll(stop) / 8;
      return static_cast<std::size_t>(p - begin);
    }
  }
  for (; p != end; p++) {
    auto c = static_cast<unsigned char>(*p);
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
  }
  return static_cast<std::size_t>(p - begin);
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  char escape[] = {'\\', 'u', '0', '0', kHex[(c >> 4) & 15], kHex[c & 15]};
  out.append(escape, sizeof escape);
}

void append_double(std::string& out, double v) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  char buffer[32];
  auto* end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  std::string_view digits(buffer, static_cast<std::size_t>(end - buffer));
  out += digits;
  // A whole double stays a double when it is read back.
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

class Printer {
 public:
  Printer(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

  void print(const Json& v) {
    switch (v.type()) {
      case Json::Type::null:
        out_ += "null";
        return;
      case Json::Type::boolean:
        out_ += v.as_bool() ? "true" : "false";
        return;
      case Json::Type::integer:
        text_detail::put(out_, v.as_integer());
        return;
      case Json::Type::number:
        append_double(out_, v.as_double());
        return;
      case Json::Type::string:
        append_json_string(out_, v.as_string());
        return;
      case Json::Type::array:
        print_array(v.as_array());
        return;
      case Json::Type::object:
        print_object(v.as_object());
        return;
    }
  }

 private:
  void print_array(const Json::Array& items) {
    begin('[');
    for (const auto& item : items) {
      next();
      print(item);
    }
    end(']');
  }

  void print_object(const Json::Object& members) {
    begin('{');
    for (const auto& [key, value] : members) {
      next();
      append_json_string(out_, key);
      out_ += ':';
      if (pretty_) out_ += ' ';
      print(value);
    }
    end('}');
  }

  void begin(char bracket) {
    out_ += bracket;
    depth_++;
    first_ = true;
  }

  void next() {
    if (!first_) out_ += ',';
    first_ = false;
    if (pretty_) new_line();
  }

  void end(char bracket) {
    depth_--;
    if (pretty_ && !first_) new_line();
    first_ = false;
    out_ += bracket;
  }

  void new_line() {
    out_ += '\n';
    out_.append(depth_ * 2, ' ');
  }

  std::string& out_;
  bool pretty_;
  bool first_ = true;
  std::size_t depth_ = 0;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  auto* p = text.data();
  auto* end = p + text.size();
  while (true) {
    auto run = plain_run(p, end);
    out.append(p, run);
    p += run;
    if (p == end) break;
    if (static_cast<unsigned char>(*p) < 0x80) {
      append_escape(out, *p++);
      continue;
    }
    auto* begin = p;
    while (p != end && static_cast<unsigned char>(*p) >= 0x80)
      p++;
    std::string_view foreign(begin, static_cast<std::size_t>(p - begin));
    if (valid_utf8(foreign)) {
      out += foreign;
    } else {
      out += to_valid_utf8(foreign);
    }
  }
  out += '"';
}

void Json::dump_to(std::string& out) const { Printer(out, false).print(*this); }

std::string Json::dump() const {
  std::string out;
  dump_to(out);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  Printer(out, true).print(*this);
  return out;
}

}  // namespace pawl
