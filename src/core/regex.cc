#include "core/regex.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace pawl::core {
namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr unsigned kMaxDepth = 50;
constexpr unsigned kMaxRepeat = 1000;
constexpr unsigned kForever = ~0u;

char32_t read_character(std::string_view text, std::size_t& at) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  char32_t c = byte(at);
  std::size_t n = c < 0xC2 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 1;
  for (std::size_t i = 1; i < n; ++i)
    if (!tail(at + i)) n = 1;
  if (n > 1) c &= 0x7Fu >> n;
  for (std::size_t i = 1; i < n; ++i)
    c = (c << 6) | (byte(at + i) & 0x3F);
  at += n;
  return c;
}

bool is_word(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct Ast {
  enum class Kind : std::uint8_t {
    empty,
    set,
    begin,
    end,
    boundary,
    not_boundary,
    sequence,
    choice,
    repeat
  };
  Kind kind = Kind::empty;
  std::uint32_t set = 0;
  unsigned min = 0, max = 0;
  std::vector<Ast> parts;
};

}  // namespace

class RegexCompiler {
 public:
  explicit RegexCompiler(std::string_view pattern) : p_(pattern) {}

  Result<Regex> compile() {
    if (p_.size() > Regex::kMaxPattern)
      return Error{Errc::too_large, str("a pattern longer than ", Regex::kMaxPattern, " bytes")};
    Ast root;
    choice(root, 0);
    if (error_.empty() && at_ < p_.size()) fail("a `)` without its `(`");
    if (error_.empty()) emit(root);
    if (error_.empty()) add({Regex::Op::match});
    if (!error_.empty()) return Error{Errc::invalid_workflow, error_};
    return std::move(out_);
  }

 private:
  using Set = Regex::Set;
  using Op = Regex::Op;

  void fail(std::string_view what) {
    if (error_.empty()) error_ = str("column ", at_ + 1, " of the pattern: ", what);
    at_ = p_.size();
  }
  bool more() const { return at_ < p_.size(); }
  bool peek(char c) const { return more() && p_[at_] == c; }
  bool accept(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }

  // -- From text to tree.
  void choice(Ast& out, unsigned depth) {
    if (depth > kMaxDepth) return fail("groups are nested too deep");
    out.kind = Ast::Kind::choice;
    do {
      out.parts.emplace_back();
      out.parts.back().kind = Ast::Kind::sequence;
      while (more() && !peek('|') && !peek(')')) {
        Ast piece;
        atom(piece, depth);
        repeat(piece);
        if (!error_.empty()) return;
        out.parts.back().parts.push_back(std::move(piece));
      }
    } while (accept('|'));
  }

  std::uint32_t add_set(Set s) {
    out_.sets_.push_back(std::move(s));
    return static_cast<std::uint32_t>(out_.sets_.size() - 1);
  }

  void atom(Ast& out, unsigned depth) {
    char c = p_[at_];
    out.kind = Ast::Kind::set;
    switch (c) {
      case '(':
        return group(out, depth);
      case '[':
        ++at_;
        out.set = add_set(bracket());
        return;
      case '.':
        ++at_;
        out.set = add_set({{0, '\n' - 1}, {'\n' + 1, kLast}});
        return;
      case '^':
        ++at_;
        out.kind = Ast::Kind::begin;
        return;
      case '$':
        ++at_;
        out.kind = Ast::Kind::end;
        return;
      case '*':
      case '+':
      case '?':
        return fail(str("`", c, "` repeats nothing"));
      case '\\':
        if (at_ + 1 < p_.size() && (p_[at_ + 1] == 'b' || p_[at_ + 1] == 'B')) {
          out.kind = p_[at_ + 1] == 'b' ? Ast::Kind::boundary : Ast::Kind::not_boundary;
          at_ += 2;
          return;
        }
        out.set = add_set(escape());
        return;
      default: {
        char32_t ch = read_character(p_, at_);
        out.set = add_set({{ch, ch}});
      }
    }
  }

  void group(Ast& out, unsigned depth) {
    ++at_;
    if (accept('?') && !accept(':'))
      return fail("look-around and named groups are not supported; (?: ) is");
    choice(out, depth + 1);
    if (error_.empty() && !accept(')')) fail("a `(` without its `)`");
  }

