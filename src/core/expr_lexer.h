#pragma once
// ExprLexer: the words of an expression, one at a time. The compiler is built on it; names with
// dashes are its business only after a dot, where path_name() reads them.
// Errors are kept, the first one wins; a bad token also has a kind of its own, so that no parser
// takes it for something else.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "core/expr.h"

namespace pawl::core {

class ExprLexer {
 public:
  explicit ExprLexer(std::string_view text) : text_(text) {}
  ExprError& error() { return error_; }

 protected:
  enum class Token : std::uint8_t { end, name, number, text, symbol, bad };

  bool fail(std::string message, std::string hint = {}) {
    return fail_at(start_, "bad_expression", std::move(message), std::move(hint));
  }
  bool fail_at(std::size_t at, std::string code, std::string message, std::string hint = {}) {
    if (error_.code.empty()) error_ = {at, std::move(code), std::move(message), std::move(hint)};
    return false;
  }
  std::string_view token_text() const { return text_.substr(start_, at_ - start_); }
  bool symbol(std::string_view s) const { return token_ == Token::symbol && token_text() == s; }
  bool accept(std::string_view s) {
    if (!symbol(s)) return false;
    next();
    return true;
  }
  std::string found() const;
  void next();
  // A name after a dot: letters, digits, _ and -; then the next token.
  bool path_name(std::string& out);
  // Where the lexer stands, to come back to after a look ahead.
  struct Place {
    std::size_t at, start;
  };
  Place place() const { return {at_, start_}; }
  void go_back(Place p);

  std::string_view text_;
  ExprError error_;
  std::size_t at_ = 0, start_ = 0;  // the token is text_[start_, at_)
  std::size_t last_end_ = 0;        // of the token before
  Token token_ = Token::end;
  Json value_;  // of a literal token

 private:
  void lex_number();
  void lex_text();
};

}  // namespace pawl::core
