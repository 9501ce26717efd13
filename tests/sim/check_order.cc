// What must not be known before it is durable: answers, assignments, receipts, events that are
// told. And what must not be said at all: that a live attempt is stale.
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::RunState;
using core::TaskState;
using RunKey = std::pair<std::uint32_t, RunId>;

std::map<RunKey, const RunStory*> by_run(const std::vector<RunStory>& stories) {
  std::map<RunKey, const RunStory*> found;
  for (const RunStory& s : stories)
    found[{s.node, s.run->id}] = &s;
  return found;
}

// Whether this step is what the request asked for.
bool answers(RequestKind kind, const Step& step, const Scene& before) {
  const core::Event& e = step.event;
  bool reset = e.kind == EventKind::task_state && is_final(before.tasks[e.task]);
  switch (kind) {
    case RequestKind::define:
    case RequestKind::submit:
      return e.kind == EventKind::submitted;
    case RequestKind::pause:
      return e.kind == EventKind::run_state && e.run_state == RunState::paused;
    case RequestKind::resume:
      return e.kind == EventKind::run_state && before.run == RunState::paused;
    case RequestKind::cancel:
      return e.kind == EventKind::changed ||
             (e.kind == EventKind::run_state && e.run_state == RunState::cancelled);
    case RequestKind::retry:
    case RequestKind::recover:
      return e.kind == EventKind::submitted || reset ||
             (e.kind == EventKind::run_state && e.run_state == RunState::recovering);
    case RequestKind::approve:
    case RequestKind::reject:
      return e.kind == EventKind::gate_decided;
  }
  return false;
}

}  // namespace

// C1: each positive answer was given when what it says was durable, and not before it was asked.
// (A key that is sent again is answered with the run that it made at first.)
void check_answers(const History& history, const Stores& stores, Problems& problems) {
  auto stories = by_run(stores.stories(history));
  for (const Request& r : history.requests) {
    if (r.kind == RequestKind::define) continue;
    for (const Answer& a : r.answers) {
      if (!a.ok) continue;
      auto story = stories.find({r.node, a.run});
      if (story == stories.end()) continue;  // check_acknowledged says so
      bool found = false;
      story->second->replay([&](const Step& step, const Scene& before) {
        if (found || !answers(r.kind, step, before)) return;
        At at = durable(history, step.commit);
        bool repeat = r.kind == RequestKind::submit;
        found = at && at.n < a.given.n && (repeat || at.n > r.asked.n);
      });
      if (!found) {
        problems.add(str("node ", r.node, " run ", a.run.value, ": ", to_string(r.kind),
                         " (request ", r.number, ") was acknowledged; nothing of it was durable"));
      }
    }
  }
}

// An attempt is known outside only when the commit that began it is durable.
void check_effects_follow(const History& history, const Stores& stores, Problems& problems) {
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::map<Key, std::uint64_t> began;
  for (const RunStory& s : stores.stories(history)) {
    for (const Step& step : s.steps) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || e.task_state != TaskState::running) continue;
      At at = durable(history, step.commit);
      if (at) began.try_emplace({s.node, s.run->id, e.task, e.attempt}, at.n);
    }
  }
  for (const PortCall& c : history.calls) {
    if (c.kind != PortCall::Kind::assign) continue;
    auto at = began.find({c.node, c.fence.run, c.fence.task, c.fence.attempt});
    if (at != began.end() && at->second < c.at.n) continue;
    problems.add(str("node ", c.node, " run ", c.fence.run.value, " task ", c.fence.task,
                     " attempt ", c.fence.attempt,
                     at == began.end() ? " was given out and never recorded"
                                       : " was given out before it was recorded"));
  }
}

// A receipt says that an attempt's end is durable, a refusal that it is over: while the durable
// rows call it running, neither is true.
void check_receipts(const History& history, const Stores& stores, Problems& problems) {
  struct Span {
    std::uint64_t from = 0, to = ~std::uint64_t{0};  // when the rows called it running
  };
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::map<Key, Span> live;
  for (const RunStory& s : stores.stories(history)) {
    std::map<TaskId, Key> now;
    for (const Step& step : s.steps) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state) continue;
      At at = durable(history, step.commit);
      if (!at) continue;
      if (auto was = now.extract(e.task)) live[was.mapped()].to = at.n;
      if (e.task_state != TaskState::running || !s.by_worker(e.task)) continue;
      Key key{s.node, s.run->id, e.task, e.attempt};
      live[key].from = at.n;
      now[e.task] = key;
    }
  }
  for (const PortCall& c : history.calls) {
    bool receipt = c.kind == PortCall::Kind::recorded;
    if (!receipt && c.kind != PortCall::Kind::refused) continue;
    auto span = live.find({c.node, c.fence.run, c.fence.task, c.fence.attempt});
    if (span == live.end() || c.at.n < span->second.from || c.at.n > span->second.to) continue;
    problems.add(str("node ", c.node, " run ", c.fence.run.value, " task ", c.fence.task,
                     " attempt ", c.fence.attempt,
                     receipt ? " got a receipt while it was recorded as running"
                             : " was refused while it was the live one"));
  }
}

// I10: subscribers hear events in order, without gap within a life, when they are durable, and as
// they are in the store.
void check_told(const History& history, const Stores& stores, Problems& problems) {
  auto stories = by_run(stores.stories(history));
  std::map<std::tuple<std::uint32_t, std::uint32_t, RunId>, std::uint64_t> last;
  for (const Told& told : history.told) {
    auto where = str("node ", told.node, " life ", told.life, " run ", told.run.value);
    auto story = stories.find({told.node, told.run});
    for (const core::Event& e : told.events) {
      auto& before = last[{told.node, told.life, told.run}];
      if (before != 0 && e.seq != before + 1) {
        problems.add(str(where, " told event ", e.seq, " after ", before));
      }
      before = e.seq;
      if (story == stories.end() || e.seq == 0 || e.seq > story->second->steps.size()) {
        problems.add(str(where, " told event ", e.seq, ", which the store does not have"));
        continue;
      }
      const Step& step = story->second->steps[e.seq - 1];
      At at = durable(history, step.commit);
      if (!at || at.n > told.at.n) {
        problems.add(str(where, " told event ", e.seq, " before it was durable"));
      }
      if (step.event.kind != e.kind || step.event.task != e.task || step.event.text != e.text ||
          step.event.task_state != e.task_state || step.event.run_state != e.run_state) {
        problems.add(str(where, " told event ", e.seq, " otherwise than the store has it"));
      }
    }
  }
}

}  // namespace pawl::sim
