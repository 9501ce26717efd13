// The end of a run: finally tasks, the roll-up to its state, its outputs and its verdict.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

void Decider::finish_if_done() {
  if (is_final(run_.state) || run_.state == RunState::paused || !run_.admitted) return;
  bool nearly = run_.open_roots == 1 && run_.open_finals > 0 && !run_.finals_open;
  if (nearly && PAWL_MUTANT(finally_too_early)) begin_finals();
  if (run_.open_roots > 0) return;
  if (!run_.finals_open) begin_finals();
  if (run_.open_finals == 0) end_run();
}

void Decider::begin_finals() {
  run_.finals_open = true;
  changed();
  if (run_.open_finals == 0) return;
  for (TaskId t : run_.workflow().finals()) {
    if (row(t).waits == 0 && !is_final(row(t).state)) open_later(t);
  }
  drain();
}

// Down to the member or element that failed first.
TaskId Decider::first_failure(TaskId from) const {
  TaskId at = from;
  while (holds_others(at)) {
    TaskId first = kNoTask;
    auto look = [&](TaskId m) {
      const TaskRow& r = row(m);
      if (r.state != TaskState::failed) return;
      if (!run_.is_child(m) && run_.def(m).allow_failure) return;
      if (first == kNoTask || r.finished < row(first).finished) first = m;
    };
    if (const FanOut* f = run_.fan_out_of(at)) {
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        look(c);
    } else {
      for (TaskId m : run_.workflow().members(at))
        look(m);
    }
    if (first == kNoTask || row(at).reason != Reason::members) return at;
    at = first;
    if (run_.is_child(at)) return at;
  }
  return at;
}

// Outputs and verdict of a run whose tasks ended well; where one cannot be evaluated it fails.
void Decider::evaluate_end(RunState& end) {
  const Workflow& w = run_.workflow();
  RunScope scope(run_, kNoTask, ctx_, this);
  auto fail = [&](std::string message) {
    end = RunState::failed;
    run_.error = std::move(message);
    run_.verdict = Verdict::none;
    run_.outputs = Json();
  };
  if (!w.outputs.source().is_null()) {
    auto outputs = w.outputs.render(scope);
    if (!outputs.ok()) return fail(str("outputs: ", outputs.error().message));
    run_.outputs = *outputs;
  }
  run_.verdict = run_.warned ? Verdict::warning : Verdict::none;
  if (!w.verdict) return;
  auto value = w.verdict->evaluate(scope);
  if (!value.ok()) return fail(str("verdict: ", value.error().message));
  auto verdict = value->is_string() ? parse_verdict(value->as_string()) : std::nullopt;
  if (!verdict) {
    return fail(str("verdict: expected pass, warning or fail, found ", value->dump()));
  }
  run_.verdict = std::max(*verdict, run_.verdict);
}

void Decider::end_run() {
  if (is_final(run_.state)) return;  // begin_finals() drained as far as here already
  TaskId culprit = kNoTask;
  bool cancelled = run_.cancelling;
  auto look = [&](TaskId t) {
    const TaskRow& r = row(t);
    cancelled = cancelled || r.state == TaskState::cancelled;
    if (r.state != TaskState::failed || run_.def(t).allow_failure) return;
    TaskId leaf = first_failure(t);
    if (culprit == kNoTask || row(leaf).finished < row(culprit).finished) culprit = leaf;
  };
  for (TaskId t : run_.workflow().roots())
    look(t);
  for (TaskId t : run_.workflow().finals()) {
    if (!PAWL_MUTANT(run_ignores_finally)) look(t);
  }

  RunState end = cancelled            ? RunState::cancelled
                 : culprit != kNoTask ? RunState::failed
                                      : RunState::completed;
  if (end == RunState::failed && run_.warned && PAWL_MUTANT(run_failed_completes)) {
    end = RunState::completed;
  }
  run_.error.clear();
  run_.verdict = Verdict::none;
  if (end == RunState::completed) {
    evaluate_end(end);
  } else if (end == RunState::failed) {
    const TaskExtra* x = run_.extra(culprit);
    run_.error = str(run_.path(culprit), ": ", x ? x->error : std::string("failed"));
    run_.rejected = row(culprit).reason == Reason::rejected;
  }
  run_.finished = ctx_.now;
  run_.timers.clear();
  for (Lane& lane : run_.lanes)
    lane = {};
  move_run(end, run_.error);
}

}  // namespace pawl::core
