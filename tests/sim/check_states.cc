// What the store holds, write by write: versions, columns, counters, and rows that are what the
// events say. And states that roll up.
#include <map>
#include <tuple>

#include "base/text.h"
#include "tests/sim/check.h"
#include "tests/sim/snapshot.h"

namespace pawl::sim {
namespace {

using core::Cause;
using core::EventKind;
using core::RunState;
using core::TaskState;

}  // namespace

// I3: each write of a run raises its version by one, and what completed stays so. A store that one
// engine owns never meets a conflict.
void check_versions(const History& history, const Stores&, Problems& problems) {
  struct Last {
    std::uint64_t version = 0;
    RunState state = RunState::pending;
  };
  std::map<std::pair<std::uint32_t, RunId>, Last> runs;
  for (const Commit& c : history.commits) {
    if (c.told && !c.told_ok && c.told_code == Errc::conflict) {
      problems.add(str("node ", c.node, " life ", c.life,
                       ": the store met a conflict, though one engine owns it"));
    }
    if (!c.applied || !c.batch) continue;
    for (const auto& write : c.batch->runs) {
      const auto& h = write.header;
      auto [at, fresh] = runs.try_emplace({c.node, h.id});
      Last& last = at->second;
      auto where = str("node ", c.node, " run ", h.id.value, " version ", h.version);
      if (fresh != write.insert) problems.add(where + ": inserted twice, or never");
      if (h.version != last.version + 1) problems.add(str(where, " after ", last.version));
      if (last.state == RunState::completed && h.state != RunState::completed) {
        problems.add(str(where, ": it was completed and is ", to_string(h.state)));
      }
      if (h.open == is_final(h.state)) {
        problems.add(str(where, ": it is ", to_string(h.state), ", its column says ",
                         h.open ? "open" : "at its end"));
      }
      last = {h.version, h.state};
    }
  }
}

// Counters are what is counted; rows are what the events say; columns are what the rows say.
void check_counts(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, RunId>, const RunStory*> stories;
  for (const RunStory& s : stores.stories(history))
    stories[{s.node, s.run->id}] = &s;
  std::map<const RunStory*, std::pair<Scene, std::size_t>> places;
  each_snapshot(history, stores, [&](const Snapshot& snap) {
    auto at = stories.find({snap.node, snap.run.id});
    if (at == stories.end()) return;
    const RunStory& story = *at->second;
    auto [place, fresh] = places.try_emplace(&story, story.first_scene(), 0);
    auto& [scene, done] = place->second;
    for (; done < story.steps.size() && story.steps[done].commit <= snap.commit; ++done)
      RunStory::apply(story.steps[done].event, scene);
    std::uint32_t tasks = 0, ended = 0, failed = 0;
    const core::Run& run = snap.run;
    auto where = str(story.name(), " version ", run.version);
    for (TaskId t = 0; t < run.task_count(); ++t) {
      if (run.is_child(t) && run.fan_out_of_child(t).dead) continue;
      auto state = run.rows[t].state;
      ++tasks;
      ended += is_final(state);
      failed += state == TaskState::failed;
      if (scene.tasks[t] != state) {
        problems.add(str(where, ": ", run.path(t), " is ", to_string(state), ", its events say ",
                         to_string(scene.tasks[t])));
      }
      bool leased = run.rows[t].lease != 0;
      bool live = state == TaskState::running && story.by_worker(t);
      if (leased != live) {
        problems.add(str(where, ": ", run.path(t), " is ", to_string(state),
                         leased ? " and has a lease" : " without a lease"));
      }
    }
    if (scene.run != run.state) {
      problems.add(
          str(where, ": it is ", to_string(run.state), ", its events say ", to_string(scene.run)));
    }
    const auto& h = *snap.header;
    if (h.tasks != tasks || h.tasks_done != ended || h.tasks_failed != failed) {
      problems.add(str(where, ": columns say ", h.tasks, " tasks, ", h.tasks_done, " ended, ",
                       h.tasks_failed, " failed; its rows say ", tasks, ", ", ended, ", ", failed));
    }
    if (h.state != run.state) problems.add(str(where, ": its column says ", to_string(h.state)));
  });
}

namespace {

// What members or elements amount to. nullopt: they are not all at their end.
std::optional<TaskState> roll_up(const RunStory& s, const Scene& scene, TaskId parent) {
  bool failed = false, cancelled = false, ran = false;
  for (TaskId m : s.inner(parent)) {
    auto state = scene.tasks[m];
    if (!is_final(state)) return std::nullopt;
    bool allowed = s.run->def(m).allow_failure && !s.run->is_child(m);
    failed |= state == TaskState::failed && !allowed;
    cancelled |= state == TaskState::cancelled;
    ran |= state != TaskState::skipped;
  }
  return failed      ? TaskState::failed
         : cancelled ? TaskState::cancelled
         : ran       ? TaskState::completed
                     : TaskState::skipped;
}

// How the run must end, by its top-level tasks.
std::optional<RunState> run_roll_up(const RunStory& s, const Scene& scene) {
  bool failed = false, cancelled = false;
  auto look = [&](std::span<const TaskId> tasks) {
    for (TaskId t : tasks) {
      if (!is_final(scene.tasks[t])) return false;
      failed |= scene.tasks[t] == TaskState::failed && !s.run->def(t).allow_failure;
      cancelled |= scene.tasks[t] == TaskState::cancelled;
    }
    return true;
  };
  if (!look(s.run->workflow().roots()) || !look(s.run->workflow().finals())) return std::nullopt;
  return cancelled ? RunState::cancelled : failed ? RunState::failed : RunState::completed;
}

}  // namespace

// A group's, a fan-out's and a run's state are what those inside amount to.
void check_roll_up(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history)) {
    bool cancel_decided = false;  // a cancel that came when every task had ended
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::changed && e.text.starts_with("cancelled")) cancel_decided = true;
      if (e.kind == EventKind::task_state && before.tasks[e.task] == TaskState::running &&
          is_final(e.task_state) && s.holds_others(e.task) && !s.dead(e.task)) {
        // Elements of an expansion that was replaced later cannot be asked any more.
        const core::FanOut* f = s.run->fan_out_of(e.task);
        if (f && std::any_of(s.run->fan_outs.begin(), s.run->fan_outs.end(),
                             [&](const auto& o) { return o.dead && o.parent == f->parent; })) {
          return;
        }
        auto due = roll_up(s, before, e.task);
        if (due && *due == e.task_state) return;
        problems.add(str(s.name(e.task), " became ", to_string(e.task_state), "; its ",
                         due ? str("members amount to ", to_string(*due))
                             : std::string("members are not at their end")));
      }
      if (e.kind != EventKind::run_state) return;
      if (e.run_state == RunState::recovering) cancel_decided = false;
      if (!is_final(e.run_state)) return;
      auto due = run_roll_up(s, before);
      if (due && cancel_decided) due = RunState::cancelled;
      bool expression = e.run_state == RunState::failed &&
                        (e.text.starts_with("outputs: ") || e.text.starts_with("verdict: "));
      if (due && (*due == e.run_state || (*due == RunState::completed && expression))) return;
      problems.add(str(s.name(), " became ", to_string(e.run_state), "; its tasks ",
                       due ? str("amount to ", to_string(*due)) : std::string("have not ended")));
    });
  }
}

