// A `workflow` task and the run it started: its start, and its end.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

Status decide(Run& run, const ChildStarted& c, Context& ctx) {
  PAWL_ASSERT(c.task < run.task_count() && run.rows[c.task].state == TaskState::waiting);
  Decider d(run, ctx);
  if (c.error.empty()) {
    d.extra(c.task).child = c.child;
    if (auto limit = run.def(c.task).timeout.attempt; limit.count() > 0) {
      d.arm(c.task, ctx.now + limit);
    }
    return {};
  }
  d.give_up(c.task, Reason::error, FailureClass::user, c.error);
  d.settle_later(c.task);
  d.drain();
  return {};
}

Status decide(Run& run, const ChildEnded& c, Context& ctx) {
  const TaskExtra* x = c.task < run.task_count() ? run.extra(c.task) : nullptr;
  bool known = x && (x->child == c.child || PAWL_MUTANT(child_end_unfenced));
  if (!known || run.rows[c.task].state != TaskState::waiting) {
    // The parent has moved on, or the child was retried after it had ended: nothing waits for it.
    return {Errc::stale_attempt,
            str("run ", run.id.value, " does not wait for run ", c.child.value)};
  }
  Decider d(run, ctx);
  TaskId t = c.task;
  bool well = c.state == RunState::completed;
  if (c.state == RunState::failed && PAWL_MUTANT(child_failure_ignored)) well = true;
  if (well) {
    if (!PAWL_MUTANT(child_output_dropped)) d.extra(t).output = c.outputs;
    d.forget_failure(t);
    if (c.verdict == Verdict::warning || c.verdict == Verdict::fail) {
      ++d.extra(t).warnings;
      run.warned = true;
      d.event(EventKind::warning, t,
              str("run ", c.child.value, " completed with verdict ", to_string(c.verdict)));
    }
    d.move(t, TaskState::completed);
    d.settle_later(t);
  } else if (c.state == RunState::cancelled && run.rows[t].cancel_asked) {
    d.move(t, TaskState::cancelled, Reason::cancelled);
    d.settle_later(t);
  } else {
    d.fail_attempt(t, {FailureClass::user, str("run ", c.child.value, " ", to_string(c.state),
                                               c.error.empty() ? "" : str(": ", c.error))});
  }
  d.drain();
  return {};
}

}  // namespace pawl::core
