#pragma once
// Features: what an image looks like, in 64 bits, 48 bytes and six figures. All of it is whole
// numbers, computed from a grid of 36 x 32 averages, so that every machine finds the same.
//
// The hash is a difference hash: over 9 x 8 cells, a bit says whether a cell is brighter than its
// left neighbour by more than noise. Scaling, encoding again and a change of brightness move few
// bits. Flat images have few bits to tell them apart, so 4 x 4 mean colours are compared as well.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/image_decode.h"

namespace dataset {

constexpr unsigned kGridWidth = 36, kGridHeight = 32;
constexpr unsigned kColours = 4 * 4 * 3;

struct Features {
  std::uint64_t hash = 0;
  std::array<std::uint8_t, kColours> colours{};  // row by row, red, green, blue
  int red = 0, green = 0, blue = 0;              // means, 0..255
  int brightness = 0;                            // mean of luma, 0..255
  int contrast = 0;                              // its standard deviation over the grid, 0..127
  int saturation = 0;                            // mean of largest less smallest channel, 0..255

  bool operator==(const Features&) const = default;
};

// How many bits differ, 0..64.
int hash_distance(std::uint64_t a, std::uint64_t b);
// The mean difference of the colours, 0..255, after a change of brightness of the whole is taken
// out (up to 32: more is another picture).
int colour_distance(const Features& a, const Features& b);

// 16 hexadecimal digits, and two a byte.
std::string hash_text(std::uint64_t hash);
std::string colours_text(const Features& f);
// The reverse. Return false where the text is none.
bool read_hash(std::string_view text, std::uint64_t& hash);
bool read_colours(std::string_view text, Features& f);

// Gathers the grid while rows come by.
class FeatureGrid : public RowSink {
 public:
  void begin(unsigned width, unsigned height) override;
  void row(unsigned y, const std::uint8_t* rgb) override;
  // REQUIRES: every row came.
  Features features() const;

 private:
  struct Range {
    unsigned from, to;  // pixels, at least one
  };
  static std::vector<Range> ranges(unsigned cells, unsigned pixels);
  std::vector<Range> columns_, rows_;
  std::vector<std::array<std::uint64_t, 3>> sums_;
};

}  // namespace dataset
