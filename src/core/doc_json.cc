// Reads JSON (RFC 8259, strict) into a Doc: one pass, no copies of strings without escapes.
// A syntax error ends the reading; what comes after it could only be guessed.

#include <array>
#include <cstring>

#include "base/text.h"
#include "core/doc.h"

namespace pawl::core {
namespace {

constexpr std::array<bool, 256> plain_bytes() {
  std::array<bool, 256> t{};
  for (int c = 0x20; c < 0x7F; ++c)
    t[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return t;
}
constexpr auto kPlain = plain_bytes();

class JsonReader {
 public:
  JsonReader(std::string_view text, const DocLimits& limits, Doc& doc)
      : limits_(limits), doc_(doc), p_(text.data()), end_(p_ + text.size()), line_start_(p_) {}

  void read() {
    blanks();
    if (!value(0)) return doc_.set_broken();
    blanks();
    if (p_ != end_) {
      fail("the end of the file");
      doc_.set_broken();
    }
  }

 private:
  std::uint32_t column() const { return static_cast<std::uint32_t>(p_ - line_start_) - wide_ + 1; }

  void blanks() {
    for (; p_ < end_; ++p_) {
      if (*p_ == ' ' || *p_ == '\t' || *p_ == '\r') continue;
      if (*p_ != '\n') return;
      ++line_;
      wide_ = 0;
      line_start_ = p_ + 1;
    }
  }

  std::string found() const {
    if (p_ == end_) return "the end of the file";
    if (static_cast<unsigned char>(*p_) < 0x20) return "a control character";
    if (static_cast<unsigned char>(*p_) >= 0x7F) return "a character outside a string";
    return str("`", *p_, "`");
  }

  bool fail(std::string_view expected, std::string hint = {}) {
    if (hint.empty() && p_ != end_) {
      if (*p_ == '#' || *p_ == '/')
        hint = "JSON has no comments; YAML has (`#`)";
      else if (*p_ == '\'')
        hint = "JSON strings stand in double quotes";
      else if (*p_ == '}' || *p_ == ']')
        hint = "is there a comma too many before it?";
    }
    return report("syntax", str("found ", found(), ", expected ", expected), std::move(hint));
  }

  bool report(std::string code, std::string message, std::string hint) {
    doc_.problem({line_, column(), DocProblem::kNoNode, std::move(code), std::move(message),
                  std::move(hint), false},
                 limits_);
    return false;
  }

  bool value(std::uint32_t depth) {
    if (p_ == end_) return fail("a value");
    switch (*p_) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true", DocType::boolean);
      case 'f':
        return word("false", DocType::boolean);
      case 'n':
        return word("null", DocType::null);
      default:
        return number();
    }
  }

  bool too_deep(std::uint32_t depth) {
    if (depth < limits_.max_depth) return false;
    report("too_deep", str("lists and maps are nested more than ", limits_.max_depth, " deep"), "");
    return true;
  }

  bool object(std::uint32_t depth) {
    if (too_deep(depth)) return false;
    std::uint32_t self = doc_.add(DocType::object, {}, line_, column()), n = 0;
    ++p_;
    blanks();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
      return true;
    }
    for (;;) {
      if (p_ == end_ || *p_ != '"')
        return fail(n == 0 ? "a key in quotes or `}`" : "a key in quotes",
                    self == 0 && n == 0 && p_ < end_ && *p_ != '\'' && *p_ != '/' && *p_ != '#'
                        ? "a file that begins with { is read as JSON"
                        : "");
      if (!string()) return false;
      blanks();
      if (p_ == end_ || *p_ != ':') return fail("`:`");
      ++p_;
      blanks();
      if (!value(depth + 1)) return false;
      ++n;
      blanks();
      if (p_ < end_ && *p_ == ',') {
        ++p_;
        blanks();
        continue;
      }
      if (p_ == end_ || *p_ != '}') return fail("`,` or `}`");
      ++p_;
      break;
    }
    DocNode& node = doc_.edit(self);
    node.size = n;
    node.end = doc_.node_count();
    doc_.check_keys(self, limits_);
    return true;
  }

  bool array(std::uint32_t depth) {
    if (too_deep(depth)) return false;
    std::uint32_t self = doc_.add(DocType::array, {}, line_, column()), n = 0;
    ++p_;
    blanks();
    if (p_ < end_ && *p_ == ']') {
      ++p_;
      return true;
    }
    for (;;) {
      if (!value(depth + 1)) return false;
      ++n;
      blanks();
      if (p_ < end_ && *p_ == ',') {
        ++p_;
        blanks();
        continue;
      }
      if (p_ == end_ || *p_ != ']') return fail("`,` or `]`");
      ++p_;
      break;
    }
    DocNode& node = doc_.edit(self);
    node.size = n;
    node.end = doc_.node_count();
    return true;
  }

  bool word(std::string_view w, DocType type) {
    if (std::string_view(p_, static_cast<std::size_t>(end_ - p_)).substr(0, w.size()) != w)
      return fail("a value");
    doc_.add(type, {p_, w.size()}, line_, column());
    p_ += w.size();
    return true;
  }

  void digits() {
    while (p_ < end_ && *p_ >= '0' && *p_ <= '9')
      ++p_;
  }

