#pragma once
// The masking sink: secrets become *** in whatever a task prints, before it is stored, spooled or
// sent. A secret is looked for as it is, in its base64 forms (at each of the three offsets a longer
// text can give it), URL-encoded, and JSON-escaped; one of several lines also line by line, because
// output is seen by the line. Values shorter than 4 bytes are not masked: they would blacken the
// log without hiding anything.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::actions {

class Masker {
 public:
  Masker() = default;
  explicit Masker(const std::vector<std::pair<std::string, std::string>>& secrets);
  bool empty() const { return patterns_.empty(); }
  // Returns whether anything was replaced.
  bool mask(std::string& text) const;
  std::string masked(std::string_view text) const;
  // The place at or before `cut` where text can be cut in two without cutting a secret.
  // Returns `cut` where a secret starts at 0: that one is longer than any line.
  std::size_t safe_cut(std::string_view text, std::size_t cut) const;
  std::size_t longest() const { return longest_; }

 private:
  void add(std::string pattern);
  std::vector<std::string> patterns_;  // longest first
  std::size_t longest_ = 0;
};

std::string base64(std::string_view bytes);

}  // namespace pawl::actions
