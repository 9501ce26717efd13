#pragma once
// Reasons: why a task is in the state it is in, as a stable code. One closed list, the same in the
// command line, the API and the page. `why` (why.h) turns a code into a sentence with its blocker.

#include <cstdint>

namespace pawl::core {

enum class Reason : std::uint8_t {
  none,
  needs,               // pending: needs are not at their end
  group_closed,        // pending: its group has not opened
  not_admitted,        // pending: the run waits for its concurrency key
  max_parallel,        // pending: the fan-out's limit is reached
  main_phase,          // pending: a finally task waits for all others
  slot,                // queued: every worker slot is taken
  no_worker,           // queued: no worker serves its queue
  resource,            // queued: a resource it names is in use
  paused,              // queued: the run is paused
  backoff,             // retrying: waits before the next attempt
  try_later,           // retrying: the task itself asked to be tried later
  needs_person,        // retrying: a recovery rule paused the run
  sleep,               // waiting: until a time
  gate,                // waiting: for a person
  child_run,           // waiting: for another run
  condition,           // skipped: its `if` was false
  upstream_failed,     // skipped: a task it needs failed (or was skipped because of a failure)
  upstream_skipped,    // skipped: a task it needs was skipped
  upstream_cancelled,  // skipped: a task it needs was cancelled
  group_skipped,       // skipped: its group was
  cancelled,           // cancelled: someone cancelled the run
  cancel_unconfirmed,  // cancelled, but a process of it may still be alive
  error,               // failed: the attempt failed and no further one is due
  expression,          // failed: an expression of its own could not be evaluated
  queue_timeout,       // failed: nobody claimed it in time
  rejected,            // failed: a person, or a gate's timeout, said no
  members,             // failed, cancelled: because a member was
  lost,                // queued again: its worker vanished
  released,            // queued again: its worker gave it back
  reused,              // completed: taken over from an earlier run
};

inline constexpr int kReasonCount = 31;
const char* to_string(Reason r);

}  // namespace pawl::core
