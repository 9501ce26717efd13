// Durations, sizes, times and compressed bytes from outside: no input does worse than an error, and
// what is accepted survives a round trip.
#include "base/text.h"

#include <cstddef>
#include <cstdint>

#include "base/zstd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto duration = pawl::parse_duration(text); duration.ok()) {
    PAWL_ASSERT(*pawl::parse_duration(pawl::print_duration(*duration)) == *duration);
    (void)pawl::format_duration(*duration);
  }
  if (auto time = pawl::parse_time(text); time.ok()) (void)pawl::format_time(*time);
  if (auto bytes = pawl::parse_size(text); bytes.ok()) (void)pawl::format_size(*bytes);
  PAWL_ASSERT(pawl::valid_utf8(pawl::to_valid_utf8(text)));
  if (auto plain = pawl::zstd_decompress(text, 1 << 16); plain.ok()) {
    PAWL_ASSERT(*pawl::zstd_decompress(pawl::zstd_compress(*plain), 1 << 16) == *plain);
  }
  return 0;
}
