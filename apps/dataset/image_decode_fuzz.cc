// Image files that strangers made: no crash, no more rows or memory than the limits allow, and the
// same answer twice.
#include <cstdlib>

#include "dataset/features.h"

namespace {

struct Checked : dataset::FeatureGrid {
  unsigned width = 0, height = 0, rows = 0;
  void begin(unsigned w, unsigned h) override {
    if (w == 0 || h == 0 || std::uint64_t{w} * h > 1u << 20) std::abort();
    width = w, height = h;
    FeatureGrid::begin(w, h);
  }
  void row(unsigned y, const std::uint8_t* rgb) override {
    if (y != rows++ || y >= height) std::abort();
    FeatureGrid::row(y, rgb);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr dataset::Limits kLimits{
      .max_pixels = 1u << 20, .max_memory = 16u << 20, .min_width = 1, .min_height = 1};
  Checked first, second;
  auto one = dataset::decode_image({data, size}, "x", kLimits, first);
  auto two = dataset::decode_image({data, size}, "x", kLimits, second);
  if (one.rejection.reason != two.rejection.reason) std::abort();
  if (one.rejection.rejected()) return 0;
  if (first.rows != one.height || first.width != one.width) std::abort();
  if (!(first.features() == second.features())) std::abort();
  return 0;
}
