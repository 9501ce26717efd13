#pragma once
// Snapshots: a run as the store had it after a commit, put together from the writes and decoded.
// Not every write is looked at (that would cost more than the simulation); which ones follows from
// the run and its version, so that a seed repeats exactly.

#include <functional>

#include "tests/sim/check.h"

namespace pawl::sim {

struct Snapshot {
  std::uint32_t node = 0;
  CommitIndex commit = 0;
  At at;
  const store::RunHeader* header = nullptr;
  const core::Run& run;
};

void each_snapshot(const History& history, const Stores& stores,
                   const std::function<void(const Snapshot&)>& see);

}  // namespace pawl::sim
