// complete: what a worker reports of an attempt, guarded by its fence.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

void take_signs(Decider& d, TaskId t, const Report& r) {
  Run& run = d.run();
  if (r.has_progress) {
    auto& x = run.extras[t];  // live only: no write follows from progress alone
    x.has_progress = true;
    x.progress = r.progress;
  }
  if (!r.metrics.empty()) {
    TaskExtra& x = d.extra(t);
    std::string text;
    for (const auto& [name, value] : r.metrics) {
      text += str(text.empty() ? "" : " ", name, "=", Json(value).dump());
      bool known = false;
      for (auto& [have, old] : x.metrics) {
        if (have == name) old = value, known = true;
      }
      if (!known) x.metrics.emplace_back(name, value);
    }
    d.event(EventKind::metric, t, text);
  }
  for (const std::string& warning : r.warnings) {
    ++d.extra(t).warnings;
    run.warned = true;
    d.event(EventKind::warning, t, warning);
  }
  if (r.has_checkpoint && !PAWL_MUTANT(checkpoint_dropped)) {
    d.extra(t).checkpoint = r.checkpoint;
    if (r.best_checkpoint) d.extra(t).best = r.checkpoint;
  }
}

void complete_attempt(Decider& d, TaskId t, const Report& r) {
  Context& ctx = d.ctx();
  if (!r.outputs.is_null() && !r.outputs.is_object()) {
    return d.fail_attempt(
        t, {FailureClass::user,
            str("its output must be one JSON object, found ", Json::type_name(r.outputs.type())), 0,
            true});
  }
  if (!r.outputs.is_null()) {
    std::string& text = ctx.scratch.text;
    text.clear();
    r.outputs.dump_to(text);
    auto bytes = text.size();
    if (text.capacity() > ctx.limits.inline_bytes) text = {};
    if (bytes > ctx.limits.max_output_bytes) {
      return d.fail_attempt(t,
                            {FailureClass::user,
                             str("its output has ", format_size(bytes), "; the limit is ",
                                 format_size(ctx.limits.max_output_bytes),
                                 ". Write large results to a file and put its path in the output"),
                             0, true});
    }
    if (r.outputs.size() > 0 && !PAWL_MUTANT(output_dropped)) d.extra(t).output = r.outputs;
  }
  if (!PAWL_MUTANT(failure_kept)) d.forget_failure(t);
  d.move(t, TaskState::completed);
  d.settle_later(t);
}

}  // namespace

Status decide(Run& run, const Complete& c, Context& ctx) {
  const Report& r = c.report;
  const Fence& f = r.fence;
  auto stale = [&] {
    ctx.effects->refused.push_back({c.worker, f});
    return Status(Errc::stale_attempt, str("run ", run.id.value, ", task ", f.task, ", attempt ",
                                           f.attempt, ": its lease is no longer the live one"));
  };
  if (f.task >= run.task_count()) return stale();
  const TaskRow& row = run.rows[f.task];
  bool live = row.attempt == f.attempt && row.lease == f.lease && row.worker == c.worker;
  if (!live && row.worker == c.worker && PAWL_MUTANT(fence_unchecked)) live = true;
  if (!live && PAWL_MUTANT(report_from_anyone)) live = true;
  if (row.state != TaskState::running || row.lease == 0 || !live) return stale();
  TaskId t = f.task;
  Decider d(run, ctx);
  take_signs(d, t, r);
  switch (r.kind) {
    case ReportKind::started:
    case ReportKind::progress:
      return {};
    case ReportKind::completed:
      complete_attempt(d, t, r);
      break;
    case ReportKind::failed:
      d.fail_attempt(t,
                     {r.failure_class == FailureClass::none ? FailureClass::user : r.failure_class,
                      r.message, r.exit_code, r.no_retry, r.try_later});
      break;
    case ReportKind::lost:
      d.lose_attempt(t);
      break;
    case ReportKind::released:
      if (row.cancel_asked && !PAWL_MUTANT(release_after_cancel)) {
        d.move(t, TaskState::cancelled, Reason::cancelled);
        d.settle_later(t);
      } else {
        d.enqueue(t, Reason::released);
      }
      break;
    case ReportKind::cancelled:
      if (row.cancel_asked) {
        d.move(t, TaskState::cancelled,
               r.unconfirmed ? Reason::cancel_unconfirmed : Reason::cancelled, r.message);
        d.settle_later(t);
      } else {  // stopped by its worker on its own account: as good as given back
        d.enqueue(t, Reason::released);
      }
      break;
  }
  d.drain();
  return {};
}

}  // namespace pawl::core
