#pragma once
// Mix: how often each kind of fault strikes in one seed. Swarm testing: each seed draws its own
// rates and leaves whole kinds out, so that no two mixes are alike.

#include <array>

#include "base/random.h"
#include "tests/sim/scenario.h"

namespace pawl::sim {

// How a kind comes about: by chance at each occasion (a commit, a message, a step), or over time.
enum class Occasion : std::uint8_t { step, time };
Occasion occasion_of(FaultKind kind);

struct Mix {
  // step: probability at each occasion. time: mean seconds between two. 0: never.
  std::array<double, kFaultKindCount> rate{};
  double of(FaultKind k) const { return rate[static_cast<std::size_t>(k)]; }
};
Mix draw_mix(const Scenario& scenario);

}  // namespace pawl::sim
