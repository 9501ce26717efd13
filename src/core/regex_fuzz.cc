// Patterns: whatever compiles searches any text within the steps it was given. The pattern is the
// first line of the input.

#include "core/regex.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl::core;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto cut = text.find('\n');
  auto regex = Regex::compile(text.substr(0, cut));
  if (!regex.ok() || cut == text.npos) return 0;
  PAWL_ASSERT(regex->size() <= Regex::kMaxProgram);
  const std::uint64_t most = 1'000'000;
  std::uint64_t steps = most;
  auto found = regex->search(text.substr(cut + 1), steps);
  PAWL_ASSERT(steps <= most);
  std::uint64_t same = most;
  auto again = regex->search(text.substr(cut + 1), same);
  PAWL_ASSERT(found.ok() == again.ok() && steps == same);
  return 0;
}
