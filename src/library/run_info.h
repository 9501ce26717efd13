#pragma once
// RunInfo of a core::Run: states in public words, percent by estimates, outputs unwrapped.

#include "base/clock.h"
#include "core/command.h"
#include "core/why.h"
#include "library/definition.h"

namespace pawl::v1 {

TimePoint to_time_point(Time t);

// What describing a run needs beside the run. Pure.
struct Onlooker {
  const Traits& traits;
  const core::Context& context;                // reads large outputs; now
  const core::Situation* situation = nullptr;  // null: `waits` stays empty
};

// All but recovery_attempts, which the run's history tells.
RunInfo describe_run(const core::Run& run, const Onlooker& onlooker);

}  // namespace pawl::v1
