// What a failed attempt leads to: a recovery rule, another attempt with backoff, a pause, the end.
//
// A rule that matches decides, whatever max_attempts says: it has its own bound (`max`, else
// kRuleUses). Where none applies, attempts are retried until max_attempts of them have failed.
#include <algorithm>
#include <cmath>

#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

// Rules for classes that a workflow says nothing of: where no retry can help, a person is called.
RecoverAction default_action(FailureClass c) {
  return c == FailureClass::auth || c == FailureClass::host_key ? RecoverAction::pause
                                                                : RecoverAction::retry;
}

// A rule without `max` of its own may start so many attempts. (One that calls a person or gives up
// needs no bound.)
constexpr std::uint32_t kRuleUses = 3;
// Stands for "so often that the wait is the longest one".
constexpr std::uint32_t kLongest = 64;

Duration backoff(const RetryPolicy& p, std::uint32_t failures, Random& random) {
  if (failures > 1 && failures < kLongest && PAWL_MUTANT(backoff_not_doubled)) failures = 1;
  double us = static_cast<double>(p.first.count());
  const double longest = static_cast<double>(p.max.count());
  for (std::uint32_t i = 1; i < std::min(failures, kLongest) && us < longest; ++i)
    us *= p.factor;
  if (failures >= kLongest) us = longest;
  us = std::min(us, longest) * (1.0 - p.jitter * random.unit());
  return Duration{static_cast<std::int64_t>(us)};
}

std::uint16_t one_more(std::uint16_t n) {
  return static_cast<std::uint16_t>(std::min<int>(n + 1, 0xffff));
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

// The first rule for this class that may still be applied.
const RecoverRule* Decider::choose_rule(TaskId t, FailureClass c) {
  const auto& rules = run_.def(t).recover;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RecoverRule& rule = rules[i];
    if (!rule.matches(c)) continue;
    if (rule.max == 0 && rule.action != RecoverAction::retry) return &rule;
    auto& uses = extra(t).rule_uses;
    uses.resize(rules.size());
    if (uses[i] >= std::min<std::uint32_t>(rule.max ? rule.max : kRuleUses, 255)) continue;
    if (!PAWL_MUTANT(rule_unbounded)) ++uses[i];
    return &rule;
  }
  return nullptr;
}

// Prepares the next attempt as the rule says. False where that is impossible; t then has failed.
bool Decider::apply_rule(TaskId t, const RecoverRule& rule, const Failure& f) {
  if (!rule.set.source().is_null()) {
    auto set = rule.set.render(RunScope(run_, t, ctx_, this));
    if (!set.ok() || !set->is_object()) {
      give_up(
          t, Reason::expression, f.failure_class,
          str("recover.set: ", set.ok() ? std::string("expected an object") : set.error().message,
              "; it was to recover from: ", f.message));
      settle_later(t);
      return false;
    }
    Json& params = extra(t).params;
    if (params.is_null()) params = Json::object();
    for (const auto& [key, value] : set->as_object())
      params.set(key, value);
    event(EventKind::changed, kNoTask, str(run_.path(t), ": params ", set->dump()));
  }
  TaskExtra& x = extra(t);
  x.resume = rule.resume;
  x.before = rule.run;
  return true;
}

// The task asked to be tried later: costs no attempt, and takes as long as its queue timeout lets
// it. (move() keeps the time since which it is queued.)
void Decider::postpone(TaskId t, const Failure& f) {
  const TaskDef& def = run_.def(t);
  move(t, TaskState::retrying, Reason::try_later, f.message);
  Time next = ctx_.now + backoff(def.retry, kLongest, *ctx_.random);
  auto limit = def.timeout.queue;
  if (limit.count() == 0 || next <= run_.rows[t].queued + limit) return arm(t, next);
  give_up(t, Reason::queue_timeout, FailureClass::timeout,
          str("asked to be tried later for longer than its queue timeout of ",
              print_duration(limit), f.message.empty() ? "" : str(": ", f.message)));
  settle_later(t);
}

