#pragma once
// Coverage: what a seed, or a batch of them, has taken at least once: rows of the transition
// tables, kinds of faults, features of the workload. A batch that misses one tests less than it
// says.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace pawl::sim {

struct Coverage {
  std::uint64_t task_moves = 0, run_moves = 0;  // bit i: row i of the table in core/states.h
  std::uint64_t faults = 0;                     // bit: FaultKind, where it overlapped work
  std::uint64_t features = 0;                   // bit: Feature
  void operator|=(const Coverage& o) {
    task_moves |= o.task_moves;
    run_moves |= o.run_moves;
    faults |= o.faults;
    features |= o.features;
  }
};
Coverage coverage_of(const World& world);
// What was never taken, by name.
std::vector<std::string> missing(const Coverage& c);

}  // namespace pawl::sim
