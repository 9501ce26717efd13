// pause: no further task is handed out; what runs, ends. resume: on from there.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"
#include "core/event.h"

namespace pawl::core {

namespace {

// A child run that was to start while the run was paused. (An element beyond max_parallel waits for
// its turn as well.)
bool held_back(const Run& run, TaskId t) {
  if (run.def(t).executor != Executor::workflow) return false;
  if (PAWL_MUTANT(resume_forgets_children)) return false;
  if (!run.is_child(t)) return true;
  const FanOut& f = run.fan_out_of_child(t);
  return !f.dead && t - f.first < f.next;
}

}  // namespace

// What a pause held up: child runs, retries that fell due, waits for a person, the queue's clock.
void Decider::carry_on() {
  for (TaskId t = 0; t < run_.task_count(); ++t) {
    const TaskRow& r = row(t);
    const TaskDef& def = run_.def(t);
    if (r.state == TaskState::pending && r.waits == 0 && held_back(run_, t)) open_later(t);
    if (r.state == TaskState::queued && def.timeout.queue.count() > 0) {
      arm(t, ctx_.now + def.timeout.queue);  // time in the queue counts while it can be claimed
    }
    if (r.state != TaskState::retrying || PAWL_MUTANT(resume_forgets_retries)) continue;
    const TaskExtra* x = run_.extra(t);
    if (x && x->wake != kNever) continue;  // its timer is armed still
    bool called = r.reason == Reason::needs_person;
    if (called && run_.cancelling) {  // nobody came
      give_up(t, Reason::error, x ? x->failure : FailureClass::user, x ? x->error : "");
      settle_later(t);
    } else if (def.executor == Executor::worker) {
      if (called) run_.rows[t].failures = 0;
      enqueue(t);
    } else {
      begin_wait(t);
    }
  }
}

Status decide(Run& run, const Pause& c, Context& ctx) {
  if (is_final(run.state)) {
    return {Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state),
                                ": only a run that is not at its end can be paused")};
  }
  if (run.state == RunState::paused) {
    return {Errc::conflict, str("run ", run.id.value, " is paused already")};
  }
  if (run.cancelling) {
    return {Errc::conflict, str("run ", run.id.value, " is being cancelled")};
  }
  Decider d(run, ctx);
  run.before_pause = run.state;
  run.pause_reason = c.by.empty() ? std::string("paused") : str("paused by ", c.by);
  d.move_run(RunState::paused, run.pause_reason);
  return {};
}

Status decide(Run& run, const Resume_& c, Context& ctx) {
  if (run.state != RunState::paused) {
    return {Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state), ", not paused",
                                run.state == RunState::failed || run.state == RunState::cancelled
                                    ? str(". To run what failed again: pawl retry ", run.id.value)
                                    : "")};
  }
  Decider d(run, ctx);
  run.pause_reason.clear();
  d.move_run(
      run.admitted && run.before_pause == RunState::pending ? RunState::running : run.before_pause,
      c.by.empty() ? std::string() : str("resumed by ", c.by));
  d.carry_on();
  d.drain();
  return {};
}

}  // namespace pawl::core
