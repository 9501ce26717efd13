// I7: what waits for a time is never early, and, once the faults have ended, hardly late. Times are
// those of the node's wall clock, as its events carry them: a clock that jumps takes its timers
// along.
#include <map>
#include <set>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Executor;
using core::Reason;
using core::RunState;
using core::TaskState;

constexpr Duration kLate = std::chrono::seconds(5);

Duration duration_at(const Json& with, const char* key) {
  const Json& v = with[key];
  if (!v.is_string()) return Duration{0};
  auto d = parse_duration(v.as_string());
  return d.ok() ? *d : Duration{0};
}

class Timers {
 public:
  Timers(const History& history, const RunStory& s, Problems& problems)
      : history_(history), s_(s), problems_(problems) {
    // Only what falls due when the world is sound, and stays so, can be called late.
    if (history.healed) sound_ = wall_clock(history, s.node, history.healed) + 4 * kLate;
    for (const WallClock& c : history.clocks) {
      if (c.node == s.node) jumped_ = std::max(jumped_, c.at.n);
    }
    for (const Fault& f : history.faults)
      unreadable_ |= f.node == s.node && f.kind == FaultKind::read_fails;
  }

  void follow() {
    s_.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::run_state) {
        if ((before.run == RunState::paused) != (e.run_state == RunState::paused)) {
          paused_until_ = e.time;
          for (TaskId t = 0; t < before.tasks.size(); ++t) {
            if (before.tasks[t] == TaskState::queued) since_[t] = e.time;  // its time counts anew
          }
        }
        return;
      }
      if (e.kind == EventKind::gate_decided) {
        now_ = step.commit;
        return gate_decided(e, before);
      }
      if (e.kind != EventKind::task_state) return;
      now_ = step.commit;
      move(e, before);
      began_[e.task] = {e.time, step.commit};
      // A timer that was set before the clock jumped is late by as much.
      if (decided_after_jump(step.commit)) steady_.insert(e.task);
    });
  }

 private:
  // What a commit holds was decided after the one before it had begun.
  bool decided_after_jump(CommitIndex at) const {
    if (jumped_ == 0) return true;
    while (at != kNoCommit && at-- > 0) {
      if (history_.commits[at].node == s_.node) return history_.commits[at].begun.n > jumped_;
    }
    return false;
  }
  void early(TaskId t, const char* what, Duration by) {
    problems_.add(str(s_.name(t), ": its ", what, " was ", format_duration(by), " too early"));
  }
  void check(TaskId t, const char* what, Time due, Time came, bool held_up) {
    if (came < due) early(t, what, due - came);
    if (!held_up) passed_over(t, what, due);
    if (held_up || !steady_.count(t) || sound_ == kNoTime || due < sound_ || came - due <= kLate)
      return;
    problems_.add(str(s_.name(t), ": its ", what, " was ", format_duration(came - due), " late"));
  }

  // Also while there are faults: a node that has committed something else since a timer of its was
  // due has passed it over. (One whose store cannot be read may.)
  void passed_over(TaskId t, const char* what, Time due) {
    CommitIndex from = began_[t].second;
    if (!began_.count(t) || from == kNoCommit || !steady_.count(t) || unreadable_) return;
    Duration when = history_.commits[from].begun.t + (due - began_[t].first) + kLate;
    for (CommitIndex c = from + 1; c < std::min(now_, history_.commits.size()); ++c) {
      const Commit& commit = history_.commits[c];
      if (commit.node != s_.node || !commit.told_ok || commit.begun.t < when) continue;
      bool fresh = false;  // its engine may not have read the run yet
      for (const Life& l : history_.lives) {
        bool same = l.node == s_.node && l.number == commit.life;
        fresh |= same && commit.begun.t < l.started.t + kLate;
      }
      if (fresh) continue;
      problems_.add(str(s_.name(t), ": its ", what, " was due at ", format_duration(when - kLate),
                        " and was passed over at ", format_duration(commit.begun.t)));
      return;
    }
  }

  void move(const core::Event& e, const Scene& before) {
    TaskState from = before.tasks[e.task];
    const core::TaskDef& def = s_.run->def(e.task);
    Time& since = since_[e.task];
    if (from == TaskState::waiting && def.executor == Executor::sleep &&
        e.task_state == TaskState::completed && def.with.is_constant()) {
      const Json& with = def.with.source();
      Time due = since + duration_at(with, "for");
      if (const Json& until = with["until"]; until.is_string()) {
        auto time = parse_time(until.as_string());
        if (time.ok()) due = std::max(since, *time);
      }
      check(e.task, "sleep", due, e.time, false);
    }
    if (from == TaskState::queued && e.reason == Reason::queue_timeout) {
      if (before.run == RunState::paused) {
        problems_.add(str(s_.name(e.task), ": its queue timeout passed while the run was paused"));
      }
      check(e.task, "queue timeout", since + def.timeout.queue, e.time, false);
    }
    if (e.task_state == TaskState::retrying) {
      due_[e.task] = latest_end(e, def);
    } else if (from == TaskState::retrying && e.task_state == TaskState::queued) {
      bool person = before.reasons[e.task] == Reason::needs_person;
      if (!person && paused_until_ < waits_[e.task]) late(e);  // early ones: check_retries
    }
    if (e.task_state == TaskState::retrying) waits_[e.task] = e.time;
    // What puts itself off is queued since it first was.
    bool put_off = from == TaskState::retrying && before.reasons[e.task] == Reason::try_later;
    bool same = put_off || (from == TaskState::running && e.reason == Reason::try_later);
    bool claimed = from == TaskState::queued && e.task_state == TaskState::running;
    if (e.task_state == TaskState::queued && put_off) {
      since = queued_[e.task];
    } else if (!same && !claimed) {
      since = e.time;
      if (e.task_state == TaskState::queued) queued_[e.task] = e.time;
    }
  }

  // By when a retry must be queued at the latest.
  static Time latest_end(const core::Event& e, const core::TaskDef& def) {
    Duration most = e.reason == Reason::lost ? core::RetryPolicy{}.max : def.retry.max;
    return e.time + most;
  }
  void late(const core::Event& e) {
    Time due = due_[e.task];
    if (!steady_.count(e.task) || sound_ == kNoTime || due < sound_ || e.time - due <= kLate)
      return;
    problems_.add(str(s_.name(e.task), ": it was queued again ", format_duration(e.time - due),
                      " after its longest wait"));
  }

  // Timeouts decide as the file says, and when it says.
  void gate_decided(const core::Event& e, const Scene& before) {
    const core::TaskDef& def = s_.run->def(e.task);
    const Json& with = def.with.source();
    Duration timeout = duration_at(with, "timeout");
    if (!e.text.starts_with("timed out")) {
      if (timeout.count() > 0) passed_over(e.task, "timeout", since_[e.task] + timeout);
      return;
    }
    if (timeout.count() == 0 || before.tasks[e.task] != TaskState::waiting) {
      problems_.add(str(s_.name(e.task), " timed out; it has no timeout"));
      return;
    }
    check(e.task, "timeout", since_[e.task] + timeout, e.time, false);
  }

  const History& history_;
  const RunStory& s_;
  Problems& problems_;
  bool unreadable_ = false;
  CommitIndex now_ = 0;                                   // of the event that is looked at
  std::map<TaskId, std::pair<Time, CommitIndex>> began_;  // its last move
  std::uint64_t jumped_ = 0;                              // when the clock last did
  std::set<TaskId> steady_;                               // whose last move was after that
  Time sound_ = kNoTime, paused_until_ = kNoTime;
  std::map<TaskId, Time> since_, queued_, waits_, due_;
};

}  // namespace

