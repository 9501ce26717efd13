// Why a task ended as it did, with the task that is to blame; and why the run is where it is.
#include <algorithm>

#include "base/text.h"
#include "core/why_asker.h"

namespace pawl::core {
namespace {

constexpr int kMostHops = 10'000;  // of a chain of skips

}  // namespace

// The members that made a group or fan-out end so: the first leaf with its error, and how many.
void WhyAsker::blame_members(Why& w, TaskState ended_as) const {
  TaskId at = w.task;
  std::vector<std::string> names;
  std::size_t total = 0;
  while (holds_others(at)) {
    TaskId first = kNoTask;
    auto look = [&](TaskId m) {
      if (row(m).state != ended_as) return;
      bool allowed = run_.def(m).allow_failure && !run_.is_child(m);
      if (ended_as == TaskState::failed && allowed) return;
      if (first == kNoTask) first = m;
      if (at != w.task) return;
      ++total;
      if (names.size() < 3) names.push_back(run_.path(m));
    };
    if (const FanOut* f = run_.fan_out_of(at)) {
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        look(c);
    } else {
      for (TaskId m : run_.workflow().members(at))
        look(m);
    }
    if (first == kNoTask) break;
    at = first;
    if (row(at).reason != Reason::members) break;
  }
  w.text = str(to_string(ended_as), " because of ", some_of(names, total));
  auto error = last_error(at);
  if (at != w.task && !error.empty()) w.text += str(": ", run_.path(at), ": ", error);
  w.blockers = std::move(names);
}

void WhyAsker::failed(Why& w) const {
  const TaskExtra* x = run_.extra(w.task);
  auto error = last_error(w.task);
  w.unblock = again(w.task);
  switch (row(w.task).reason) {
    case Reason::members:
      return blame_members(w, TaskState::failed);
    case Reason::expression:
      w.text = str("an expression of it could not be evaluated: ", error);
      return;
    case Reason::queue_timeout:
      w.text = str("it did not start in time: ", error);
      return;
    case Reason::rejected:
      w.text = x && !x->note.empty() ? in_brief(x->note)
               : error.empty()       ? "rejected"
                                     : str("rejected: ", error);
      w.blockers = {"a person"};
      return;
    default:
      break;
  }
  auto attempts = row(w.task).attempt;
  w.text =
      attempts == 0 ? str("failed: ", error) : str("failed at attempt ", attempts, ": ", error);
  if (x && x->exit_code != 0) {
    w.text += x->exit_code > 0 ? str(" (exit code ", x->exit_code, ")")
                               : str(" (signal ", -x->exit_code, ")");
  }
}

// The task at the head of a chain of skips: the one that failed, was cancelled, or had a false
// condition.
TaskId WhyAsker::cause_of_skip(TaskId t) const {
  for (int hop = 0; hop < kMostHops; ++hop) {
    const TaskRow& r = row(t);
    if (r.state != TaskState::skipped || r.reason == Reason::condition) return t;
    TaskId parent = run_.parent_of(t), next = kNoTask;
    for (TaskId n : run_.workflow().needs(run_.definition(t))) {
      const TaskRow& need = row(n);
      bool blamed = false;
      if (r.reason == Reason::upstream_failed) {
        blamed = need.state == TaskState::failed || need.reason == Reason::upstream_failed;
      } else if (r.reason == Reason::upstream_cancelled) {
        blamed = need.state == TaskState::cancelled || need.reason == Reason::upstream_cancelled;
      } else if (r.reason == Reason::upstream_skipped) {
        blamed = need.state == TaskState::skipped;
      }
      if (blamed) {
        next = n;
        break;
      }
    }
    // Members that never opened ended with their group.
    if (next == kNoTask && parent != kNoTask && is_final(row(parent).state)) next = parent;
    if (next == kNoTask) return t;
    t = next;
  }
  return t;
}

void WhyAsker::skipped(Why& w) const {
  const TaskDef& def = run_.def(w.task);
  if (row(w.task).reason == Reason::condition || row(w.task).reason == Reason::none) {
    if (holds_others(w.task) && row(w.task).started != kNoTime) {
      w.text = "every member of it was skipped";
    } else {
      w.text = str("its condition was false",
                   def.condition ? str(": ", in_brief(def.condition->text())) : "");
    }
    w.unblock = is_final(run_.state) ? command("recover", w.task, "--from") : "";
    return;
  }
  TaskId cause = cause_of_skip(w.task);
  auto name = run_.path(cause);
  auto error = last_error(cause);
  auto of_cause = error.empty() ? error : str(" (", error, ")");
  w.blockers = {name};
  w.unblock = again(cause);
  switch (row(w.task).reason) {
    case Reason::upstream_failed:
      w.text = str("skipped because ", name, " failed", of_cause);
      break;
    case Reason::upstream_cancelled:
      w.text = str("skipped because ", name, " was cancelled");
      break;
    case Reason::group_skipped:
      w.text =
          str("skipped with its group: ", name, " was ", to_string(row(cause).state), of_cause);
      break;
    default:
      w.text = str("skipped because ", name, " was skipped");
  }
  if (row(cause).state == TaskState::skipped && cause != w.task) {
    if (const auto& c = run_.def(cause).condition) {
      w.text += str(" (its condition was false: ", in_brief(c->text()), ")");
    }
    w.unblock = is_final(run_.state) ? command("recover", cause, "--from") : "";
  }
}

void WhyAsker::cancelled(Why& w) const {
  w.unblock = again(w.task);
  if (row(w.task).reason == Reason::members) return blame_members(w, TaskState::cancelled);
  bool began = row(w.task).attempt > 0 || row(w.task).started != kNoTime;
  w.text = str("cancelled ", began ? "while it was under way" : "before it began");
  if (row(w.task).reason == Reason::cancel_unconfirmed) {
    w.text += "; its worker could not confirm that every process of it is gone";
    w.blockers = {"its processes"};
  }
}

void WhyAsker::run_paused(Why& w) const {
  w.reason = Reason::paused;
  auto runs = run_.counts[static_cast<std::size_t>(TaskState::running)];
  for (TaskId t = 0; runs > 0 && t < run_.workflow().task_count(); ++t) {
    if (row(t).state == TaskState::running && holds_others(t)) --runs;
  }
  w.text = str("the run is paused",
               run_.pause_reason.empty() ? "" : str(" (", in_brief(run_.pause_reason), ")"));
  if (runs > 0) w.text += str("; what runs, ends: ", runs, runs == 1 ? " task" : " tasks");
  for (TaskId t = 0; t < run_.task_count(); ++t) {
    if (row(t).state == TaskState::retrying && row(t).reason == Reason::needs_person) {
      w.reason = Reason::needs_person;
      w.blockers.push_back(run_.path(t));
      if (w.blockers.size() == 3) break;
    }
  }
  w.unblock = command("resume");
}

// What a run that goes on waits for: its running tasks, else the task that is nearest to moving.
void WhyAsker::run_moving(Why& w) const {
  std::size_t busy = 0;
  std::vector<std::string> names;
  TaskId best = kNoTask;
  int best_rank = 0;
  for (TaskId t = 0; t < run_.task_count(); ++t) {
    const TaskRow& r = row(t);
    if (r.state == TaskState::running && !holds_others(t)) {
      if (busy++ < 3) names.push_back(run_.path(t));
    }
    bool gate = r.state == TaskState::waiting && r.reason == Reason::gate;
    int rank = gate                             ? 4
               : r.state == TaskState::queued   ? 3
               : r.state == TaskState::retrying ? 2
               : r.state == TaskState::waiting  ? 1
                                                : 0;
    if (rank > best_rank) best = t, best_rank = rank;
  }
  std::string prefix = run_.cancelling ? "the run is being cancelled" : "the run goes on";
  if (busy > 0) {
    w.text = str(prefix, ": ", some_of(names, busy), busy == 1 ? " runs" : " run");
    w.unblock = str("the end of ", names[0]);
    w.blockers = std::move(names);
    if (run_.cancelling) w.reason = Reason::cancelled;
    return;
  }
  if (best == kNoTask) {
    w.text = prefix;
    return;
  }
  Why inner = task(best);
  w.reason = inner.reason;
  w.text = str(prefix, "; ", inner.path, " is ", to_string(inner.state), ": ", inner.text);
  w.blockers = {inner.path};
  w.unblock = inner.unblock;
  w.until = inner.until;
}

void WhyAsker::run_ended(Why& w) const {
  if (run_.state == RunState::completed) {
    w.text = run_.verdict == Verdict::none
                 ? std::string("the run is completed")
                 : str("the run is completed with verdict ", to_string(run_.verdict));
    return;
  }
  w.unblock = command("retry");
  if (run_.state == RunState::cancelled) {
    w.reason = Reason::cancelled;
    w.text =
        run_.started == kNoTime ? "the run was cancelled before it began" : "the run was cancelled";
    return;
  }
  w.reason = run_.rejected ? Reason::rejected : Reason::error;
  w.text = str("the run failed: ", in_brief(run_.error));
  for (TaskId t = 0; t < run_.task_count() && w.blockers.size() < 3; ++t) {
    if (row(t).state == TaskState::failed && !holds_others(t)) w.blockers.push_back(run_.path(t));
  }
}

}  // namespace pawl::core
