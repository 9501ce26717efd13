#pragma once
// Decoding of images that strangers made: JPEG, PNG and WebP, each to its last byte, row by row.
//
// Nothing is allocated by a header's word alone: dimensions are checked against the limits first,
// and rows go to a RowSink as they come, so that a baseline JPEG or a plain PNG of any size needs
// memory for a few rows. (Progressive JPEG, interlaced PNG and WebP need all of it, and are refused
// where that is more than max_memory.) The libraries' longjmp never crosses a C++ frame that has
// something to destroy. Pure: bytes in, rows out. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataset/reason.h"

namespace dataset {

enum class Format : unsigned char { jpeg, png, webp };
// "jpeg", "png", "webp".
const char* to_string(Format format);

using Bytes = std::span<const std::uint8_t>;

struct Limits {
  std::uint64_t max_bytes = 64u << 20;
  std::uint64_t max_pixels = 50'000'000;
  std::uint64_t max_memory = 512u << 20;
  std::uint64_t max_trailing_bytes = 0;
  unsigned min_width = 16;
  unsigned min_height = 16;
};

// Takes rows from top to bottom: width * 3 bytes, red, green, blue; what was transparent is white.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // Comes once, before any row. The size has passed the limits.
  virtual void begin(unsigned width, unsigned height) = 0;
  virtual void row(unsigned y, const std::uint8_t* rgb) = 0;
};

struct Decoded {
  Rejection rejection;  // set: nothing else counts, and rows may have come before
  Format format = Format::jpeg;
  unsigned width = 0, height = 0;
};

// Decodes a whole file. `name` is for its extension.
Decoded decode_image(Bytes file, std::string_view name, const Limits& limits, RowSink& sink);

}  // namespace dataset
