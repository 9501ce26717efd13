#include "core/expr_lexer.h"

#include "base/text.h"
#include "core/doc.h"

namespace pawl::core {
namespace {

bool name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string ExprLexer::found() const {
  return token_ == Token::end ? "the end of the expression" : str("`", token_text(), "`");
}

void ExprLexer::go_back(Place p) {
  at_ = p.at;
  start_ = last_end_ = p.start;
  token_ = Token::symbol;
}

void ExprLexer::next() {
  last_end_ = at_;
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
  start_ = at_;
  if (at_ == text_.size()) {
    token_ = Token::end;
    return;
  }
  char c = text_[at_];
  if (name_start(c)) {
    while (at_ < text_.size() && (name_start(text_[at_]) || digit(text_[at_])))
      ++at_;
    token_ = Token::name;
    return;
  }
  if (digit(c)) return lex_number();
  if (c == '\'' || c == '"') return lex_text();
  token_ = Token::symbol;
  static constexpr std::string_view kPairs[] = {"||", "&&", "==", "!=", "<=", ">="};
  for (auto pair : kPairs)
    if (text_.substr(at_, 2) == pair) {
      at_ += 2;
      return;
    }
  ++at_;
  if (std::string_view("?:<>+-*/%!().,[]").find(c) == std::string_view::npos) {
    token_ = Token::bad;
    fail(static_cast<unsigned char>(c) >= 0x80 || c < 0x20
             ? std::string("found a character that means nothing here")
             : str("found `", c, "`, which means nothing here"),
         c == '='   ? "equality is `==`"
         : c == '&' ? "and is `&&`"
         : c == '|' ? "or is `||`"
                    : "");
  }
}

void ExprLexer::lex_number() {
  bool whole = true;
  auto digits = [&] {
    while (at_ < text_.size() && digit(text_[at_]))
      ++at_;
  };
  digits();
  if (at_ + 1 < text_.size() && text_[at_] == '.' && digit(text_[at_ + 1])) {
    whole = false;
    ++at_;
    digits();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    std::size_t mantissa = at_++;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (at_ < text_.size() && digit(text_[at_])) {
      whole = false;
      digits();
    } else
      at_ = mantissa;
  }
  token_ = Token::number;
  std::int64_t i = 0;
  double d = 0;
  if (whole && parse_integer(token_text(), i))
    value_ = Json(i);
  else if (!whole && parse_double(token_text(), d))
    value_ = Json(d);
  else {
    token_ = Token::bad;
    fail(str("the number ", token_text(), " is out of range"));
  }
  if (at_ < text_.size() && name_start(text_[at_])) {
    token_ = Token::bad;
    fail(str("found `", text_[at_], "` right after a number"),
         "a duration or size is text: put it in quotes");
  }
}

// 'it''s' as SQL writes it, or "..." as JSON does.
void ExprLexer::lex_text() {
  char quote = text_[at_];
  std::size_t from = at_++;
  std::string out;
  for (;; ++at_) {
    if (at_ >= text_.size()) {
      token_ = Token::bad;
      fail("a text without its closing quote");
      return;
    }
    if (quote == '"' && text_[at_] == '\\') {
      ++at_;
      continue;
    }
    if (text_[at_] != quote) {
      if (quote == '\'') out.push_back(text_[at_]);
      continue;
    }
    if (quote == '\'' && at_ + 1 < text_.size() && text_[at_ + 1] == '\'') {
      out.push_back('\'');
      ++at_;
      continue;
    }
    break;
  }
  ++at_;
  token_ = Token::text;
  if (quote == '\'') {
    value_ = Json(std::move(out));
    return;
  }
  auto parsed = Json::parse(text_.substr(from, at_ - from));
  if (parsed.ok()) {
    value_ = std::move(*parsed);
    return;
  }
  token_ = Token::bad;
  fail("a text in double quotes is written as JSON writes it", "single quotes take no escapes");
}

// A name after a dot: letters, digits, _ and -. The lexer does not know dashes, so it is read here.
bool ExprLexer::path_name(std::string& out) {
  std::size_t i = start_;
  auto part = [](char c) { return name_start(c) || digit(c) || c == '-'; };
  while (i < text_.size() && part(text_[i]))
    ++i;
  if (i == start_ || text_[start_] == '-') return fail(str("found ", found(), ", expected a name"));
  // A dash at the end belongs to a subtraction.
  while (text_[i - 1] == '-')
    --i;
  out = std::string(text_.substr(start_, i - start_));
  at_ = i;
  error_ = {};  // what the lexer made of it does not matter
  next();
  return true;
}

}  // namespace pawl::core
