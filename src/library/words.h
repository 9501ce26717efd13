#pragma once
// The engine's states in the words of the public API. This is the only place that maps them.
//
// The engine knows two things that the public list of states has no word for. A run that was
// created and not started is paused, by kCreation, in the engine: here it is `pending`. A task that
// waits without a worker (a sleep, a gate, a child run) is `running` here: it has begun and goes on
// by itself.

#include "core/run.h"
#include "library/inside.h"

namespace pawl::v1 {

// Who pauses a run that is created without being started.
inline constexpr const char* kCreation = "creation";

bool waits_for_start(const core::Run& run);
RunState run_state_of(core::RunState state);  // where the run itself is not at hand
RunState run_state_of(const core::Run& run);
TaskState task_state_of(core::TaskState state);
// Bits of the engine's states that may show as this one.
std::uint32_t bits_of(RunState state);

}  // namespace pawl::v1
