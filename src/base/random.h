#pragma once
// Chance as an argument: a seeded stream (xoshiro256**). The same seed gives the same draws on
// every machine; one stream a component, so that a new draw in one does not shift the others.

#include <array>
#include <cstdint>

namespace pawl {

class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, n). REQUIRES: n > 0.
  std::uint64_t below(std::uint64_t n);
  // Uniform in [0, 1).
  double unit();
  // A new stream that depends on this one's seed and the name only.
  static Random stream(std::uint64_t seed, const char* name);

 private:
  std::array<std::uint64_t, 4> s_;
};

// Entropy from the kernel, for the seed of a real process. Blocks only before the kernel's pool is
// up.
std::uint64_t entropy();

}  // namespace pawl
