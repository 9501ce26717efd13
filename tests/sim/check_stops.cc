// Pause and cancel stop things: from the moment that they are durable nothing new is handed out.
#include <map>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Executor;
using core::RunState;
using core::TaskState;

}  // namespace

// While a run is paused no task of it is handed out and no child run begins.
void check_paused(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history)) {
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || before.run != RunState::paused) return;
      bool claimed = s.by_worker(e.task) && e.task_state == TaskState::running;
      bool child = s.run->def(e.task).executor == Executor::workflow &&
                   !s.run->is_fan_out(e.task) && e.task_state == TaskState::waiting;
      if (claimed || child) problems.add(str(s.name(e.task), " began while its run was paused"));
    });
  }
}

// After a cancel nothing of the main phase begins, in the run or in what it started, until
// somebody reopens it.
void check_cancelled(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, RunId>, const RunStory*> stories;
  std::map<const RunStory*, CommitIndex> cancelled;  // and not reopened since
  for (const RunStory& s : stores.stories(history))
    stories[{s.node, s.run->id}] = &s;
  for (const RunStory& s : stores.stories(history)) {
    bool stopped = false;
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind == EventKind::changed && e.text.starts_with("cancelled")) {
        stopped = true;
        cancelled.try_emplace(&s, step.commit);
      }
      bool reopened = e.kind == EventKind::task_state && is_final(before.tasks[e.task]);
      if (reopened || (e.kind == EventKind::run_state && e.run_state == RunState::recovering)) {
        stopped = false;
        cancelled.erase(&s);
      }
      if (!stopped || e.kind != EventKind::task_state || s.in_finally(e.task)) return;
      bool begins = !is_final(e.task_state) && e.task_state != TaskState::pending;
      if (begins) {
        problems.add(str(s.name(e.task), " became ", to_string(e.task_state),
                         " after its run was cancelled"));
      }
    });
  }
  // What a cancelled run started is cancelled in the same commit.
  for (const auto& one : cancelled) {
    const auto& s = one.first;  // a lambda of C++20 captures no structured binding in clang
    const auto commit = one.second;
    for (const RunStory& child : stores.stories(history)) {
      if (child.node != s->node || child.run->parent != s->run->id) continue;
      if (s->in_finally(child.run->parent_task)) continue;
      bool stopped = false;
      child.replay([&](const Step& step, const Scene&) {
        const core::Event& e = step.event;
        bool cancel = (e.kind == EventKind::changed && e.text.starts_with("cancelled")) ||
                      (e.kind == EventKind::run_state && is_final(e.run_state));
        if (cancel && step.commit <= commit) stopped = true;
        if (stopped || step.commit <= commit || e.kind != EventKind::task_state) return;
        if (e.task_state == TaskState::running && child.by_worker(e.task)) {
          problems.add(str(child.name(e.task), " began after run ", s->run->id.value,
                           ", which started it, was cancelled"));
        }
      });
    }
  }
}

}  // namespace pawl::sim
