#pragma once
// Which images are the same as others, and which one of them stays.
//
// Exact: equal SHA-256; the first by name stays. Near: those are put in order (most pixels, most
// bytes, smallest SHA-256) and each either joins the nearest one that stays, within `distance` bits
// and `colour` levels, or stays itself. So the best copy stays, every one that goes is that close
// to one that stays (no chains of ever less similar images), and the order of files is of no
// account.

#include <cstdint>
#include <string>
#include <vector>

#include "dataset/features.h"

namespace dataset {

struct Candidate {
  std::string name;  // unique
  std::string sha256;
  std::uint64_t bytes = 0;
  std::uint64_t pixels = 0;
  Features features;
};

struct NearOptions {
  bool near = true;
  int distance = 4;  // bits, at most kMaxNearDistance
  int colour = 20;   // levels, colour_distance()
};

enum class Sameness : unsigned char { stays, exact, near };

struct Duplicate {
  Sameness kind = Sameness::stays;
  std::size_t of = 0;  // index of the one that stays
  int distance = 0;    // bits, for near
};

// An answer for each candidate, in their order.
std::vector<Duplicate> find_duplicates(const std::vector<Candidate>& candidates,
                                       const NearOptions& options);

}  // namespace dataset
