// Retry and recovery rules, played again from what workers reported and what the file says: which
// failures lead to another attempt, after which wait, and which to the end. (docs/workflow-file.md
// and docs/reference/failures.md are the law here.)
#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::FailureClass;
using core::Reason;
using core::RecoverAction;
using core::TaskState;

// What a task has used up since it began, or was reopened.
struct Budget {
  std::uint32_t failures = 0, losses = 0;
  std::vector<std::uint32_t> uses;  // of its rules
  Time since = kNoTime;             // when it began to wait
  Duration least{0}, most{0};       // how long it must
};

struct Due {
  TaskState state = TaskState::failed;
  Reason reason = Reason::error;
};

class Retries {
 public:
  Retries(const RunStory& s, Problems& problems) : s_(s), problems_(problems) {}

  void follow(const std::map<std::pair<TaskId, Attempt>, const core::Report*>& failed) {
    s_.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::changed && e.text.starts_with("cancelled")) cancelling_ = true;
      if (e.kind == EventKind::run_state && e.run_state == core::RunState::recovering) {
        cancelling_ = false;
      }
      if (e.kind != EventKind::task_state) return;
      if (!s_.by_worker(e.task)) return;
      TaskState from = before.tasks[e.task];
      Budget& b = budgets_[e.task];
      if (from == TaskState::retrying) ended_wait(e, before.reasons[e.task], b);
      if (is_final(from)) b = Budget{};
      if (from != TaskState::running) return;
      if (e.reason == Reason::lost) {
        ++b.losses;
        if (e.task_state == TaskState::retrying) {
          begin_wait(e, b, core::RetryPolicy{}, std::min(b.losses, 32u));
        }
        return;
      }
      if (e.text.starts_with("its worker vanished") && e.task_state != TaskState::cancelled) {
        core::Report lost;  // a rule for `lost` holds, or it was lost too often
        lost.failure_class = FailureClass::lost;
        lost.no_retry = e.text.ends_with("given up");
        return after_failure(e, lost, b);
      }
      auto report = failed.find({e.task, before.attempts[e.task]});
      if (report != failed.end() && e.reason != Reason::released) {
        after_failure(e, *report->second, b);
      }
    });
  }

 private:
  void problem(TaskId t, std::string text) { problems_.add(str(s_.name(t), text)); }

  // Factor and bounds of the n-th wait.
  void begin_wait(const core::Event& e, Budget& b, const core::RetryPolicy& p, std::uint32_t n) {
    double us = static_cast<double>(p.first.count());
    for (std::uint32_t i = 1; i < n && us < static_cast<double>(p.max.count()); ++i)
      us *= p.factor;
    us = std::min(us, static_cast<double>(p.max.count()));
    b.since = e.time;
    b.most = Duration(static_cast<std::int64_t>(us));
    b.least = Duration(static_cast<std::int64_t>(us * (1.0 - p.jitter)) - 1);
  }

  void ended_wait(const core::Event& e, Reason was, Budget& b) {
    if (e.task_state != TaskState::queued) return;
    if (was == Reason::needs_person) {
      b.failures = 0;  // a person saw to it
      return;
    }
    if (b.since != kNoTime && e.time - b.since < b.least) {
      problem(e.task, str(" was queued again ", format_duration(e.time - b.since), " after ",
                          to_string(was), "; it had to wait ", format_duration(b.least)));
    }
    b.since = kNoTime;
  }

  Due due_after(const core::Report& r, TaskId t, Budget& b) {
    const core::TaskDef& def = s_.run->def(t);
    if (r.no_retry) return {TaskState::failed, Reason::error};
    FailureClass c = r.failure_class == FailureClass::none ? FailureClass::user : r.failure_class;
    b.uses.resize(def.recover.size());
    for (std::size_t i = 0; i < def.recover.size(); ++i) {
      const core::RecoverRule& rule = def.recover[i];
      if (!rule.matches(c)) continue;
      std::uint32_t most = rule.max ? rule.max : rule.action == RecoverAction::retry ? 3 : 0;
      if (most > 0 && b.uses[i] >= most) continue;
      ++b.uses[i];
      if (rule.action == RecoverAction::fail) return {TaskState::failed, Reason::error};
      if (rule.action == RecoverAction::retry) return {TaskState::retrying, Reason::backoff};
      if (cancelling_) return {TaskState::failed, Reason::error};
      return {TaskState::retrying, Reason::needs_person};
    }
    if (c == FailureClass::auth || c == FailureClass::host_key) {
      if (cancelling_) return {TaskState::failed, Reason::error};
      return {TaskState::retrying, Reason::needs_person};
    }
    if (b.failures < def.retry.max_attempts) return {TaskState::retrying, Reason::backoff};
    return {TaskState::failed, Reason::error};
  }

  void after_failure(const core::Event& e, const core::Report& r, Budget& b) {
    if (e.task_state == TaskState::cancelled || e.reason == Reason::expression) return;
    const core::TaskDef& def = s_.run->def(e.task);
    if (r.try_later) {
      bool waits = e.task_state == TaskState::retrying && e.reason == Reason::try_later;
      if (!waits) problem(e.task, str(" asked to be tried later and became ", said(e)));
      return begin_wait(e, b, def.retry, 64);
    }
    ++b.failures;
    Due due = due_after(r, e.task, b);
    if (e.task_state != due.state || e.reason != due.reason) {
      problem(e.task, str(" attempt ", e.attempt, " failed (failure ", b.failures, " of ",
                          def.retry.max_attempts, ", class ", to_string(r.failure_class),
                          r.no_retry ? ", not to be retried" : "", ") and became ", said(e),
                          "; due was ", to_string(due.state), "(", to_string(due.reason), ")"));
    }
    if (e.task_state == TaskState::retrying) begin_wait(e, b, def.retry, b.failures);
  }

  static std::string said(const core::Event& e) {
    return str(to_string(e.task_state), "(", to_string(e.reason), ")");
  }

  const RunStory& s_;
  Problems& problems_;
  bool cancelling_ = false;
  std::map<TaskId, Budget> budgets_;
};

}  // namespace

void check_retries(const History& history, const Stores& stores, Problems& problems) {
  using Key = std::pair<TaskId, Attempt>;
  std::map<std::pair<std::uint32_t, RunId>, std::map<Key, const core::Report*>> failed;
  for (const PortCall& c : history.calls) {
    if (c.kind != PortCall::Kind::report || !c.report) continue;
    if (c.report->kind != core::ReportKind::failed) continue;
    failed[{c.node, c.fence.run}].try_emplace({c.fence.task, c.fence.attempt}, c.report.get());
  }
  for (const RunStory& s : stores.stories(history)) {
    if (s.source) continue;  // its budgets began elsewhere
    Retries(s, problems).follow(failed[{s.node, s.run->id}]);
  }
}

}  // namespace pawl::sim
