#pragma once
// Driver: many seeds, on as many processes as asked for. Which process runs which seed does not
// matter: verdicts are merged in the order of their seeds.

#include <functional>

#include "tests/sim/verdict.h"

namespace pawl::sim {

struct Job {
  std::uint64_t seed = 0;
  bool twice = false;  // and again, for the same trace
};
// Calls `see` for each verdict as it comes, in any order. A seed run twice whose hashes differ
// fails as "determinism". A process that dies takes one seed along; another goes on behind it.
void run_seeds(const std::vector<Job>& jobs, unsigned processes,
               const std::function<void(const Verdict&)>& see);

}  // namespace pawl::sim
