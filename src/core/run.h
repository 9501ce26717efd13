#pragma once
// Run: one execution of a workflow, in memory. The aggregate: everything a decision may read or
// change.
//
// Only core/decide/ changes a Run, and a task's state only through Decider::move(). Rows stand in
// task order: the workflow's own tasks, then fan-out children in the order in which fan-outs were
// expanded. What most tasks never have (outputs, errors, timers) lies in a side map, so that a
// million plain tasks cost a row each. Counters, lanes and timers are derived: run_codec rebuilds
// them from the rows.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "core/failure.h"
#include "core/reason.h"
#include "core/states.h"
#include "core/worker_port.h"
#include "core/workflow.h"

namespace pawl::core {

// How many rows are written together; the store keeps as many in a segment.
inline constexpr std::uint32_t kRowsPerSegment = 128;

// Room kept behind the event tail: a few tasks' events fit without growing it.
inline constexpr std::size_t kTailRoom = 96;

// Tasks of one lane are alike to the scheduler: same queue, priority and resources.
struct LaneKey {
  std::string queue;
  std::int32_t priority = 0;
  std::vector<Resource> resources;
  bool operator==(const LaneKey&) const = default;
};

// What all runs of one workflow version share. Immutable.
struct Plan {
  WorkflowId id;
  std::int32_t version = 0;
  std::shared_ptr<const Workflow> workflow;
  std::string base_dir;                                      // directory of the file; "" none
  std::vector<std::pair<std::string, WorkflowId>> children;  // child files, pinned
  std::vector<LaneKey> lanes;
  std::vector<std::uint16_t> lane_of_def;
  std::vector<std::uint32_t> initial_waits;  // needs of each task
};
std::shared_ptr<const Plan> make_plan(WorkflowId id, std::int32_t version,
                                      std::shared_ptr<const Workflow> workflow,
                                      std::string base_dir,
                                      std::vector<std::pair<std::string, WorkflowId>> children);

struct TaskRow {
  TaskState state = TaskState::pending;
  Reason reason = Reason::none;
  bool cancel_asked = false;   // running, and told to stop
  bool reused = false;         // completed in an earlier run
  std::uint16_t failures = 0;  // attempts that used up the retry budget
  std::uint16_t losses = 0;    // attempts whose worker vanished
  Attempt attempt = 0;         // the last one given out
  Lease lease = 0;             // of the live attempt; 0 none
  WorkerId worker;             // who holds it
  std::uint32_t waits = 0;     // pending: needs not at their end; open group, fan-out: members
  Time queued = kNoTime, started = kNoTime, finished = kNoTime;
};

struct TaskExtra {
  Json output;              // null: none, or by reference
  std::string output_hash;  // a payload above the inline limit
  std::string error;
  FailureClass failure = FailureClass::none;
  int exit_code = 0;
  Json params;             // what recovery or a person set; null: none
  Time wake = kNever;      // retry, sleep, gate timeout, queue timeout
  RunId child;             // of a `workflow` task
  std::string checkpoint;  // bytes of the last attempt's
  std::string best;        // ... of the one marked best
  Resume resume = Resume::checkpoint;
  std::string before;    // shell text before the next attempt
  Json items;            // a fan-out's elements
  std::string question;  // an open gate's, rendered
  Json preview;
  std::vector<std::uint8_t> rule_uses;
  std::uint16_t warnings = 0;
  std::string note;           // who decided a gate, and what they said
  bool has_progress = false;  // live only, not stored
  Progress progress;
  std::vector<std::pair<std::string, double>> metrics;
};

// Children of one fan-out are rows [first, first + count).
struct FanOut {
  TaskId parent = kNoTask;
  TaskId first = 0;
  std::uint32_t count = 0;
  std::uint32_t next = 0;    // children before this one were opened
  std::uint32_t active = 0;  // opened and not at their end
  bool dead = false;         // its parent was expanded anew
};

struct Lane {
  std::vector<TaskId> tasks;  // queued, oldest first; entries no longer queued are passed over
  std::size_t head = 0;
  std::uint32_t live = 0;    // how many are queued
  std::uint32_t leased = 0;  // how many a worker holds
};

class Run {
 public:
  RunId id;
  std::uint64_t version = 0;
  std::shared_ptr<const Plan> plan;
  RunState state = RunState::pending;
  Verdict verdict = Verdict::none;
  bool admitted = false;  // passed its concurrency key
  bool cancelling = false;
  bool finals_open = false;  // finally tasks were begun
  bool rejected = false;     // a gate said no: exit code 5
  bool warned = false;       // an allowed failure, or a warning event
  RunState before_pause = RunState::running;
  Time created = kNoTime, started = kNoTime, finished = kNoTime;
  RunId parent, source;
  TaskId parent_task = kNoTask;
  std::string name, job, labels;
  std::string key;  // rendered concurrency key; "" none
  std::int32_t priority = 0;
  Json inputs;
  Json outputs;
  std::string error;
  std::string pause_reason;

  std::vector<TaskRow> rows;
  std::unordered_map<TaskId, TaskExtra> extras;
  std::vector<FanOut> fan_outs;  // by first
  Lease next_lease = 1;

  // Events not yet in a sealed chunk, and the number and time of the next.
  std::uint64_t tail_first = 1, next_seq = 1;
  Time tail_time = kNoTime;
  std::string tail;

  // Derived.
  std::array<std::uint32_t, kTaskStateCount> counts{};
  std::uint32_t open_roots = 0, open_finals = 0;  // not at their end
  std::vector<Lane> lanes;                        // as plan->lanes
  std::vector<std::pair<Time, TaskId>> timers;    // a heap, earliest first; may hold stale entries

  // What changed since the last write.
  struct Written {          // up to where the store has the events
    std::uint64_t seq = 0;  // the last one's number
    std::size_t tail = 0;   // its end in `tail`
    Time time = kNoTime;    // what the next one's time is relative to
  };
  Written written;
  bool dirty = false;
  std::vector<std::uint32_t> dirty_segments;  // sorted on use, may repeat
  std::vector<TaskId> dirty_cells;            // may repeat

  const Workflow& workflow() const { return *plan->workflow; }
  std::uint32_t task_count() const { return static_cast<std::uint32_t>(rows.size()); }
  bool is_child(TaskId t) const { return t >= workflow().task_count(); }
  // The fan-out a child belongs to. REQUIRES: is_child(t).
  const FanOut& fan_out_of_child(TaskId t) const;
  FanOut& fan_out_of_child(TaskId t);
  // The live fan-out of a parent, or nullptr.
  FanOut* fan_out_of(TaskId t);
  const FanOut* fan_out_of(TaskId t) const;
  // The workflow's task that describes t (its own for plain tasks, the fan-out's for children).
  TaskId definition(TaskId t) const { return is_child(t) ? fan_out_of_child(t).parent : t; }
  const TaskDef& def(TaskId t) const { return workflow().def(definition(t)); }
  bool is_fan_out(TaskId t) const { return !is_child(t) && def(t).for_each.has_value(); }
  TaskId parent_of(TaskId t) const;  // group or fan-out; kNoTask at the top
  std::string path(TaskId t) const;  // "clean[0]"
  std::optional<TaskId> find(std::string_view path) const;
  std::uint32_t lane_of(TaskId t) const {
    return plan->lane_of_def[workflow().node(definition(t)).def];
  }
  const TaskExtra* extra(TaskId t) const;
  Time next_wake() const;            // kNever where no timer is armed
  std::uint32_t done_count() const;  // tasks at their end
  std::size_t footprint() const;     // bytes of heap, roughly, without the plan
};

}  // namespace pawl::core
