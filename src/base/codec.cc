#include "base/codec.h"

#include <array>

#include "base/codec_detail.h"

namespace pawl {

namespace {

// Eight tables: the n-th says what a byte does to the checksum n bytes later ("slicing by eight").
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> t{};
  for (std::uint32_t i = 0; i < 256; i++) {
    auto c = i;
    for (int bit = 0; bit < 8; bit++)
      c = (c >> 1) ^ (c & 1 ? 0x82f63b78u : 0);
    t[0][i] = c;
  }
  for (std::uint32_t i = 0; i < 256; i++) {
    for (std::size_t n = 1; n < 8; n++) {
      t[n][i] = (t[n - 1][i] >> 8) ^ t[0][t[n - 1][i] & 0xff];
    }
  }
  return t;
}();

}  // namespace

namespace codec_detail {

std::uint32_t crc32c_table(std::string_view bytes, std::uint32_t seed) {
  auto c = ~seed;
  auto* p = bytes.data();
  auto* end = p + bytes.size();
  for (; end - p >= 8; p += 8) {
    std::uint64_t w;
    std::memcpy(&w, p, 8);
    w ^= c;
    c = 0;
    for (std::size_t n = 0; n < 8; n++)
      c ^= kTables[7 - n][(w >> (8 * n)) & 0xff];
  }
  for (; p != end; p++)
    c = (c >> 8) ^ kTables[0][(c ^ static_cast<unsigned char>(*p)) & 0xff];
  return ~c;
}

#if defined(__x86_64__)

bool has_crc32c_instruction() { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) std::uint32_t crc32c_instruction(std::string_view bytes,
                                                                   std::uint32_t seed) {
  std::uint64_t c = ~seed;
  auto* p = bytes.data();
  auto* end = p + bytes.size();
  for (; end - p >= 8; p += 8) {
    std::uint64_t w;
    std::memcpy(&w, p, 8);
    c = __builtin_ia32_crc32di(c, w);
  }
  for (; p != end; p++) {
    c = __builtin_ia32_crc32qi(static_cast<std::uint32_t>(c), static_cast<unsigned char>(*p));
  }
  return ~static_cast<std::uint32_t>(c);
}

#else

bool has_crc32c_instruction() { return false; }
std::uint32_t crc32c_instruction(std::string_view bytes, std::uint32_t seed) {
  return crc32c_table(bytes, seed);
}

#endif

}  // namespace codec_detail

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
  static const bool fast = codec_detail::has_crc32c_instruction();
  return fast ? codec_detail::crc32c_instruction(bytes, seed)
              : codec_detail::crc32c_table(bytes, seed);
}

}  // namespace pawl
