// Text to Json. One pass, no recursion: open arrays and objects are frames on a stack, and finished
// values wait on two more stacks until their bracket closes and they move, in one piece, into a
// vector of exactly their number. UTF-8 is checked once, ahead of everything, where it costs least.
#include <charconv>
#include <cstring>
#include <memory>

#include "base/json_node.h"
#include "base/text.h"

namespace pawl {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_code_point(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// The end of the run at p without quote, backslash or control character.
const char* string_run_end(const char* p, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  constexpr std::uint64_t kHigh = 0x8080808080808080u;
  for (; end - p >= 8; p += 8) {
    std::uint64_t w;
    std::memcpy(&w, p, 8);
    auto quote = w ^ (kOnes * '"');
    auto slash = w ^ (kOnes * '\\');
    // The lowest marked byte is exact: a borrow can only mark bytes above a real one.
    auto stop =
        (((w - kOnes * 0x20) & ~w) | ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash)) &
        kHigh;
    if (stop) return p + __builtin_ctzll(stop) / 8;
  }
  while (p != end && static_cast<unsigned char>(*p) >= 0x20 && *p != '"' && *p != '\\')
    p++;
  return p;
}

// What a number's text denotes when std::from_chars calls it out of range: too small, or too big?
bool underflows(std::string_view number) {
  auto e = number.find_first_of("eE");
  if (e != std::string_view::npos) return number[e + 1] == '-';
  return number.find('.') != std::string_view::npos && number.substr(number[0] == '-')[0] == '0';
}

}  // namespace

