#pragma once
// Events: what happened to a run, in order, numbered from 1 without gap.
//
// They are appended as bytes while deciding (a dozen bytes each) and stay in the run's tail until
// enough have gathered for a sealed chunk. Layout of one event: kind u8, time delta zigzag (from
// the event before, from the run's creation for the first of a chunk), then the fields of its kind.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/failure.h"
#include "core/reason.h"
#include "core/states.h"

namespace pawl::core {

enum class EventKind : std::uint8_t {
  submitted = 1,  // text: run name
  run_state,      // run_state, text: why or by whom
  task_state,     // task, task_state, attempt, reason, text: error or note
  warning,        // task, text
  metric,         // task, text: "loss=0.31 auc=0.9"
  gate_decided,   // task, text: "approved by NAME: MESSAGE"
  changed,        // text: what a person changed (params, inputs)
};
inline constexpr int kEventKindCount = 7;  // numbered from 1

struct Event {
  std::uint64_t seq = 0;
  Time time = kNoTime;
  EventKind kind = EventKind::submitted;
  TaskId task = kNoTask;
  Attempt attempt = 0;
  TaskState task_state = TaskState::pending;
  RunState run_state = RunState::pending;
  Reason reason = Reason::none;
  std::string text;
};

// Appends to `out`; `last` is the time of the event before and becomes this one's.
void encode_event(std::string& out, const Event& e, Time& last);
// Decodes a chunk whose first event has number first_seq. `start`: the run's creation.
Result<std::vector<Event>> decode_events(std::string_view bytes, std::uint64_t first_seq,
                                         Time start);

const char* to_string(EventKind k);

}  // namespace pawl::core
