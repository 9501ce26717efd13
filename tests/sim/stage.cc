#include "tests/sim/stage.h"

#include <cstdio>

namespace pawl::sim {

Stage::Stage(const Scenario& s, bool tracing)
    : scenario(s), mix(draw_mix(s)), queue(s.seed), tracing_(tracing) {
  history.seed = s.seed;
  for (int k = 0; k < kFaultKindCount; ++k)
    chance_.push_back(Random::stream(s.seed, to_string(static_cast<FaultKind>(k))));
}

bool Stage::strikes(FaultKind kind, std::uint32_t node, std::uint32_t agent, bool effective) {
  double rate = mix.of(kind);
  if (!faulty_ || rate == 0) return false;
  if (chance_[static_cast<std::size_t>(kind)].unit() >= rate) return false;
  return strike(kind, node, agent, effective, "");
}

bool Stage::strike(FaultKind kind, std::uint32_t node, std::uint32_t agent, bool effective,
                   std::string what) {
  std::uint32_t number = struck_[static_cast<std::size_t>(kind)]++;
  if (scenario.faults_off.count({kind, number})) return false;
  note("FAULT ", to_string(kind), " #", number, " node ", node, " agent ", agent, " ", what);
  history.faults.push_back({at(), kind, number, node, agent, effective, std::move(what)});
  effective_ += effective;
  return true;
}

void Stage::heal() {
  faulty_ = false;
  history.healed = at();
  note("HEALED: no fault begins from here on");
}

std::string Stage::time_text() const {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%10.6f", static_cast<double>(now().count()) / 1e6);
  return buffer;
}

}  // namespace pawl::sim
