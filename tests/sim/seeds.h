#pragma once
// Seeds that failed once, for a bug of the engine or of the simulated world. Each is run in every
// batch, before the others.
// The workload and the faults that a seed stands for change whenever the simulator does; what a
// seed found is kept as a unit test, too.

#include <cstdint>

namespace pawl::sim {

struct OldSeed {
  std::uint64_t seed;
  const char* what;
};
inline constexpr OldSeed kOldSeeds[] = {
    {440, "a failed run went on as a new one, and did again what had completed in a failed group"},
    {4457, "a run made of another could not read the large outputs that it took over"},
    {5439,
     "a member was retried whose group had failed before it began: the group completed without it"},
    {8146, "a worker whose joining was put off held attempts; its number was given again"},
    {19161, "a member ran, without its need, in a group that had not begun"},
    {22275, "a member ran in a new run, in a group that had not begun in the run it was made of"},
    {19402, "a worker's number was given again, and the worker believed to hold another's attempt"},
    {24250, "the world: an agent that had died while it was frozen did not look at its lease"},
    {15245, "the world: faults ended before enough of them had struck"},
    // Fails with the mutant requeued_too_soon.
    {3898, "more runs held a concurrency key than its limit, while holders were read again"},
};

}  // namespace pawl::sim
