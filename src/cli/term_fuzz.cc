// Untrusted text: cleaned it holds no control character, and cleaning again changes nothing.
#include "cli/term.h"

#include <cstddef>
#include <cstdint>

#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto line = pawl::cli::clean_line(text);
  PAWL_ASSERT(pawl::valid_utf8(line));
  PAWL_ASSERT(pawl::cli::clean_line(line) == line);
  for (auto c : line)
    PAWL_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  auto cut = pawl::cli::truncate(line, size / 2, size % 2);
  PAWL_ASSERT(pawl::cli::display_width(cut) <= size / 2);
  return 0;
}
