// Masking: no secret of four bytes or more is left in any text, in whatever pieces it comes. The
// first line is the secret, the rest is the text.

#include "actions/mask.h"

#include <cstddef>
#include <cstdint>

#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl::actions;
  std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto cut = all.find('\n');
  if (cut == all.npos) return 0;
  const std::string secret(all.substr(0, cut));
  // The mask itself may complete a text of stars.
  if (secret.size() < 4 || secret.find('*') != secret.npos) return 0;
  Masker masker({{"s", secret}});
  // No text begins with a secret: safe_cut() gives one up that is longer than a line.
  const auto rest = "\n" + std::string(all.substr(cut + 1));
  for (const std::string& text : {rest, rest + secret + "x", rest + base64("a" + secret + "b")}) {
    const auto masked = masker.masked(text);
    PAWL_ASSERT(masked.find(secret) == masked.npos);
    const auto at = masker.safe_cut(text, text.size() / 2);
    PAWL_ASSERT(at <= text.size());
    if (at > 0 && at < text.size()) {
      const auto pieces = masker.masked(text.substr(0, at)) + masker.masked(text.substr(at));
      PAWL_ASSERT(pieces.find(secret) == pieces.npos);
    }
  }
  return 0;
}
