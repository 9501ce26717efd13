#include "dataset/features.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>

namespace dataset {

namespace {

constexpr int kNoise = 2;          // levels of 255 that encoding may add to a cell's mean
constexpr int kScale = 16;         // steps a level, in the grid
constexpr int kMostBrighter = 32;  // levels

int luma(const std::array<int, 3>& c) { return (77 * c[0] + 150 * c[1] + 29 * c[2]) / 256; }

std::uint64_t root(std::uint64_t v) {
  std::uint64_t r = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit; bit >>= 1)
    if ((r + bit) * (r + bit) <= v) r += bit;
  return r;
}

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

int hash_distance(std::uint64_t a, std::uint64_t b) { return std::popcount(a ^ b); }

int colour_distance(const Features& a, const Features& b) {
  int shift = 0;
  for (unsigned i = 0; i < kColours; ++i)
    shift += int{b.colours[i]} - int{a.colours[i]};
  shift = std::clamp(shift / static_cast<int>(kColours), -kMostBrighter, kMostBrighter);
  int sum = 0;
  for (unsigned i = 0; i < kColours; ++i)
    sum += std::abs(int{b.colours[i]} - int{a.colours[i]} - shift);
  return sum / static_cast<int>(kColours);
}

std::string hash_text(std::uint64_t hash) {
  std::string text(16, '0');
  for (int i = 0; i < 16; ++i)
    text[15 - i] = kDigits[hash >> (4 * i) & 15];
  return text;
}

std::string colours_text(const Features& f) {
  std::string text;
  for (std::uint8_t c : f.colours)
    text += {kDigits[c >> 4], kDigits[c & 15]};
  return text;
}

bool read_hash(std::string_view text, std::uint64_t& hash) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  return text.size() == 16 && error == std::errc() && end == text.data() + text.size();
}

bool read_colours(std::string_view text, Features& f) {
  if (text.size() != 2 * kColours) return false;
  for (unsigned i = 0; i < kColours; ++i) {
    const char* at = text.data() + 2 * i;
    auto [end, error] = std::from_chars(at, at + 2, f.colours[i], 16);
    if (error != std::errc() || end != at + 2) return false;
  }
  return true;
}

std::vector<FeatureGrid::Range> FeatureGrid::ranges(unsigned cells, unsigned pixels) {
  std::vector<Range> all(cells);
  for (unsigned c = 0; c < cells; ++c) {
    auto from = static_cast<unsigned>(std::uint64_t{c} * pixels / cells);
    auto to = static_cast<unsigned>((std::uint64_t{c} + 1) * pixels / cells);
    all[c] = {from, std::max(to, from + 1)};  // fewer pixels than cells: a pixel counts in several
  }
  return all;
}

void FeatureGrid::begin(unsigned width, unsigned height) {
  columns_ = ranges(kGridWidth, width);
  rows_ = ranges(kGridHeight, height);
  sums_.assign(std::size_t{kGridWidth} * kGridHeight, {});
}

void FeatureGrid::row(unsigned y, const std::uint8_t* rgb) {
  std::array<std::array<std::uint64_t, 3>, kGridWidth> line{};
  for (unsigned c = 0; c < kGridWidth; ++c) {
    std::uint64_t r = 0, g = 0, b = 0;
    for (const std::uint8_t *p = rgb + std::size_t{columns_[c].from} * 3,
                            *end = rgb + std::size_t{columns_[c].to} * 3;
         p != end; p += 3)
      r += p[0], g += p[1], b += p[2];
    line[c] = {r, g, b};
  }
  for (unsigned cell_row = 0; cell_row < kGridHeight; ++cell_row) {
    if (y < rows_[cell_row].from || y >= rows_[cell_row].to) continue;
    for (unsigned c = 0; c < kGridWidth; ++c)
      for (int i = 0; i < 3; ++i)
        sums_[cell_row * kGridWidth + c][i] += line[c][i];
  }
}

Features FeatureGrid::features() const {
  Features f;
  std::array<std::array<int, 3>, std::size_t{kGridWidth} * kGridHeight> grid;
  std::array<std::int64_t, 3> total{};
  std::int64_t lumas = 0, squares = 0, saturation = 0;
  constexpr std::int64_t kCells = std::int64_t{kGridWidth} * kGridHeight;
  for (unsigned y = 0; y < kGridHeight; ++y) {
    for (unsigned x = 0; x < kGridWidth; ++x) {
      std::uint64_t pixels =
          std::uint64_t{columns_[x].to - columns_[x].from} * (rows_[y].to - rows_[y].from);
      auto& cell = grid[y * kGridWidth + x];
      for (int i = 0; i < 3; ++i) {
        cell[i] = static_cast<int>(sums_[y * kGridWidth + x][i] * kScale / pixels);
        total[i] += cell[i];
      }
      std::int64_t l = luma(cell);
      lumas += l, squares += l * l;
      saturation += std::max({cell[0], cell[1], cell[2]}) - std::min({cell[0], cell[1], cell[2]});
    }
  }
  auto mean = [&](std::int64_t sum) { return static_cast<int>(sum / kCells / kScale); };
  f.red = mean(total[0]), f.green = mean(total[1]), f.blue = mean(total[2]);
  f.brightness = mean(lumas), f.saturation = mean(saturation);
  std::int64_t variance = (squares - lumas * lumas / kCells) / kCells;
  f.contrast =
      static_cast<int>(root(static_cast<std::uint64_t>(std::max<std::int64_t>(variance, 0)))) /
      kScale;

  auto sum_of = [&](unsigned x0, unsigned y0, unsigned w, unsigned h) {
    std::array<int, 3> sum{};
    for (unsigned y = y0; y < y0 + h; ++y)
      for (unsigned x = x0; x < x0 + w; ++x)
        for (int i = 0; i < 3; ++i)
          sum[i] += grid[y * kGridWidth + x][i];
    return sum;
  };
  for (unsigned y = 0; y < 8; ++y) {
    for (unsigned x = 0; x < 8; ++x) {
      int left = luma(sum_of(4 * x, 4 * y, 4, 4)), right = luma(sum_of(4 * x + 4, 4 * y, 4, 4));
      f.hash = f.hash << 1 | (right - left > kNoise * kScale * 16 ? 1 : 0);
    }
  }
  for (unsigned y = 0; y < 4; ++y) {
    for (unsigned x = 0; x < 4; ++x) {
      auto sum = sum_of(9 * x, 8 * y, 9, 8);
      for (unsigned i = 0; i < 3; ++i)
        f.colours[(y * 4 + x) * 3 + i] = static_cast<std::uint8_t>(sum[i] / 72 / kScale);
    }
  }
  return f;
}

}  // namespace dataset
