#pragma once
// Shrink: a failing scenario cut down, step by step, to one where nothing more can be left out
// without the same check passing: kinds of faults, single faults, workflows, submissions, commands,
// tasks. Each try runs in a process of its own.

#include "tests/sim/verdict.h"

namespace pawl::sim {

struct Shrunk {
  Scenario scenario;
  Verdict verdict;
  std::uint32_t tries = 0;
};
// REQUIRES: `failed` is the verdict of `scenario`, and did not pass.
Shrunk shrink(const Scenario& scenario, const Verdict& failed);

// What a person can follow: the problem, and who did what until then. Writes the last 200 lines of
// the trace to `folder`/trace-SEED.txt.
void tell_story(const Shrunk& shrunk, const std::string& folder);

}  // namespace pawl::sim
