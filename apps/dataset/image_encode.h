#pragma once
// Writes images, for test data: the generator makes thousands of them. Same pixels, same bytes, as
// long as the libraries are the same.

#include <cstdint>
#include <string>
#include <vector>

namespace dataset {

// Red, green, blue, row by row.
struct Picture {
  unsigned width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  std::uint8_t* at(unsigned x, unsigned y) { return rgb.data() + (std::size_t{y} * width + x) * 3; }
  const std::uint8_t* at(unsigned x, unsigned y) const {
    return rgb.data() + (std::size_t{y} * width + x) * 3;
  }
};

struct JpegOptions {
  int quality = 85;
  bool progressive = false;
};
std::string encode_jpeg(const Picture& picture, const JpegOptions& options = {});
struct PngOptions {
  bool interlaced = false;
};
std::string encode_png(const Picture& picture, const PngOptions& options = {});
std::string encode_webp(const Picture& picture, float quality = 85);

// Scaled by area or between pixels, whichever applies.
Picture scaled(const Picture& picture, unsigned width, unsigned height);
Picture brightened(const Picture& picture, int levels);

}  // namespace dataset
