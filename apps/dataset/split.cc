#include "dataset/split.h"

#include <algorithm>
#include <cstdint>

#include "dataset/sha256.h"

namespace dataset {

Splitter::Splitter(std::vector<Part> parts, std::string salt)
    : parts_(std::move(parts)), salt_(std::move(salt)) {
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.name < b.name; });
}

const std::string& Splitter::part_of(std::string_view sha256) const {
  Sha256 digest;
  digest.update(salt_);
  digest.update("/");
  digest.update(sha256);
  auto bytes = digest.digest();
  std::uint64_t draw = 0;
  for (int i = 0; i < 8; ++i)
    draw = draw << 8 | static_cast<unsigned char>(bytes[i]);
  double at = static_cast<double>(draw >> 11) / 9007199254740992.0;  // [0, 1), exact
  double upto = 0;
  for (const Part& part : parts_) {
    upto += part.share;
    if (at < upto) return part.name;
  }
  // Shares such as 0.7 + 0.2 + 0.1 may add up to a hair less than 1.
  return std::find_if(parts_.rbegin(), parts_.rend(), [](const Part& p) { return p.share > 0; })
      ->name;
}

}  // namespace dataset