  bool number() {
    const char* start = p_;
    std::uint32_t at = column();
    bool whole = true;
    auto digit = [&] { return p_ < end_ && *p_ >= '0' && *p_ <= '9'; };
    if (p_ < end_ && *p_ == '-') ++p_;
    if (!digit()) {
      p_ = start;
      return fail("a value");
    }
    if (*p_ == '0' && p_ + 1 < end_ && p_[1] >= '0' && p_[1] <= '9')
      return fail("a number without leading zeros");
    digits();
    if (p_ < end_ && *p_ == '.') {
      ++p_;
      whole = false;
      if (!digit()) return fail("a digit");
      digits();
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      whole = false;
      if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digit()) return fail("a digit");
      digits();
    }
    std::string_view text(start, static_cast<std::size_t>(p_ - start));
    std::int64_t i = 0;
    double d = 0;
    if (whole ? !parse_integer(text, i) : !parse_double(text, d)) {
      p_ = start;
      return report("number_range", str("the number ", text.substr(0, 40), " is out of range"),
                    "integers have 64 bits; put it in quotes to keep it as text");
    }
    doc_.add(whole ? DocType::integer : DocType::number, text, line_, at);
    return true;
  }

  // A string's closing quote found without any escape is a view; else it is built in buffer_.
  bool string() {
    std::uint32_t at = column();
    const char* start = ++p_;
    while (p_ < end_ && kPlain[static_cast<unsigned char>(*p_)])
      ++p_;
    if (p_ < end_ && *p_ == '"') {
      doc_.edit(doc_.add(DocType::string, {start, static_cast<std::size_t>(p_ - start)}, line_, at))
          .lead = 1;
      ++p_;
      return true;
    }
    buffer_.assign(start, p_);
    while (p_ < end_ && *p_ != '"') {
      auto c = static_cast<unsigned char>(*p_);
      if (c < 0x20) return fail("the closing quote", "write line ends and tabs as \\n and \\t");
      if (c == '\\') {
        if (!escape()) return false;
      } else {
        // The text was checked to be UTF-8 before: only count what is not the start of a character.
        if ((c & 0xC0) == 0x80) ++wide_;
        buffer_.push_back(*p_++);
      }
    }
    if (p_ == end_) return fail("the closing quote");
    ++p_;
    doc_.add(DocType::string, doc_.keep(buffer_), line_, at);
    return true;
  }

  bool hex4(std::uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++p_) {
      const char* set = "0123456789abcdef";
      const char* hit = p_ < end_ && *p_ != 0 ? std::strchr(set, *p_ | 0x20) : nullptr;
      if (hit == nullptr) return fail("four hexadecimal digits");
      out = out * 16 + static_cast<std::uint32_t>(hit - set);
    }
    return true;
  }

  bool escape() {
    const char* start = p_++;
    char c = p_ < end_ ? *p_ : '\0';
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    if (auto which = kNames.find(c); c != 0 && which != kNames.npos) {
      buffer_.push_back(kMeant[which]);
      ++p_;
      return true;
    }
    if (c != 'u') return fail("one of \" \\ / b f n r t u");
    ++p_;
    std::uint32_t code = 0, low = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && end_ - p_ >= 2 && p_[0] == '\\' && p_[1] == 'u') {
      p_ += 2;
      if (!hex4(low)) return false;
    }
    bool pair = low >= 0xDC00 && low < 0xE000;
    if ((code >= 0xD800 && code < 0xE000 && !pair) || (low != 0 && !pair)) {
      p_ = start;
      return report("syntax", "half of a surrogate pair", "write the character itself");
    }
    if (code == 0) {
      p_ = start;
      return report("bad_text", "a NUL character in a string", "");
    }
    put(pair ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : code);
    return true;
  }

  void put(std::uint32_t c) {
    auto byte = [&](std::uint32_t b) { buffer_.push_back(static_cast<char>(b)); };
    if (c < 0x80) return byte(c);
    if (c < 0x800) {
      byte(0xC0 | (c >> 6));
    } else {
      if (c < 0x10000) {
        byte(0xE0 | (c >> 12));
      } else {
        byte(0xF0 | (c >> 18));
        byte(0x80 | ((c >> 12) & 0x3F));
      }
      byte(0x80 | ((c >> 6) & 0x3F));
    }
    byte(0x80 | (c & 0x3F));
  }

  const DocLimits& limits_;
  Doc& doc_;
  const char* p_;
  const char* end_;
  const char* line_start_;
  std::uint32_t line_ = 1, wide_ = 0;
  std::string buffer_;
};

}  // namespace

Doc Doc::read_json(std::string_view text, const DocLimits& limits) {
  Doc doc;
  doc.json_ = true;
  DocProblem p;
  p.code = "bad_text";
  if (text.size() > limits.max_bytes) {
    p.code = "too_large";
    p.message = str("the file has ", text.size(), " bytes, more than ", limits.max_bytes);
  } else if (!check_text(text, p.line, p.column, p.message)) {
    p.message = str("the file holds ", p.message);
    p.hint = "workflow files are UTF-8 text";
  }
  if (!p.message.empty()) {
    doc.problem(std::move(p), limits);
    doc.set_broken();
    return doc;
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  JsonReader(text, limits, doc).read();
  return doc;
}

}  // namespace pawl::core
