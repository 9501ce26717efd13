// The checks without which a simulation says nothing: what came to rest, what was acknowledged, and
// whether each run's events tell the story of its rows.
#include <set>
#include <tuple>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

template <typename F>
void each_run(const Stores& stores, const F& see) {
  for (std::uint32_t n = 0; n < stores.count(); ++n) {
    RunId last = stores.last_run(n);
    for (std::int64_t i = 1; i <= last.value; ++i) {
      if (const core::Run* run = stores.run(n, RunId(i))) see(n, *run);
    }
  }
}

std::string name_of(std::uint32_t node, RunId run) {
  return str("node ", node, " run ", run.value);
}

bool dead(const core::Run& run, TaskId t) {
  return run.is_child(t) && run.fan_out_of_child(t).dead;
}

}  // namespace

void check_breaches(const History& history, const Stores&, Problems& problems) {
  for (const auto& text : history.breaches)
    problems.add(text);
}

// I12: once the faults have ended everything comes to its end within the bound.
void check_ends(const History& history, const Stores& stores, Problems& problems) {
  if (!history.rested) {
    problems.add(str("the world did not come to rest within ",
                     format_duration(history.ended.t - history.healed.t), " of the last fault"));
  }
  each_run(stores, [&](std::uint32_t node, const core::Run& run) {
    if (is_final(run.state)) return;
    std::string open;
    for (TaskId t = 0; t < run.task_count(); ++t) {
      const auto& row = run.rows[t];
      if (is_final(row.state) || dead(run, t)) continue;
      open += str(" ", run.path(t), ":", to_string(row.state), "(", to_string(row.reason), ")");
      if (row.lease) open += str(" attempt ", row.attempt, " worker ", row.worker.value);
    }
    problems.add(str(name_of(node, run.id), " of ", run.workflow().name, " never ends: ",
                     to_string(run.state), run.key.empty() ? "" : " key ", run.key, open));
  });
  for (const Request& r : history.requests) {
    bool repeated = r.kind == RequestKind::define || !r.key.empty();
    if (repeated && !r.known()) {
      problems.add(str("request ", r.number, " (", to_string(r.kind), " ", r.name,
                       ") was never answered, though sent ", r.sent, " times"));
    }
  }
}

// I1: every acknowledged id is present; the same key is the same run.
void check_acknowledged(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, std::string>, RunId> by_key;
  for (const Request& r : history.requests) {
    for (const Answer& a : r.answers) {
      if (!a.ok) continue;
      if (r.kind == RequestKind::define) {
        auto row = stores.store(r.node).load_workflow(a.workflow);
        if (!row.ok() || !*row || (*row)->text != r.text) {
          problems.add(str("node ", r.node, " workflow ", r.name,
                           " was acknowledged and is lost or changed"));
        }
        continue;
      }
      if (!stores.run(r.node, a.run)) {
        problems.add(
            str(name_of(r.node, a.run), " was acknowledged (", to_string(r.kind), ") and is lost"));
      }
      if (r.key.empty()) continue;
      auto [known, fresh] = by_key.try_emplace({r.node, r.key}, a.run);
      if (!fresh && known->second != a.run) {
        problems.add(str("key ", r.key, " at node ", r.node, " is run ", known->second.value,
                         " and run ", a.run.value));
      }
    }
  }
}

// I3, I10: events are numbered without gap, each move is one of the tables, and they end where the
// rows are.
void check_story(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& story : stores.stories(history)) {
    const core::Run& run = *story.run;
    auto say = [&](const std::string& what) { problems.add(str(story.name(), ": ", what)); };
    std::uint64_t seq = 0;
    core::RunState state = core::RunState::pending;
    std::map<TaskId, core::TaskState> tasks;
    // A recovered run begins with the rows of the one that it came from.
    for (TaskId t = 0; t < story.began.tasks.size(); ++t)
      tasks[t] = story.began.tasks[t];
    for (const core::Event& e : stores.events(story.node, run.id)) {
      if (e.seq != ++seq) say(str("event ", e.seq, " where ", seq, " was due"));
      if (e.kind == core::EventKind::run_state) {
        auto cause = is_final(state) ? core::Cause::recover : core::Cause::progress;
        bool first = run.source && state == core::RunState::pending;
        if (!first && !may_move(state, e.run_state, cause)) {
          say(str("went from ", to_string(state), " to ", to_string(e.run_state)));
        }
        state = e.run_state;
      } else if (e.kind == core::EventKind::task_state) {
        bool known = tasks.count(e.task) > 0;
        auto& from = tasks[e.task];
        auto cause = is_final(from) ? core::Cause::recover : core::Cause::progress;
        // A run made of an older one begins with what it takes over; no event says so.
        bool taken_over = e.reason == core::Reason::reused || (run.source && !known);
        if (!taken_over && !may_move(from, e.task_state, cause)) {
          say(str("task ", run.path(e.task), " went from ", to_string(from), " to ",
                  to_string(e.task_state)));
        }
        from = e.task_state;
      }
    }
    if (seq + 1 != run.next_seq) {
      say(str("its last event is ", seq, ", its next number ", run.next_seq));
    }
    if (state != run.state) {
      say(str("its events end in ", to_string(state), ", it is ", to_string(run.state)));
    }
    for (const auto& [task, last] : tasks) {
      if (!dead(run, task) && last != run.rows[task].state) {
        say(str("task ", run.path(task), ": its events end in ", to_string(last), ", it is ",
                to_string(run.rows[task].state)));
      }
    }
  }
}

// I2: a task completes once an attempt, and only where a body ran to its end.
void check_completions(const History& history, const Stores& stores, Problems& problems) {
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::set<Key> ran;
  for (const Execution& e : history.executions) {
    if (e.end == Execution::End::completed) {
      ran.insert({e.node, e.fence.run, e.fence.task, e.fence.attempt});
    }
  }
  each_run(stores, [&](std::uint32_t node, const core::Run& run) {
    std::set<std::pair<TaskId, Attempt>> seen;
    for (const core::Event& e : stores.events(node, run.id)) {
      if (e.kind != core::EventKind::task_state || e.task_state != core::TaskState::completed ||
          e.reason == core::Reason::reused || run.is_fan_out(e.task) ||
          run.def(e.task).executor != core::Executor::worker) {
        continue;
      }
      auto what = str(name_of(node, run.id), " task ", run.path(e.task), " attempt ", e.attempt);
      if (!seen.insert({e.task, e.attempt}).second) problems.add(what + " completed twice");
      if (!ran.count({node, run.id, e.task, e.attempt})) {
        problems.add(what + " completed, but no body ran to its end");
      }
    }
  });
}

}  // namespace pawl::sim
