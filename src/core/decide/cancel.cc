// cancel: nothing further starts, what runs is told to stop, finally tasks run, the run ends.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

Status decide(Run& run, const Cancel& c, Context& ctx) {
  if (is_final(run.state)) {
    return {Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state), " already")};
  }
  Decider d(run, ctx);
  std::string by = c.by.empty() ? std::string("cancelled") : str("cancelled by ", c.by);
  if (!run.admitted) {  // nothing of it ever ran: nothing to clean up either
    for (TaskId t = 0; t < run.task_count(); ++t)
      d.move(t, TaskState::cancelled, Reason::cancelled);
    run.cancelling = true;
    run.open_roots = run.open_finals = 0;
    if (run.state == RunState::paused) d.move_run(RunState::pending);
    run.finished = ctx.now;
    d.move_run(RunState::cancelled, by);
    return {};
  }
  bool was_paused = run.state == RunState::paused;
  if (was_paused) {
    d.move_run(run.before_pause == RunState::recovering ? RunState::recovering : RunState::running);
  }
  bool again = run.cancelling;
  run.cancelling = true;
  run.pause_reason.clear();
  d.event(EventKind::changed, kNoTask, by);
  // A second cancel ends the finally tasks too; the first one leaves them to tidy up, also where
  // they have begun.
  d.cancel_open_tasks(false);
  if (again || PAWL_MUTANT(finally_skipped_on_cancel)) d.cancel_open_tasks(true);
  if (was_paused) d.carry_on();
  d.drain();
  return {};
}

}  // namespace pawl::core