void Decider::call_person(TaskId t, const Failure& f) {
  move(t, TaskState::retrying, Reason::needs_person, f.message);
  if (extra(t).wake != kNever) arm(t, kNever);  // a child run's timeout
  if (run_.state != RunState::running && run_.state != RunState::recovering) return;
  run_.before_pause = RunState::running;
  run_.pause_reason = str(run_.path(t), ": ", to_string(f.failure_class), ": ", f.message);
  move_run(RunState::paused, run_.pause_reason);
}

void Decider::fail_attempt(TaskId t, const Failure& f) {
  const TaskDef& def = run_.def(t);
  TaskRow& r = run_.rows[t];
  TaskExtra& x = extra(t);
  x.error = f.message;
  x.failure = f.failure_class;
  x.exit_code = f.exit_code;
  x.resume = Resume::checkpoint;  // what an earlier rule wanted held for one attempt
  x.before.clear();
  if (r.cancel_asked && !PAWL_MUTANT(cancelled_attempt_retried)) {
    move(t, TaskState::cancelled, Reason::cancelled, f.message);
    return settle_later(t);
  }
  if (f.try_later && !PAWL_MUTANT(try_later_counts)) return postpone(t, f);
  r.failures = one_more(r.failures);
  bool no_retry = f.no_retry && !PAWL_MUTANT(no_retry_retried);
  const RecoverRule* rule = no_retry ? nullptr : choose_rule(t, f.failure_class);
  if (rule && !apply_rule(t, *rule, f)) return;
  RecoverAction action = no_retry ? RecoverAction::fail
                         : rule   ? rule->action
                                  : default_action(f.failure_class);
  auto most = def.retry.max_attempts;
  if (r.failures == most && PAWL_MUTANT(retry_off_by_one)) ++most;
  if (r.failures + 1u == most && PAWL_MUTANT(retry_too_few)) --most;
  if (action == RecoverAction::retry && !rule && r.failures >= most) {
    action = RecoverAction::fail;
  }
  // A run that is being cancelled ends; it does not wait for somebody to resume it.
  if (action == RecoverAction::pause && run_.cancelling) action = RecoverAction::fail;
  switch (action) {
    case RecoverAction::fail:
      give_up(t, Reason::error, f.failure_class, f.message);
      return settle_later(t);
    case RecoverAction::pause:
      return call_person(t, f);
    case RecoverAction::retry:
      move(t, TaskState::retrying, Reason::backoff, f.message);
      if (PAWL_MUTANT(retry_no_backoff)) return arm(t, ctx_.now);
      return arm(t, ctx_.now + backoff(def.retry, r.failures, *ctx_.random));
  }
}

void Decider::forget_failure(TaskId t) {
  const TaskExtra* x = run_.extra(t);
  if (!x || (x->error.empty() && x->failure == FailureClass::none)) return;
  TaskExtra& changed = extra(t);
  changed.error.clear();
  changed.failure = FailureClass::none;
  changed.exit_code = 0;
}

void Decider::lose_attempt(TaskId t) {
  TaskRow& r = run_.rows[t];
  r.losses = one_more(r.losses);
  if (PAWL_MUTANT(loss_counts_as_failure)) r.failures = one_more(r.failures);
  if (PAWL_MUTANT(event_gap)) ++run_.next_seq;
  if (r.cancel_asked) {
    // Nobody is left to say whether its processes are gone.
    move(t, TaskState::cancelled, Reason::cancel_unconfirmed,
         "its worker vanished while it was cancelled");
    return settle_later(t);
  }
  if (r.losses > ctx_.limits.max_losses) {
    return fail_attempt(t, {FailureClass::lost,
                            str("its worker vanished ", r.losses, " times; given up"), 0, true});
  }
  for (const RecoverRule& rule : run_.def(t).recover) {
    if (rule.matches(FailureClass::lost)) {  // the workflow has a word on it: that holds
      return fail_attempt(t, {FailureClass::lost, "its worker vanished"});
    }
  }
  extra(t).failure = FailureClass::lost;
  // The first loss is most likely not the task's doing: it starts again at once.
  if (r.losses == 1) return enqueue(t, Reason::lost);
  move(t, TaskState::retrying, Reason::lost, "its worker vanished");
  RetryPolicy slow;
  arm(t, ctx_.now + backoff(slow, r.losses, *ctx_.random));
}

}  // namespace pawl::core
