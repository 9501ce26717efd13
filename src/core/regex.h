#pragma once
// Regex: patterns of input schemas and of matches(), in time linear in the text. Compiled to a
// Thompson NFA and run by keeping the set of live states (Pike), so that no pattern can hang the
// engine; std::regex backtracks and recurses.
//
// Syntax, over Unicode characters: . ^ $ | ( ) (?: ) [ ] * + ? {m} {m,} {m,n}, lazy forms accepted,
// \d \w \s \D \W \S \b \B, \t \n \r \f \v \xHH \uHHHH, and \ before any other punctuation.
// Not there, and refused: back-references, look-around, named groups. `^` and `$` are the text's
// ends.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pawl::core {

class Regex {
 public:
  static constexpr std::size_t kMaxPattern = 4096;    // bytes
  static constexpr std::size_t kMaxProgram = 10'000;  // instructions

  // Error: Errc::invalid_workflow, "column N of the pattern: ...".
  static Result<Regex> compile(std::string_view pattern);
  // Is there a match anywhere in the text? Takes at most `steps`, which it lowers by what it took;
  // Errc::too_large where they do not suffice. Text that is not UTF-8 is read byte by byte.
  Result<bool> search(std::string_view text, std::uint64_t& steps) const;
  // With a bound that inputs of the permitted size cannot reach in bad faith for long.
  Result<bool> search(std::string_view text) const;
  std::size_t size() const { return program_.size(); }

 private:
  friend class RegexCompiler;
  enum class Op : std::uint8_t { set, split, jump, begin, end, boundary, not_boundary, match };
  struct Instruction {
    Op op;
    std::uint32_t x = 0, y = 0;
  };
  using Set = std::vector<std::pair<char32_t, char32_t>>;  // inclusive ranges, sorted
  std::vector<Instruction> program_;
  std::vector<Set> sets_;
};

}  // namespace pawl::core