  std::optional<unsigned> count() {
    if (!more() || p_[at_] < '0' || p_[at_] > '9') return std::nullopt;
    unsigned n = 0;
    for (; more() && p_[at_] >= '0' && p_[at_] <= '9'; ++at_)
      n = std::min(100'000u, n * 10 + static_cast<unsigned>(p_[at_] - '0'));
    return n;
  }

  void repeat(Ast& piece) {
    if (!more()) return;
    unsigned min = 0, max = kForever;
    if (accept('*')) {
    } else if (accept('+')) {
      min = 1;
    } else if (accept('?')) {
      max = 1;
    } else if (peek('{')) {
      std::size_t start = at_++;
      auto low = count();
      if (!low) {
        at_ = start;
        return fail("`{` needs numbers: {2}, {2,}, {2,5}; a brace is \\{");
      }
      min = max = *low;
      if (accept(',')) max = count().value_or(kForever);
      if (!accept('}')) return fail("a `{` without its `}`");
      if (min > kMaxRepeat || (max != kForever && max > kMaxRepeat))
        return fail(str("repeats more than ", kMaxRepeat, " times"));
      if (max < min) return fail("the second number of { } is below the first");
    } else {
      return;
    }
    accept('?');  // lazy: the same texts match
    if (peek('*') || peek('+') || peek('?') || peek('{'))
      return fail("a repetition of a repetition");
    Ast whole;
    whole.kind = Ast::Kind::repeat;
    whole.min = min;
    whole.max = max;
    whole.parts.push_back(std::move(piece));
    piece = std::move(whole);
  }

  static Set normal(Set s) {
    std::sort(s.begin(), s.end());
    Set out;
    for (auto r : s) {
      if (!out.empty() && r.first <= out.back().second + 1)
        out.back().second = std::max(out.back().second, r.second);
      else
        out.push_back(r);
    }
    return out;
  }
  static Set inverse(const Set& s) {
    Set out;
    char32_t next = 0;
    for (auto [a, b] : normal(s)) {
      if (a > next) out.emplace_back(next, a - 1);
      next = b + 1;
    }
    if (next <= kLast) out.emplace_back(next, kLast);
    return out;
  }

  char32_t hex(unsigned digits) {
    char32_t v = 0;
    for (unsigned i = 0; i < digits; ++i, ++at_) {
      char c = more() ? p_[at_] : '\0';
      char l = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9')
        v = v * 16 + static_cast<char32_t>(c - '0');
      else if (l >= 'a' && l <= 'f')
        v = v * 16 + static_cast<char32_t>(l - 'a' + 10);
      else {
        fail(str("expected ", digits, " hexadecimal digits"));
        return 0;
      }
    }
    return v;
  }

  // At a backslash.
  Set escape() {
    ++at_;
    if (!more()) {
      fail("a `\\` at the end");
      return {};
    }
    static const Set digits{{'0', '9'}};
    static const Set words{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const Set spaces{
        {'\t', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0x2000, 0x200A}, {0x3000, 0x3000}};
    char c = p_[at_];
    auto one = [](char32_t ch) { return Set{{ch, ch}}; };
    switch (c) {
      case 'd':
        ++at_;
        return digits;
      case 'D':
        ++at_;
        return inverse(digits);
      case 'w':
        ++at_;
        return words;
      case 'W':
        ++at_;
        return inverse(words);
      case 's':
        ++at_;
        return spaces;
      case 'S':
        ++at_;
        return inverse(spaces);
      case 't':
        ++at_;
        return one('\t');
      case 'n':
        ++at_;
        return one('\n');
      case 'r':
        ++at_;
        return one('\r');
      case 'f':
        ++at_;
        return one('\f');
      case 'v':
        ++at_;
        return one('\v');
      case 'x':
        ++at_;
        return one(hex(2));
      case 'u':
        ++at_;
        return one(hex(4));
      default:
        break;
    }
    if (is_word(static_cast<unsigned char>(c))) {
      fail(str("`\\", c, "` is not supported", c >= '1' && c <= '9' ? ": no back-references" : ""));
      return {};
    }
    return one(read_character(p_, at_));
  }

  // After a `[`.
  Set bracket() {
    bool invert = accept('^');
    Set out;
    for (bool first = true;; first = false) {
      if (!more()) {
        fail("a `[` without its `]`");
        return {};
      }
      if (peek(']') && !first) {
        ++at_;
        break;
      }
      Set low = bracket_item();
      if (!error_.empty()) return {};
      bool single = low.size() == 1 && low[0].first == low[0].second;
      if (peek('-') && at_ + 1 < p_.size() && p_[at_ + 1] != ']') {
        ++at_;
        Set high = bracket_item();
        if (!error_.empty()) return {};
        if (!single || high.size() != 1 || high[0].first != high[0].second ||
            high[0].first < low[0].first) {
          fail("a range in [ ] goes from a character to a later one");
          return {};
        }
        out.emplace_back(low[0].first, high[0].first);
      } else {
        out.insert(out.end(), low.begin(), low.end());
      }
    }
    return invert ? inverse(out) : normal(out);
  }

  Set bracket_item() {
    if (!more()) {
      fail("a `[` without its `]`");
      return {};
    }
    if (p_[at_] == '\\') {
      if (at_ + 1 < p_.size() && p_[at_ + 1] == 'b') {
        at_ += 2;
        return {{'\b', '\b'}};
      }
      return escape();
    }
    char32_t c = read_character(p_, at_);
    return {{c, c}};
  }

  // -- From tree to program.
  std::uint32_t here() const { return static_cast<std::uint32_t>(out_.program_.size()); }
  std::uint32_t add(Regex::Instruction i) {
    if (out_.program_.size() >= Regex::kMaxProgram) {
      if (error_.empty()) error_ = "the pattern is too large once its repetitions are written out";
      return 0;
    }
    out_.program_.push_back(i);
    return here() - 1;
  }

  void emit(const Ast& n) {
    if (!error_.empty()) return;
    switch (n.kind) {
      case Ast::Kind::empty:
        return;
      case Ast::Kind::set:
        add({Op::set, n.set});
        return;
      case Ast::Kind::begin:
        add({Op::begin});
        return;
      case Ast::Kind::end:
        add({Op::end});
        return;
      case Ast::Kind::boundary:
        add({Op::boundary});
        return;
      case Ast::Kind::not_boundary:
        add({Op::not_boundary});
        return;
      case Ast::Kind::sequence:
        for (const Ast& p : n.parts)
          emit(p);
        return;
      case Ast::Kind::choice:
        return emit_choice(n);
      case Ast::Kind::repeat:
        return emit_repeat(n);
    }
  }

  void emit_choice(const Ast& n) {
    std::vector<std::uint32_t> ends;
    for (std::size_t i = 0; i < n.parts.size(); ++i) {
      if (i + 1 == n.parts.size()) {
        emit(n.parts[i]);
        break;
      }
      std::uint32_t fork = add({Op::split});
      emit(n.parts[i]);
      ends.push_back(add({Op::jump}));
      if (!error_.empty()) return;
      out_.program_[fork] = {Op::split, fork + 1, here()};
    }
    for (std::uint32_t e : ends)
      out_.program_[e].x = here();
  }

  void emit_repeat(const Ast& n) {
    for (unsigned i = 0; i < n.min && error_.empty(); ++i)
      emit(n.parts[0]);
    if (n.max == kForever) {
      std::uint32_t fork = add({Op::split});
      emit(n.parts[0]);
      add({Op::jump, fork});
      if (error_.empty()) out_.program_[fork] = {Op::split, fork + 1, here()};
      return;
    }
    std::vector<std::uint32_t> forks;
    for (unsigned i = n.min; i < n.max && error_.empty(); ++i) {
      forks.push_back(add({Op::split}));
      emit(n.parts[0]);
    }
    if (!error_.empty()) return;
    for (std::uint32_t f : forks)
      out_.program_[f] = {Op::split, f + 1, here()};
  }

  std::string_view p_;
  std::size_t at_ = 0;
  std::string error_;
  Regex out_;
};

Result<Regex> Regex::compile(std::string_view pattern) { return RegexCompiler(pattern).compile(); }

Result<bool> Regex::search(std::string_view text) const {
  std::uint64_t steps = 200'000'000;
  return search(text, steps);
}

Result<bool> Regex::search(std::string_view text, std::uint64_t& steps) const {
  // States to be in before the next character; `mark` says in which round a state was added.
  std::vector<std::uint32_t> now, next, stack, mark(program_.size(), 0);
  std::uint32_t round = 0;
  bool before_word = false, matched = false;
  for (std::size_t at = 0; !matched;) {
    std::size_t after = at;
    bool last = at == text.size();
    char32_t c = last ? 0 : read_character(text, after);
    bool after_word = !last && is_word(c);
    ++round;
    // Follow what takes no character, from the live states and from the start (search, not match).
    stack.assign(1, 0);
    stack.insert(stack.end(), next.begin(), next.end());
    now.clear();
    while (!stack.empty()) {
      if (steps == 0) return Error{Errc::too_large, "matching the pattern takes too many steps"};
      --steps;
      std::uint32_t i = stack.back();
      stack.pop_back();
      if (mark[i] == round) continue;
      mark[i] = round;
      const Instruction& in = program_[i];
      bool border = before_word != after_word;
      switch (in.op) {
        case Op::set:
          now.push_back(i);
          break;
        case Op::split:
          stack.push_back(in.x);
          stack.push_back(in.y);
          break;
        case Op::jump:
          stack.push_back(in.x);
          break;
        case Op::begin:
          if (at == 0) stack.push_back(i + 1);
          break;
        case Op::end:
          if (last) stack.push_back(i + 1);
          break;
        case Op::boundary:
          if (border) stack.push_back(i + 1);
          break;
        case Op::not_boundary:
          if (!border) stack.push_back(i + 1);
          break;
        case Op::match:
          matched = true;
          break;
      }
    }
    if (last) break;
    next.clear();
    for (std::uint32_t i : now) {
      const Set& set = sets_[program_[i].x];
      auto it =
          std::upper_bound(set.begin(), set.end(), std::pair<char32_t, char32_t>(c, kLast + 1));
      if (it != set.begin() && std::prev(it)->second >= c) next.push_back(i + 1);
    }
    before_word = after_word;
    at = after;
  }
  return matched;
}

}  // namespace pawl::core
