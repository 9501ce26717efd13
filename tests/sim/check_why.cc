// Why: the reason that is given for a task agrees with what the stored run says, found out anew.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "core/why.h"
#include "tests/sim/check.h"
#include "tests/sim/snapshot.h"

namespace pawl::sim {
namespace {

using core::Executor;
using core::Reason;
using core::RunState;
using core::TaskState;
using core::Why;

class Doubt {
 public:
  Doubt(const core::Run& run, std::string where, Problems& problems)
      : run_(run), where_(std::move(where)), problems_(problems) {}

  void task(const Why& w) {
    if (w.state != run_.rows[w.task].state) say(w, "names another state");
    if (w.text.empty()) say(w, "says nothing");
    switch (run_.rows[w.task].state) {
      case TaskState::pending:
        return pending(w);
      case TaskState::queued:
        if (run_.state == RunState::paused && w.reason != Reason::paused) {
          say(w, "does not say that the run is paused");
        }
        return;
      case TaskState::waiting:
        return waiting(w);
      case TaskState::retrying:
        return retrying(w);
      case TaskState::skipped:
        return skipped(w);
      default:
        return;
    }
  }

  // A completed task has no failure to tell of.
  void completed(TaskId t) {
    const core::TaskExtra* x = run_.extra(t);
    if (!x || (x->error.empty() && x->failure == core::FailureClass::none)) return;
    if (run_.is_fan_out(t) || run_.def(t).executor == Executor::group) return;
    problems_.add(str(where_, " ", run_.path(t), " completed and still tells of: ", x->error));
  }

 private:
  void say(const Why& w, const std::string& text) {
    problems_.add(str(where_, " why ", w.path, " (", to_string(w.state), ", ", to_string(w.reason),
                      "): ", w.text, ": it ", text));
  }
  bool open(TaskId t) const { return !is_final(run_.rows[t].state); }

  void pending(const Why& w) {
    std::set<std::string> open_needs;
    if (!run_.is_child(w.task)) {
      for (TaskId n : run_.workflow().needs(w.task)) {
        if (open(n)) open_needs.insert(run_.path(n));
      }
    }
    TaskId parent = run_.parent_of(w.task);
    bool closed = parent != kNoTask && run_.rows[parent].state == TaskState::pending;
    switch (w.reason) {
      case Reason::needs: {
        std::set<std::string> named(w.blockers.begin(), w.blockers.end());
        if (named != open_needs)
          say(w, str("names ", named.size(), " blockers; ", open_needs.size(), " needs are open"));
        return;
      }
      case Reason::not_admitted:
        if (run_.admitted) say(w, "says that the run has not begun");
        return;
      case Reason::group_closed:
        if (!closed) say(w, "says that its group has not begun");
        return;
      case Reason::main_phase: {
        auto roots = run_.workflow().roots();
        if (std::none_of(roots.begin(), roots.end(), [&](TaskId t) { return open(t); })) {
          say(w, "says that others have not ended");
        }
        return;
      }
      case Reason::max_parallel: {
        const core::FanOut& f = run_.fan_out_of_child(w.task);
        std::uint32_t active = 0;
        for (TaskId c = f.first; c < f.first + f.count; ++c)
          active += open(c) && (run_.rows[c].state != TaskState::pending || c - f.first < f.next);
        if (active < run_.def(w.task).max_parallel) say(w, "says that max_parallel is reached");
        return;
      }
      case Reason::paused:
        if (run_.state != RunState::paused) say(w, "says that the run is paused");
        return;
      default:
        if (!open_needs.empty() && !closed && run_.admitted) say(w, "does not name what it needs");
    }
  }

  void waiting(const Why& w) {
    Executor executor = run_.def(w.task).executor;
    Reason due = executor == Executor::sleep  ? Reason::sleep
                 : executor == Executor::gate ? Reason::gate
                                              : Reason::child_run;
    if (w.reason != due) say(w, str("should be ", to_string(due)));
    if (executor == Executor::sleep && w.until == kNever) say(w, "does not say until when");
  }

  void retrying(const Why& w) {
    bool timed =
        w.reason == Reason::backoff || w.reason == Reason::try_later || w.reason == Reason::lost;
    if (timed && w.until == kNever) say(w, "does not say until when");
    if (w.reason == Reason::paused && run_.state != RunState::paused) {
      say(w, "says that the run is paused");
    }
  }

  void skipped(const Why& w) {
    if (run_.is_child(w.task)) return;
    auto needs = run_.workflow().needs(w.task);
    auto some = [&](auto&& is) { return std::any_of(needs.begin(), needs.end(), is); };
    auto state = [&](TaskId t) { return run_.rows[t].state; };
    bool by_failure = some([&](TaskId n) {
      return state(n) == TaskState::failed ||
             (state(n) == TaskState::skipped && run_.rows[n].reason == Reason::upstream_failed);
    });
    TaskId parent = run_.parent_of(w.task);
    bool with_group = parent != kNoTask && is_final(state(parent));
    if (w.reason == Reason::upstream_failed && !by_failure && !with_group) {
      say(w, "blames a failure that there is not");
    }
    if (w.reason == Reason::upstream_skipped &&
        !some([&](TaskId n) { return state(n) == TaskState::skipped; })) {
      say(w, "blames a skip that there is not");
    }
  }

  const core::Run& run_;
  std::string where_;
  Problems& problems_;
};

}  // namespace

void doubt_why(const core::Run& run, const std::vector<Why>& answers, const std::string& where,
               Problems& problems) {
  Doubt doubt(run, where, problems);
  for (const Why& w : answers) {
    if (w.task != kNoTask) doubt.task(w);
  }
  for (TaskId t = 0; t < run.task_count(); ++t) {
    bool dead = run.is_child(t) && run.fan_out_of_child(t).dead;
    if (run.rows[t].state == TaskState::completed && !dead) doubt.completed(t);
  }
}

void check_why(const History& history, const Stores& stores, Problems& problems) {
  each_snapshot(history, stores, [&](const Snapshot& snap) {
    const core::Run& run = snap.run;
    auto where = str("node ", snap.node, " run ", run.id.value, " version ", run.version);
    core::Situation situation;
    for (const auto& lane : run.plan->lanes)
      situation.queues.push_back({lane.queue, 1, 0});
    auto answers = core::why_all(run, situation, wall_clock(history, snap.node, snap.at));
    doubt_why(run, answers, where, problems);
  });
}

}  // namespace pawl::sim
