#pragma once
// Zstandard: log chunks, blobs and transfers are stored compressed. Decompression has a cap,
// because a few hostile bytes can claim to be gigabytes; it never allocates by what a header
// claims. Thread-safe: each thread keeps its own contexts.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pawl {

// REQUIRES: 1 <= level <= 19.
std::string zstd_compress(std::string_view bytes, int level = 3);
// The whole of `bytes`, one or more frames. Error: too_large beyond max_bytes; corrupt where the
// bytes are not Zstandard, cut short, or fail their checksum.
Result<std::string> zstd_decompress(std::string_view bytes, std::size_t max_bytes);

}  // namespace pawl
