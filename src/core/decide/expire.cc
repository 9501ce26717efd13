// expire: timers that are due. Retries queue again, sleeps end, gates and queue waits time out.
#include <algorithm>

#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

bool later(const std::pair<Time, TaskId>& a, const std::pair<Time, TaskId>& b) { return a > b; }

void expire_gate(Decider& d, TaskId t) {
  const TaskDef& def = d.run().def(t);
  auto with = def.with.render(RunScope(d.run(), t, d.ctx(), &d));
  std::string then = "reject";
  if (with.ok() && (*with)["on_timeout"].is_string()) then = (*with)["on_timeout"].as_string();
  d.event(EventKind::gate_decided, t, str("timed out: ", then));
  if (then == "approve" || PAWL_MUTANT(gate_timeout_approves)) {
    d.extra(t).note = "approved by its timeout";
    d.extra(t).output = Json::object().set("approved", true).set("by", "timeout");
    d.move(t, TaskState::completed);
  } else {
    d.give_up(t, then == "fail" ? Reason::error : Reason::rejected, FailureClass::timeout,
              "nobody decided before the gate's timeout");
  }
  d.settle_later(t);
}

// A child run that takes longer than its timeout is told to stop; nothing waits for it any more.
void expire_child_run(Decider& d, TaskId t) {
  const TaskExtra* x = d.run().extra(t);
  if (!x || !x->child || d.run().rows[t].cancel_asked) return;
  d.ctx().effects->cancel_children.push_back(x->child);
  d.fail_attempt(t, {FailureClass::timeout, str("run ", x->child.value, " took longer than ",
                                                print_duration(d.run().def(t).timeout.attempt))});
}

void expire_one(Decider& d, TaskId t) {
  Run& run = d.run();
  const TaskDef& def = run.def(t);
  switch (run.rows[t].state) {
    case TaskState::retrying:
      if (def.executor == Executor::worker) return d.enqueue(t);
      if (run.state == RunState::paused) return;  // resume looks for these
      return d.begin_wait(t);
    case TaskState::waiting:
      if (def.executor == Executor::sleep) {
        d.move(t, TaskState::completed);
        return d.settle_later(t);
      }
      if (def.executor == Executor::gate) return expire_gate(d, t);
      return expire_child_run(d, t);
    case TaskState::queued:
      // Nobody may claim it: resume() starts it afresh.
      if (run.state == RunState::paused && !PAWL_MUTANT(queue_timeout_while_paused)) return;
      d.give_up(
          t, Reason::queue_timeout, FailureClass::timeout,
          str("no worker took it within its queue timeout of ", print_duration(def.timeout.queue)));
      return d.settle_later(t);
    default:
      return;
  }
}

}  // namespace

Status decide(Run& run, const Expire&, Context& ctx) {
  Decider d(run, ctx);
  Time due = ctx.now;
  if (PAWL_MUTANT(timer_early)) due += std::chrono::seconds(1);
  while (!run.timers.empty() && run.timers.front().first <= due) {
    auto [wake, t] = run.timers.front();
    std::pop_heap(run.timers.begin(), run.timers.end(), later);
    run.timers.pop_back();
    const TaskExtra* x = run.extra(t);
    if (!x || x->wake != wake) continue;  // disarmed, or armed anew
    d.extra(t).wake = kNever;
    expire_one(d, t);
  }
  d.drain();
  return {};
}

}  // namespace pawl::core