// Finally tasks begin when all others have ended, and are cancelled by a second cancel only.
void check_finally(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history)) {
    int cancels = 0;
    bool admitted = s.source != nullptr;
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::changed && e.text.starts_with("cancelled")) ++cancels;
      if (e.kind == EventKind::run_state) {
        if (e.run_state == RunState::recovering) cancels = 0;
        admitted |= e.run_state == RunState::running || e.run_state == RunState::recovering;
      }
      if (e.kind != EventKind::task_state) return;
      admitted |= e.task_state != TaskState::cancelled;
      if (!s.in_finally(e.task)) return;
      bool began = before.tasks[e.task] == TaskState::pending && !is_final(e.task_state);
      for (TaskId t : s.run->workflow().roots()) {
        if (!began || is_final(before.tasks[t])) continue;
        problems.add(
            str(s.name(e.task), " is a finally task and began before the end of ", s.run->path(t)));
      }
      if (e.task_state == TaskState::cancelled && admitted && cancels < 2 &&
          e.reason != core::Reason::members) {
        problems.add(
            str(s.name(e.task), " is a finally task and was cancelled by ", cancels, " cancels"));
      }
    });
  }
}

// Never more elements under way than max_parallel.
void check_parallel(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history)) {
    std::map<TaskId, std::uint32_t> active;  // by the first element of an expansion
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || !s.run->is_child(e.task)) return;
      auto under_way = [](TaskState t) { return t != TaskState::pending && !is_final(t); };
      bool was = under_way(before.tasks[e.task]), is = under_way(e.task_state);
      if (was == is) return;
      const core::FanOut& f = s.run->fan_out_of_child(e.task);
      auto limit = s.run->def(e.task).max_parallel;
      auto& n = active[f.first];
      n += is ? 1u : ~0u;
      if (is && limit > 0 && n > limit) {
        problems.add(
            str(s.name(f.parent), " has ", n, " elements under way; max_parallel is ", limit));
      }
    });
  }
}

}  // namespace pawl::sim
