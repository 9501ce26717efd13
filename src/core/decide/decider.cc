#include "core/decide/decider.h"

#include <algorithm>

#include "base/mutant.h"
#include "core/event.h"

namespace pawl::core {
namespace {

bool later(const std::pair<Time, TaskId>& a, const std::pair<Time, TaskId>& b) { return a > b; }

}  // namespace

Decider::Decider(Run& run, Context& ctx) : run_(run), ctx_(ctx) {
  PAWL_ASSERT(ctx.scratch.settled.empty() && ctx.scratch.opening.empty());
}

void Decider::touch(TaskId t) {
  run_.dirty = true;
  auto segment = t / kRowsPerSegment;
  if (run_.dirty_segments.empty() || run_.dirty_segments.back() != segment) {
    run_.dirty_segments.push_back(segment);
  }
}

TaskExtra& Decider::extra(TaskId t) {
  run_.dirty = true;
  if (run_.dirty_cells.empty() || run_.dirty_cells.back() != t) run_.dirty_cells.push_back(t);
  return run_.extras[t];
}

void Decider::move(TaskId t, TaskState to, Reason reason, std::string_view text, Cause cause) {
  TaskRow& row = run_.rows[t];
  PAWL_ASSERT(may_move(row.state, to, cause));
  if (row.state != TaskState::retrying || !PAWL_MUTANT(count_kept)) {
    --run_.counts[static_cast<std::size_t>(row.state)];
  }
  ++run_.counts[static_cast<std::size_t>(to)];
  if (row.state == TaskState::queued) {
    Lane& lane = run_.lanes[run_.lane_of(t)];
    --lane.live;
    if (to == TaskState::running) ++lane.leased;
  } else if (row.lease != 0) {
    --run_.lanes[run_.lane_of(t)].leased;
  }
  row.state = to;
  // A task that puts itself off stays queued since it first was: its queue timeout bounds that.
  if (to == TaskState::queued && row.reason != Reason::try_later) row.queued = ctx_.now;
  if (to == TaskState::running || to == TaskState::waiting) row.started = ctx_.now;
  if (to != TaskState::running) {
    row.lease = 0;
    row.worker = {};
    row.cancel_asked = false;
  }
  row.reason = reason;
  row.finished = kNoTime;
  if (is_final(to)) {
    row.finished = ctx_.now;
    row.waits = 0;
    if (auto it = run_.extras.find(t); it != run_.extras.end() && it->second.wake != kNever) {
      extra(t).wake = kNever;
    }
  }
  touch(t);
  if (to == TaskState::skipped && PAWL_MUTANT(event_missing)) return;
  Event e;
  e.time = ctx_.now;
  e.kind = EventKind::task_state;
  e.task = t;
  e.attempt = row.attempt;
  e.task_state = to;
  e.reason = reason;
  e.text = text;
  encode_event(run_.tail, e, run_.tail_time);
  ++run_.next_seq;
}

void Decider::move_run(RunState to, std::string_view text, Cause cause) {
  PAWL_ASSERT(may_move(run_.state, to, cause));
  run_.state = to;
  if (to != RunState::paused || !PAWL_MUTANT(pause_not_written)) run_.dirty = true;
  Event e;
  e.time = ctx_.now;
  e.kind = EventKind::run_state;
  e.run_state = to;
  e.text = text;
  encode_event(run_.tail, e, run_.tail_time);
  ++run_.next_seq;
}

void Decider::event(EventKind kind, TaskId t, std::string_view text) {
  run_.dirty = true;
  Event e;
  e.time = ctx_.now;
  e.kind = kind;
  e.task = t;
  e.attempt = t == kNoTask ? 0 : run_.rows[t].attempt;
  e.text = text;
  encode_event(run_.tail, e, run_.tail_time);
  ++run_.next_seq;
}

void Decider::arm(TaskId t, Time wake) {
  extra(t).wake = wake;
  if (wake == kNever) return;
  if (!run_.timers.empty() && PAWL_MUTANT(timer_lost)) return;
  run_.timers.emplace_back(wake, t);
  std::push_heap(run_.timers.begin(), run_.timers.end(), later);
}

void Decider::enqueue(TaskId t, Reason reason) {
  move(t, TaskState::queued, reason);
  Lane& lane = run_.lanes[run_.lane_of(t)];
  if (lane.head > 64 && lane.head * 2 > lane.tasks.size()) {
    lane.tasks.erase(lane.tasks.begin(),
                     lane.tasks.begin() + static_cast<std::ptrdiff_t>(lane.head));
    lane.head = 0;
  }
  lane.tasks.push_back(t);
  ++lane.live;
  if (auto limit = run_.def(t).timeout.queue; limit.count() > 0) {
    arm(t, run_.rows[t].queued + limit);
  }
}

}  // namespace pawl::core
