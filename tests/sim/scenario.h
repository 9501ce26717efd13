#pragma once
// Scenario: a seed, and what the shrinker left out of it. Everything of a world follows from it.
// Each stream of chance is its own, and what is cut is drawn all the same, so that a cut does not
// shift what stays.

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "tests/sim/history.h"

namespace pawl::sim {

struct Scenario {
  std::uint64_t seed = 1;
  std::set<FaultKind> kinds_off;
  std::set<std::pair<FaultKind, std::uint32_t>> faults_off;  // single ones, by number in their kind
  std::set<std::uint32_t> submits_off, commands_off;
  std::set<std::uint32_t> workflows_off;
  std::uint32_t max_tasks = 1000;  // of a workflow, the first so many
  // How long faults last. Drawn from what happens where it is not given.
  std::optional<Duration> faulty_for;
  bool whole() const {
    return kinds_off.empty() && faults_off.empty() && submits_off.empty() && commands_off.empty() &&
           workflows_off.empty() && max_tasks == 1000;
  }
};

}  // namespace pawl::sim
