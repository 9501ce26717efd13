// What a failed attempt leads to: a recovery rule, another attempt with backoff, a pause, the end.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

// Rules for classes that a workflow says nothing of: where no retry can help, a person is called.
RecoverAction default_action(FailureClass c) {
  return c == FailureClass::auth || c == FailureClass::host_key ? RecoverAction::pause
                                                                : RecoverAction::retry;
}

// A rule without `max` of its own may be applied so often.
constexpr std::uint32_t kRuleUses = 3;

Duration backoff(const RetryPolicy& p, std::uint32_t failures, Random& random) {
  double exponent = std::min(failures > 0 ? failures - 1 : 0, 60u);
  double us = static_cast<double>(p.first.count()) * std::pow(p.factor, exponent);
  us = std::min(us, static_cast<double>(p.max.count()));
  us *= 1.0 - p.jitter * random.unit();
  return Duration{static_cast<std::int64_t>(us)};
}

Json merge_params(Json base, const Json& changes) {
  for (const auto& [key, value] : changes.as_object())
    base.set(key, value);
  return base;
}

}  // namespace

void Decider::give_up(TaskId t, Reason reason, FailureClass c, std::string_view message) {
  TaskExtra& x = extra(t);
  x.error = message;
  x.failure = c;
  move(t, TaskState::failed, reason, message);
  if (run_.def(t).executor == Executor::group) {
    end_members(t, TaskState::failed, Reason::upstream_failed);
  }
}

void Decider::fail_attempt(TaskId t, const Failure& f) {
  const TaskDef& def = run_.def(t);
  TaskRow& r = run_.rows[t];
  TaskExtra& x = extra(t);
  x.error = f.message;
  x.failure = f.failure_class;
  x.exit_code = f.exit_code;
  if (run_.cancelling && r.cancel_asked) {
    move(t, TaskState::cancelled, Reason::cancelled, f.message);
    return settle_later(t);
  }
  if (f.try_later) {
    move(t, TaskState::retrying, Reason::try_later, f.message);
    Duration wait = backoff(def.retry, 64, *ctx_.random);
    // The queue timeout bounds how long a task may put itself off.
    if (def.timeout.queue.count() > 0 && ctx_.now + wait > r.queued + def.timeout.queue &&
        r.attempt > 1) {
      give_up(t, Reason::queue_timeout, FailureClass::timeout,
              str("asked to be tried later for longer than its queue timeout of ",
                  print_duration(def.timeout.queue)));
      return settle_later(t);
    }
    return arm(t, ctx_.now + wait);
  }
  r.failures = static_cast<std::uint16_t>(std::min<int>(r.failures + 1, 0xffff));

  RecoverAction action = default_action(f.failure_class);
  bool by_rule = false;
  if (!f.no_retry) {
    x.rule_uses.resize(def.recover.size());
    for (std::size_t i = 0; i < def.recover.size(); ++i) {
      const RecoverRule& rule = def.recover[i];
      if (!rule.matches(f.failure_class)) continue;
      if (x.rule_uses[i] >= std::min<std::uint32_t>(rule.max ? rule.max : kRuleUses, 255)) continue;
      if (!rule.set.source().is_null()) {
        auto set = rule.set.render(RunScope(run_, t, ctx_, this));
        if (!set.ok() || !set->is_object()) {
          give_up(t, Reason::expression, f.failure_class,
                  str(f.message, "\nrecover.set: ",
                      set.ok() ? std::string("expected an object") : set.error().message));
          return settle_later(t);
        }
        x.params = merge_params(x.params.is_null() ? Json::object() : x.params, *set);
        event(EventKind::changed, kNoTask, str(run_.path(t), ": params ", set->dump()));
      }
      ++x.rule_uses[i];
      x.resume = rule.resume;
      x.before = rule.run;
      action = rule.action;
      by_rule = true;
      break;
    }
  }
  if (f.no_retry || action == RecoverAction::fail ||
      (action == RecoverAction::retry && !by_rule && r.failures >= def.retry.max_attempts)) {
    give_up(t, Reason::error, f.failure_class, f.message);
    return settle_later(t);
  }
  if (action == RecoverAction::pause) {
    move(t, TaskState::retrying, Reason::needs_person, f.message);
    if (run_.state == RunState::running || run_.state == RunState::recovering) {
      run_.before_pause = RunState::running;
      run_.pause_reason = str(run_.path(t), ": ", to_string(f.failure_class), ": ", f.message);
      move_run(RunState::paused, run_.pause_reason);
    }
    return;
  }
  move(t, TaskState::retrying, Reason::backoff, f.message);
  arm(t, ctx_.now + backoff(def.retry, r.failures, *ctx_.random));
}

void Decider::lose_attempt(TaskId t) {
  TaskRow& r = run_.rows[t];
  r.losses = static_cast<std::uint16_t>(std::min<int>(r.losses + 1, 0xffff));
  if (r.cancel_asked) {
    move(t, TaskState::cancelled, Reason::cancelled, "its worker vanished while it was cancelled");
    return settle_later(t);
  }
  if (r.losses > ctx_.limits.max_losses) {
    return fail_attempt(t, {FailureClass::lost,
                            str("its worker vanished ", r.losses, " times; given up"), 0, true});
  }
  extra(t).failure = FailureClass::lost;
  // The first loss is most likely not the task's doing: it starts again at once.
  if (r.losses == 1) return enqueue(t, Reason::lost);
  move(t, TaskState::retrying, Reason::lost, "its worker vanished");
  RetryPolicy slow;
  arm(t, ctx_.now + backoff(slow, r.losses, *ctx_.random));
}

}  // namespace pawl::core