class JsonParser {
 public:
  JsonParser(std::string_view text, Json::Limits limits)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), limits_(limits) {}

  Result<Json> run() {
    auto size = static_cast<std::size_t>(end_ - begin_);
    if (size > limits_.max_bytes) {
      return Error{Errc::usage,
                   str("found ", size, " bytes of JSON, expected at most ", limits_.max_bytes)};
    }
    auto bad = utf8_error({begin_, size});
    if (bad != std::string_view::npos) {
      p_ = begin_ + bad;
      fail(str("byte ", hex_byte(*p_), ", which is not UTF-8"), "UTF-8 text");
    } else {
      parse();
    }
    if (failed_) return Error{Errc::usage, std::move(message_)};
    return std::move(values_.back());
  }

 private:
  struct Frame {
    bool is_object;
    std::size_t base;        // where its finished items or members begin on their stack
    std::uint64_t seen = 0;  // a bit per key: an unset one proves that the key is new
    std::unique_ptr<JsonIndex> index;
  };

  // -- The grammar

  void parse() {
    while (!failed_) {
      skip_space();
      if (!value()) continue;  // a bracket opened, or failed
      // A value is complete: what follows belongs to the innermost open bracket.
      while (true) {
        if (frames_.empty()) return at_end();
        attach();
        skip_space();
        if (p_ != end_ && *p_ == ',') {
          p_++;
          if (frames_.back().is_object && !key()) return;
          break;
        }
        if (!closes()) return;
      }
    }
  }

  void at_end() {
    skip_space();
    if (p_ != end_) fail(found(), "the end of the text after the value");
  }

  // Reads a scalar, or an empty array or object: true. Opens a bracket, or fails: false.
  bool value() {
    if (p_ == end_) return fail(found(), "a value");
    switch (*p_) {
      case '{':
        return open(true);
      case '[':
        return open(false);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        values_.emplace_back(std::move(text));
        return true;
      }
      case 't':
        return word("true", Json(true));
      case 'f':
        return word("false", Json(false));
      case 'n':
        return word("null", Json());
      default:
        break;
    }
    if (*p_ == '-' || digit(*p_)) return number();
    if (*p_ == ']' && !frames_.empty() && !frames_.back().is_object) {
      return fail(found(), "a value after the comma");
    }
    return fail(found(), "a value");
  }

  bool open(bool is_object) {
    if (frames_.size() >= limits_.max_depth) {
      return fail(str("nesting deeper than ", limits_.max_depth), "a flatter value");
    }
    p_++;
    skip_space();
    if (p_ != end_ && *p_ == (is_object ? '}' : ']')) {
      p_++;
      values_.push_back(is_object ? Json::object() : Json::array());
      return true;
    }
    if (is_object) {
      frames_.push_back({true, members_.size(), 0, nullptr});
      key();
    } else {
      frames_.push_back({false, values_.size(), 0, nullptr});
    }
    return false;
  }

  // Reads `"key":` and lays the member on its stack, its value to come.
  bool key() {
    skip_space();
    if (p_ == end_ || *p_ != '"') {
      bool after_comma = frames_.back().base != members_.size();
      return fail(found(), after_comma ? "a key in double quotes after the comma"
                                       : "a key in double quotes or '}'");
    }
    auto* start = p_;
    members_.emplace_back();
    if (!string(members_.back().first)) return false;
    if (!is_new_key()) {
      std::string shown;
      append_json_string(shown, members_.back().first);
      p_ = start;
      return fail(str("the key ", shown, " a second time"), "each key once");
    }
    skip_space();
    if (p_ == end_ || *p_ != ':') return fail(found(), "':' after the key");
    p_++;
    return true;
  }

  // Puts the finished value where it belongs: arrays' items wait on the stack, a member takes its
  // own.
  void attach() {
    if (!frames_.back().is_object) return;
    members_.back().second = std::move(values_.back());
    values_.pop_back();
  }

  // Reads the innermost bracket's end and leaves the finished array or object on the value stack.
  bool closes() {
    auto& frame = frames_.back();
    if (p_ == end_ || *p_ != (frame.is_object ? '}' : ']')) {
      return fail(found(), frame.is_object ? "',' or '}'" : "',' or ']'");
    }
    p_++;
    if (frame.is_object) {
      auto first = members_.begin() + static_cast<std::ptrdiff_t>(frame.base);
      auto* node = new Json::ObjectNode(
          Json::Object(std::make_move_iterator(first), std::make_move_iterator(members_.end())));
      node->index.store(frame.index.release(), std::memory_order_relaxed);
      members_.erase(first, members_.end());
      values_.push_back(Json(Json::Type::object, node));
    } else {
      auto first = values_.begin() + static_cast<std::ptrdiff_t>(frame.base);
      Json array(
          Json::Array(std::make_move_iterator(first), std::make_move_iterator(values_.end())));
      values_.erase(first, values_.end());
      values_.push_back(std::move(array));
    }
    frames_.pop_back();
    return true;
  }

  // Is the key on top of the member stack the only one of its name in its object?
  bool is_new_key() {
    auto& frame = frames_.back();
    auto* members = members_.data() + frame.base;
    auto position = members_.size() - frame.base - 1;
    const auto& name = members[position].first;
    if (position >= JsonIndex::kLinear) {
      if (!frame.index) frame.index = std::make_unique<JsonIndex>(members, position);
      auto hash = json_key_hash(name);
      if (frame.index->find(name, hash, members) != JsonIndex::kNone) return false;
      frame.index->add(hash, static_cast<std::uint32_t>(position));
      return true;
    }
    // Length and three letters tell most keys of one object apart.
    std::uint64_t mix = name.size();
    if (!name.empty()) {
      mix = (mix << 24) |
            (static_cast<std::uint64_t>(static_cast<unsigned char>(name.front())) << 16) |
            (static_cast<std::uint64_t>(static_cast<unsigned char>(name[name.size() / 2])) << 8) |
            static_cast<unsigned char>(name.back());
    }
    auto bit = std::uint64_t{1} << ((mix * 0x9e3779b97f4a7c15u) >> 58);
    if (frame.seen & bit) {
      for (std::size_t i = 0; i < position; i++) {
        if (members[i].first == name) return false;
      }
    }
    frame.seen |= bit;
    return true;
  }

  void skip_space() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r'))
      p_++;
  }

  bool word(std::string_view expected, Json value) {
    if (static_cast<std::size_t>(end_ - p_) < expected.size() ||
        std::memcmp(p_, expected.data(), expected.size()) != 0) {
      return fail(found(), "a value");
    }
    p_ += expected.size();
    values_.push_back(std::move(value));
    return true;
  }

  // -- Numbers

  bool number() {
    auto* start = p_;
    bool negative = *p_ == '-';
    if (negative) p_++;
    if (p_ == end_ || !digit(*p_)) return fail(found(), "a digit after '-'");
    if (*p_ == '0' && p_ + 1 != end_ && digit(p_[1])) {
      return fail("a number that begins with 0", "a number without leading zeroes");
    }
    auto* digits = p_;
    std::uint64_t magnitude = 0;
    while (p_ != end_ && digit(*p_))
      magnitude = magnitude * 10 + static_cast<unsigned>(*p_++ - '0');
    if (p_ != end_ && (*p_ == '.' || *p_ == 'e' || *p_ == 'E')) return real(start);
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    // Nineteen digits cannot overflow the unsigned sum.
    if (p_ - digits > 19 || magnitude > kMax + negative) {
      std::string_view text(start, static_cast<std::size_t>(p_ - start));
      p_ = start;
      return fail(str("the integer ", text.substr(0, 40), text.size() > 40 ? "..." : "",
                      ", which 64 bits cannot hold"),
                  "an integer from -9223372036854775808 to 9223372036854775807, or a number with a "
                  "fraction or an exponent, which is read as a double");
    }
    values_.emplace_back(static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude));
    return true;
  }

  bool real(const char* start) {
    if (*p_ == '.') {
      p_++;
      if (p_ == end_ || !digit(*p_)) return fail(found(), "a digit after the decimal point");
      while (p_ != end_ && digit(*p_))
        p_++;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      p_++;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) p_++;
      if (p_ == end_ || !digit(*p_)) return fail(found(), "a digit in the exponent");
      while (p_ != end_ && digit(*p_))
        p_++;
    }
    std::string_view text(start, static_cast<std::size_t>(p_ - start));
    double value = 0;
    if (std::from_chars(start, p_, value).ec == std::errc::result_out_of_range) {
      if (!underflows(text)) {
        p_ = start;
        return fail(str("the number ", text.substr(0, 40), text.size() > 40 ? "..." : "",
                        ", which a double cannot hold"),
                    "a number up to about 1.8e308");
      }
      value = *start == '-' ? -0.0 : 0.0;
    }
    values_.emplace_back(value);
    return true;
  }

  // -- Strings

  bool string(std::string& out) {
    p_++;
    auto* run = p_;
    p_ = string_run_end(p_, end_);
    out.assign(run, p_);
    while (true) {
      if (p_ == end_) return fail("the end of the text inside a string", "'\"'");
      if (*p_ == '"') {
        p_++;
        return true;
      }
      if (*p_ != '\\') {
        return fail(str("the control character ", hex_byte(*p_), " inside a string"),
                    "its escape, such as \\n or \\u001f");
      }
      if (!escape(out)) return false;
      run = p_;
      p_ = string_run_end(p_, end_);
      out.append(run, p_);
    }
  }

  bool escape(std::string& out) {
    auto* start = p_++;
    if (p_ == end_) return fail("the end of the text inside a string", "an escape after '\\'");
    switch (*p_++) {
      case '"':
        out += '"';
        return true;
      case '\\':
        out += '\\';
        return true;
      case '/':
        out += '/';
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'n':
        out += '\n';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'u':
        return unicode_escape(out, start);
      default:
        break;
    }
    p_ = start;
    return fail("an unknown escape", "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
  }

  bool unicode_escape(std::string& out, const char* start) {
    auto first = hex4();
    if (first < 0) {
      p_ = start;
      return fail("an unfinished \\u escape", "four hexadecimal digits after \\u");
    }
    auto code = static_cast<std::uint32_t>(first);
    if (code >= 0xd800 && code <= 0xdfff) {
      long second = -1;
      if (code < 0xdc00 && end_ - p_ >= 2 && p_[0] == '\\' && p_[1] == 'u') {
        p_ += 2;
        second = hex4();
      }
      if (second < 0xdc00 || second > 0xdfff) {
        p_ = start;
        return fail("half of a surrogate pair", "\\uD800-\\uDBFF followed by \\uDC00-\\uDFFF");
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<std::uint32_t>(second) - 0xdc00);
    }
    append_code_point(out, code);
    return true;
  }

  // Four hexadecimal digits, or -1.
  long hex4() {
    if (end_ - p_ < 4) return -1;
    long value = 0;
    for (int i = 0; i < 4; i++) {
      auto digit_value = hex_value(p_[i]);
      if (digit_value < 0) return -1;
      value = value * 16 + digit_value;
    }
    p_ += 4;
    return value;
  }

  // -- Errors

  static std::string hex_byte(char c) {
    constexpr char kHex[] = "0123456789abcdef";
    auto b = static_cast<unsigned char>(c);
    return {'0', 'x', kHex[b >> 4], kHex[b & 15]};
  }

  // What stands at p_, for people: a word, a character, or the end.
  std::string found() const {
    if (p_ == end_) return "the end of the text";
    auto c = static_cast<unsigned char>(*p_);
    if (c < 0x20 || c == 0x7f) return str("the character ", hex_byte(*p_));
    auto* stop = p_;
    if (std::string_view(p_, static_cast<std::size_t>(end_ - p_)).starts_with("\xef\xbb\xbf")) {
      return "a byte order mark";
    }
    auto is_word = [](char b) {
      return digit(b) || b == '_' || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
    };
    while (stop != end_ && stop - p_ < 20 && is_word(*stop))
      stop++;
    if (stop == p_) {
      stop++;
      while (stop != end_ && (static_cast<unsigned char>(*stop) & 0xc0) == 0x80)
        stop++;
    }
    if (c == '\'') return "a single quote";
    return str('\'', std::string_view(p_, static_cast<std::size_t>(stop - p_)), '\'');
  }

  // Sets the error at p_. Returns false, for its callers to return.
  bool fail(std::string_view what, std::string_view expected) {
    if (failed_) return false;
    failed_ = true;
    std::size_t line = 1;
    auto* line_start = begin_;
    for (auto* c = begin_; c != p_; c++) {
      if (*c == '\n') {
        line++;
        line_start = c + 1;
      }
    }
    std::size_t column = 1;
    for (auto* c = line_start; c != p_; c++) {
      column += (static_cast<unsigned char>(*c) & 0xc0) != 0x80;  // characters, not bytes
    }
    message_ = str("line ", line, ", column ", column, ": found ", what, ", expected ", expected);
    return false;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  Json::Limits limits_;
  std::vector<Frame> frames_;
  std::vector<Json> values_;
  std::vector<Json::Member> members_;
  bool failed_ = false;
  std::string message_;
};

Result<Json> Json::parse(std::string_view text, Limits limits) {
  return JsonParser(text, limits).run();
}

}  // namespace pawl
