#pragma once
// The two ways to a CRC-32C, by name, so that a test can hold one against the other. Everyone else
// calls crc32c() (codec.h), which takes the processor's instruction where there is one.

#include <cstdint>
#include <string_view>

namespace pawl::codec_detail {

std::uint32_t crc32c_table(std::string_view bytes, std::uint32_t seed);
bool has_crc32c_instruction();
// REQUIRES: has_crc32c_instruction().
std::uint32_t crc32c_instruction(std::string_view bytes, std::uint32_t seed);

}  // namespace pawl::codec_detail