void check_timers(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history))
    Timers(history, s, problems).follow();
}

namespace {

// What an open gate puts out is what one of those who approved it gave along.
void check_gate_outputs(const RunStory& s, const std::vector<const Request*>& asked,
                        Problems& problems) {
  for (TaskId t = 0; t < s.run->task_count(); ++t) {
    const core::TaskExtra* x = s.run->extra(t);
    if (s.run->def(t).executor != Executor::gate || s.run->is_fan_out(t) || s.dead(t)) continue;
    if (s.run->rows[t].state != TaskState::completed || s.source || !x) continue;
    if (x->note.starts_with("approved by its timeout")) continue;
    bool given = false;
    for (const Request* r : asked) {
      if (r->kind != RequestKind::approve) continue;
      bool all = x->output["approved"] == Json(true);
      const Json data = r->inputs.is_object() ? r->inputs : Json::object();
      for (const auto& [name, value] : data.as_object())
        all = all && x->output[name] == value;
      given |= all;
    }
    if (!given) problems.add(str(s.name(t), " put out ", x->output.dump(), "; nobody gave that"));
  }
}

}  // namespace

// What a gate's timeout leads to: `on_timeout`, and `reject` where nothing is said. What a person
// was not asked for does not open it.
void check_gates(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, RunId>, std::vector<const Request*>> asked;
  for (const Request& r : history.requests) {
    if (r.kind == RequestKind::approve || r.kind == RequestKind::reject) {
      asked[{r.node, r.run}].push_back(&r);
    }
  }
  for (const RunStory& s : stores.stories(history)) {
    check_gate_outputs(s, asked[{s.node, s.run->id}], problems);
    std::map<TaskId, bool> timed_out;
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::gate_decided) {
        timed_out[e.task] = e.text.starts_with("timed out");
        return;
      }
      if (e.kind != EventKind::task_state || before.tasks[e.task] != TaskState::waiting) return;
      if (s.run->def(e.task).executor != Executor::gate) return;
      bool opened = e.task_state == TaskState::completed;
      if (!opened && e.reason != Reason::rejected && e.reason != Reason::error) return;
      if (std::exchange(timed_out[e.task], false)) {
        const Json& then = s.run->def(e.task).with.source()["on_timeout"];
        std::string due = then.is_string() ? then.as_string() : "reject";
        if (opened != (due == "approve")) {
          problems.add(str(s.name(e.task), " timed out and became ", to_string(e.task_state),
                           "; on_timeout is ", due));
        }
        return;
      }
      std::uint32_t open = 0;
      for (TaskId t = 0; t < s.run->task_count(); ++t) {
        bool gate = s.run->def(t).executor == Executor::gate && !s.run->is_fan_out(t);
        open += gate && before.tasks[t] == TaskState::waiting;
      }
      bool wanted = false;
      for (const Request* r : asked[{s.node, s.run->id}]) {
        bool named = r->task == s.run->path(e.task) || (r->task.empty() && open == 1);
        wanted |= named && (r->kind == RequestKind::approve) == opened;
      }
      if (!wanted) {
        problems.add(str(s.name(e.task), " became ", to_string(e.task_state), " with ", open,
                         " gates open; nobody asked for that"));
      }
    });
  }
}

}  // namespace pawl::sim
