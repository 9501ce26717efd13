#pragma once
// Findings: collects what is wrong with a file while it is read, in any order, and hands it out in
// the order of the file. Cheap where nothing is wrong: positions come from the Doc, JSON pointers
// are made only for what is shown. Past a bound findings are counted, not kept, so that a hostile
// file costs its own size.

#include <string>
#include <string_view>
#include <vector>

#include "core/doc.h"
#include "core/workflow.h"

namespace pawl::core {

class Findings {
 public:
  Findings(std::string_view file, std::string_view text, std::uint32_t max)
      : file_(file), text_(text), max_(max) {}

  void error(DocRef at, std::string code, std::string message, std::string hint = {});
  void warning(DocRef at, std::string code, std::string message, std::string hint = {});
  // `skip` characters into the scalar `at`.
  void error_inside(DocRef at, std::size_t skip, std::string code, std::string message,
                    std::string hint = {});
  // On another line than the one `at` begins on, in the column where `what` stands there.
  void error_on_line(DocRef at, std::uint32_t line, std::string_view what, std::string code,
                     std::string message, std::string hint = {});
  void add_document(const Doc& doc);

  std::size_t error_count() const { return errors_; }
  bool ok() const { return errors_ == 0; }
  // Further findings are only counted: no point in looking for a nearest name.
  bool full() const { return found_.size() >= kKept * max_; }

  // Whether looking through `n` things for a better hint is still affordable in this file.
  bool can_search(std::size_t n) {
    if (full() || n > searches_left_) return false;
    searches_left_ -= n;
    return true;
  }

  // The nearest of many names, in bounded time over the whole file.
  template <typename Names>
  std::string nearest_name(std::string_view word, const Names& names);

  // In file order, cut to the maximum with a last line that says how many more there are.
  // REQUIRES: `doc` is the one that positions were taken from.
  std::vector<Diagnostic> take(const Doc& doc);

 private:
  static constexpr std::size_t kKept = 8;
  struct Found {
    std::uint32_t node, line, column;
    bool warning;
    std::string code, message, hint;
  };
  void put(Found f);
  std::string file_;
  std::string_view text_;
  std::uint32_t max_;
  std::vector<Found> found_;
  std::size_t errors_ = 0, left_out_ = 0;
  std::size_t comparisons_left_ = 300'000;
  std::size_t searches_left_ = 20'000'000;
};

// `"max_paralel" is unknown` needs this: edit distance within 2, or a third of the word.
std::string nearest_name_of(std::string_view word, const std::vector<std::string_view>& names);
// `did you mean "x"?`, or "" where name is "".
std::string did_you_mean(std::string_view name);

template <typename Names>
std::string Findings::nearest_name(std::string_view word, const Names& names) {
  std::vector<std::string_view> candidates;
  std::size_t slack = std::max<std::size_t>(2, word.size() / 3);
  for (std::string_view n : names) {
    if (comparisons_left_ == 0) break;
    --comparisons_left_;
    if (n.size() > word.size() + slack || n.size() + slack < word.size()) continue;
    candidates.push_back(n);
    if (candidates.size() >= 10'000) break;
  }
  return nearest_name_of(word, candidates);
}

}  // namespace pawl::core
