// claim: queued tasks of one lane become attempts under a lease, oldest first.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

std::uint32_t decide(Run& run, const Claim& c, Context& ctx) {
  PAWL_ASSERT(c.lane < run.lanes.size());
  if (run.state == RunState::paused && !PAWL_MUTANT(claim_while_paused)) return 0;
  if (is_final(run.state)) return 0;
  Decider d(run, ctx);
  Lane& lane = run.lanes[c.lane];
  std::uint32_t given = 0;
  bool ended = false;
  while (given < c.max && lane.head < lane.tasks.size()) {
    TaskId t = lane.tasks[lane.head++];
    TaskRow& r = run.rows[t];
    if (r.state != TaskState::queued) continue;  // left the queue another way
    if (run.state == RunState::recovering) d.move_run(RunState::running);
    Time queued = r.queued;
    if (r.attempt == 0 || !PAWL_MUTANT(attempt_reused)) ++r.attempt;
    d.move(t, TaskState::running);
    r.queued = queued;
    r.lease = PAWL_MUTANT(lease_reused) ? 1 : run.next_lease++;
    r.worker = c.worker;
    if (run.def(t).timeout.queue.count() > 0) d.arm(t, kNever);
    auto assignment = render_attempt(run, t, ctx);
    if (!assignment.ok()) {
      // The same expression would fail again: no further attempt.
      d.give_up(t, Reason::expression, FailureClass::user, assignment.error().message);
      if (!PAWL_MUTANT(expression_failure_forgotten)) d.settle_later(t);
      ended = true;
      continue;
    }
    ctx.effects->assignments.emplace_back(c.worker, std::move(*assignment));
    ++given;
  }
  if (lane.head == lane.tasks.size()) {
    lane.tasks.clear();
    lane.head = 0;
  }
  if (ended) d.drain();
  return given;
}

}  // namespace pawl::core
