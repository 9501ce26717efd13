// requeue: attempts whose worker vanished or gave them back start again, under a higher number.
#include "core/decide/decider.h"

namespace pawl::core {

Status decide(Run& run, const Requeue& c, Context& ctx) {
  Decider d(run, ctx);
  for (const Fence& f : c.fences) {
    if (f.task >= run.task_count()) continue;
    const TaskRow& row = run.rows[f.task];
    if (row.state != TaskState::running || row.attempt != f.attempt || row.lease != f.lease)
      continue;
    if (row.lease == 0) continue;
    if (c.lost) {
      d.lose_attempt(f.task);
    } else if (row.cancel_asked) {
      d.move(f.task, TaskState::cancelled, Reason::cancelled);
      d.settle_later(f.task);
    } else {
      d.enqueue(f.task, Reason::released);
    }
  }
  d.drain();
  return {};
}

Status decide(Run& run, const Adopt& c, Context& ctx) {
  const Fence& f = c.fence;
  if (f.task >= run.task_count()) return {Errc::stale_attempt, "no such task"};
  TaskRow& row = run.rows[f.task];
  if (row.state != TaskState::running || row.attempt != f.attempt || row.lease != f.lease ||
      f.lease == 0) {
    return {Errc::stale_attempt, "its lease is no longer the live one"};
  }
  Decider d(run, ctx);
  row.worker = c.worker;
  d.touch(f.task);
  return {};
}

std::vector<Fence> live_attempts(const Run& run, WorkerId worker) {
  std::vector<Fence> live;
  if (run.counts[static_cast<std::size_t>(TaskState::running)] == 0) return live;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    const TaskRow& row = run.rows[t];
    if (row.state != TaskState::running || row.lease == 0) continue;
    if (worker && row.worker != worker) continue;
    live.push_back({run.id, t, row.attempt, row.lease});
  }
  return live;
}

}  // namespace pawl::core
