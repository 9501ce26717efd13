#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "base/assert.h"

namespace pawl {

namespace {

// splitmix64: spreads a seed of few bits over the whole state; never yields all zeroes.
std::uint64_t splitmix(std::uint64_t& state) {
  auto z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : s_)
    word = splitmix(seed);
}

std::uint64_t Random::next() {
  auto result = std::rotl(s_[1] * 5, 7) * 9;
  auto t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = std::rotl(s_[3], 45);
  return result;
}

// Lemire's method: a multiplication instead of a division, and no bias.
std::uint64_t Random::below(std::uint64_t n) {
  PAWL_ASSERT(n > 0);
  auto product = static_cast<unsigned __int128>(next()) * n;
  if (static_cast<std::uint64_t>(product) < n) {
    auto threshold = -n % n;
    while (static_cast<std::uint64_t>(product) < threshold) {
      product = static_cast<unsigned __int128>(next()) * n;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

Random Random::stream(std::uint64_t seed, const char* name) {
  // FNV-1a of the name: the same on every machine.
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (; *name; name++)
    hash = (hash ^ static_cast<unsigned char>(*name)) * 0x100000001b3u;
  auto state = seed;
  return Random(splitmix(state) ^ hash);
}

std::uint64_t entropy() {
  std::uint64_t value = 0;
  while (true) {
    auto got = getrandom(&value, sizeof value, 0);
    if (got == sizeof value) return value;
    PAWL_ASSERT(got >= 0 || errno == EINTR);
  }
}

}  // namespace pawl
