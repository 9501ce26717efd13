// The fence: attempts are numbered without gap, a lease is given out once, two bodies of one task
// never overlap, and what ends an attempt was said of that very attempt.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Reason;
using core::ReportKind;
using core::TaskState;
using TaskKey = std::tuple<std::uint32_t, RunId, TaskId>;

}  // namespace

// I5: each start of a worker's task has the next number, and each lease is one attempt's.
void check_attempts(const History& history, const Stores& stores, Problems& problems) {
  for (const RunStory& s : stores.stories(history)) {
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || e.task_state != TaskState::running) return;
      if (!s.by_worker(e.task) || e.attempt == before.attempts[e.task] + 1) return;
      problems.add(str(s.name(e.task), " attempt ", e.attempt, " after ", before.attempts[e.task]));
    });
  }
  std::map<std::tuple<std::uint32_t, RunId, Lease>, std::pair<TaskId, Attempt>> leases;
  for (const PortCall& c : history.calls) {
    if (c.kind != PortCall::Kind::assign) continue;
    const core::Fence& f = c.fence;
    auto [at, fresh] = leases.try_emplace({c.node, f.run, f.lease}, f.task, f.attempt);
    if (!fresh && at->second != std::pair(f.task, f.attempt)) {
      problems.add(str("node ", c.node, " run ", f.run.value, " lease ", f.lease,
                       " is that of task ", at->second.first, " attempt ", at->second.second,
                       " and of task ", f.task, " attempt ", f.attempt));
    }
  }
}

// I6: bodies of one task never overlap; an attempt has one body.
void check_overlap(const History& history, const Stores&, Problems& problems) {
  std::map<TaskKey, std::vector<const Execution*>> tasks;
  for (const Execution& e : history.executions) {
    if (e.started) tasks[{e.node, e.fence.run, e.fence.task}].push_back(&e);
  }
  for (auto& [key, bodies] : tasks) {
    std::sort(bodies.begin(), bodies.end(),
              [](const auto* a, const auto* b) { return a->started.n < b->started.n; });
    for (std::size_t i = 1; i < bodies.size(); ++i) {
      const Execution &a = *bodies[i - 1], &b = *bodies[i];
      auto where = str("node ", a.node, " run ", a.fence.run.value, " task ", a.path);
      if (a.fence.attempt == b.fence.attempt) {
        problems.add(str(where, " attempt ", a.fence.attempt, " ran twice"));
      }
      if (!a.ended || a.ended.n > b.started.n) {
        problems.add(str(where, " attempt ", b.fence.attempt, " began at agent ", b.agent,
                         " while attempt ", a.fence.attempt, " ran at agent ", a.agent, " (",
                         to_string(a.end), ")"));
      }
    }
  }
}

namespace {

// Which reports may have ended an attempt in this way.
bool fits(const core::Report& r, const core::Event& e) {
  switch (e.task_state) {
    case TaskState::completed:
      return r.kind == ReportKind::completed;
    case TaskState::retrying:
      return r.kind == ReportKind::failed || r.kind == ReportKind::completed;
    case TaskState::failed:
      return r.kind == ReportKind::failed || r.kind == ReportKind::completed;
    case TaskState::queued:
      return r.kind == ReportKind::released || r.kind == ReportKind::cancelled;
    default:
      return r.kind >= ReportKind::failed;
  }
}

// Ends that nobody reports: the worker vanished or left, an expression failed before it was given.
bool unreported(const core::Event& e) {
  return e.reason == Reason::lost || e.reason == Reason::released ||
         e.reason == Reason::expression || e.reason == Reason::cancel_unconfirmed ||
         e.text.starts_with("its worker vanished");
}

}  // namespace

// I4: an attempt ends because a report under its own number and lease said so, before that.
void check_reports(const History& history, const Stores& stores, Problems& problems) {
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::map<Key, std::vector<const PortCall*>> reports;
  std::map<Key, Lease> leases;
  for (const PortCall& c : history.calls) {
    Key key{c.node, c.fence.run, c.fence.task, c.fence.attempt};
    if (c.kind == PortCall::Kind::report) reports[key].push_back(&c);
    if (c.kind == PortCall::Kind::assign) leases[key] = c.fence.lease;
  }
  for (const RunStory& s : stores.stories(history)) {
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || before.tasks[e.task] != TaskState::running) return;
      if (!s.by_worker(e.task) || unreported(e)) return;
      bool cancelled_by_leave = e.task_state == TaskState::cancelled;
      Key key{s.node, s.run->id, e.task, before.attempts[e.task]};
      At at = durable(history, step.commit);
      bool told = false;
      for (const PortCall* c : reports[key]) {
        told |= c->report && fits(*c->report, e) && c->fence.lease == leases[key] &&
                (!at || c->at.n < at.n);
      }
      if (told || cancelled_by_leave) return;
      problems.add(str(s.name(e.task), " attempt ", before.attempts[e.task], " became ",
                       to_string(e.task_state), "(", to_string(e.reason),
                       "); no worker reported that of this attempt"));
    });
  }
}

}  // namespace pawl::sim
