#pragma once
// Verdict: one scenario run and checked. A text of one line, so that it can come from a process of
// its own: an assertion of the engine that fails ends that process only.

#include <string>
#include <vector>

#include "tests/sim/coverage.h"

namespace pawl::sim {

struct Verdict {
  std::uint64_t seed = 0, hash = 0;
  std::uint64_t transitions = 0, effective = 0, steps = 0, runs = 0;
  std::uint64_t simulated_ms = 0, healed_us = 0;
  Coverage coverage;
  std::string check;                  // the first that failed; "" passed; "died", "hung"
  std::vector<std::string> problems;  // one line each
  bool passed() const { return check.empty(); }
};

// In this process. A cut scenario is not asked for the minimums of a whole one.
Verdict judge(const Scenario& scenario, std::vector<std::string>* trace = nullptr);
// In a process of its own.
Verdict judge_apart(const Scenario& scenario);

std::string to_line(const Verdict& v);
Verdict verdict_of(const std::string& line);

}  // namespace pawl::sim
