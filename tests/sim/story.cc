#include "tests/sim/story.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "core/run_codec.h"
#include "tests/sim/check.h"

namespace pawl::sim {

using core::EventKind;
using core::Executor;
using core::TaskState;

Scene RunStory::first_scene() const {
  Scene scene = began;
  scene.tasks.resize(run->task_count(), TaskState::pending);
  scene.reasons.resize(run->task_count(), core::Reason::none);
  scene.attempts.resize(run->task_count(), 0);
  return scene;
}

void RunStory::apply(const core::Event& e, Scene& scene) {
  if (e.kind == EventKind::run_state) scene.run = e.run_state;
  if (e.kind == EventKind::task_state && e.task < scene.tasks.size()) {
    scene.tasks[e.task] = e.task_state;
    scene.reasons[e.task] = e.reason;
    scene.attempts[e.task] = e.attempt;
  }
  ++scene.step;
}

void RunStory::replay(const std::function<void(const Step&, const Scene&)>& see) const {
  Scene scene = first_scene();
  for (const Step& step : steps) {
    bool known = step.event.kind != EventKind::task_state || step.event.task < scene.tasks.size();
    if (known) see(step, scene);
    apply(step.event, scene);
  }
}

std::string RunStory::name() const { return str("node ", node, " run ", run->id.value); }
std::string RunStory::name(TaskId t) const { return str(name(), " task ", run->path(t)); }

bool RunStory::in_finally(TaskId t) const {
  TaskId top = run->definition(t);
  while (run->workflow().node(top).parent != kNoTask)
    top = run->workflow().node(top).parent;
  return run->workflow().node(top).is_finally;
}

bool RunStory::dead(TaskId t) const { return run->is_child(t) && run->fan_out_of_child(t).dead; }

bool RunStory::by_worker(TaskId t) const {
  return run->def(t).executor == Executor::worker && !run->is_fan_out(t);
}

bool RunStory::holds_others(TaskId t) const {
  return run->is_fan_out(t) || run->def(t).executor == Executor::group;
}

std::vector<TaskId> RunStory::inner(TaskId t) const {
  std::vector<TaskId> found;
  if (run->is_fan_out(t)) {
    const core::FanOut* f = run->fan_out_of(t);
    for (TaskId c = 0; f && c < f->count; ++c)
      found.push_back(f->first + c);
  } else if (!run->is_child(t)) {
    auto members = run->workflow().members(t);
    found.assign(members.begin(), members.end());
  }
  return found;
}

namespace {

// Whether what the newer run says nothing of is what it began with.
bool explains(const Scene& scene, const RunStory& newer) {
  std::vector<bool> told(newer.run->task_count());
  for (const Step& step : newer.steps) {
    bool of_task = step.event.kind == EventKind::task_state && step.event.task < told.size();
    if (of_task) told[step.event.task] = true;
  }
  for (TaskId t = 0; t < std::min(scene.tasks.size(), told.size()); ++t) {
    if (!told[t] && !newer.dead(t) && scene.tasks[t] != newer.run->rows[t].state) return false;
  }
  return true;
}

// A run as it was at its last end before the newer one was made of it: it may have been reopened
// since. Where it ended more than once in that commit, the last end that explains the newer run.
// Tasks that did not exist then are left out.
Scene origin(const RunStory& story, const RunStory& newer) {
  const CommitIndex until = newer.steps.front().commit;
  Scene scene = story.first_scene(), end = scene;
  std::size_t tasks = story.run->workflow().task_count(), then = tasks;
  if (story.source) then = tasks = std::max(tasks, story.began.tasks.size());
  for (const Step& step : story.steps) {
    if (step.commit != kNoCommit && step.commit > until) break;
    RunStory::apply(step.event, scene);
    if (step.event.kind == EventKind::task_state) {
      tasks = std::max(tasks, std::size_t{step.event.task} + 1);
    }
    if (step.event.kind != EventKind::run_state || !core::is_final(scene.run)) continue;
    if (step.commit == until && explains(end, newer) && !explains(scene, newer)) continue;
    end = scene;
    then = tasks;
  }
  end.tasks.resize(then);
  end.reasons.resize(then);
  end.attempts.resize(then);
  end.run = core::RunState::recovering;
  return end;
}

}  // namespace

std::vector<RunStory> tell_stories(const History& history, const Stores& stores) {
  // How many events each write of a run had, by run.
  using Key = std::pair<std::uint32_t, RunId>;
  std::map<Key, std::vector<std::pair<std::uint64_t, CommitIndex>>> known;
  for (CommitIndex i = 0; i < history.commits.size(); ++i) {
    const Commit& c = history.commits[i];
    if (!c.applied || !c.batch) continue;
    for (const auto& write : c.batch->runs) {
      auto tail = core::decode_tail(write.state);
      if (!tail.ok()) continue;
      auto events = core::decode_events(tail->bytes, tail->first, write.header.created);
      if (!events.ok()) continue;
      known[{c.node, write.header.id}].emplace_back(tail->first - 1 + events->size(), i);
    }
  }
  std::vector<RunStory> all;
  for (std::uint32_t n = 0; n < stores.count(); ++n) {
    for (std::int64_t i = 1; i <= stores.last_run(n).value; ++i) {
      const core::Run* run = stores.run(n, RunId(i));
      if (!run) continue;
      RunStory story;
      story.node = n;
      story.run = run;
      if (run->source) story.source = stores.run(n, run->source);
      const auto& writes = known[{n, run->id}];
      std::size_t w = 0;
      for (const core::Event& e : stores.events(n, run->id)) {
        while (w < writes.size() && writes[w].first < e.seq)
          ++w;
        story.steps.push_back({e, w < writes.size() ? writes[w].second : kNoCommit});
      }
      if (story.source && !story.steps.empty()) {
        const auto older = std::find_if(all.begin(), all.end(),
                                        [&](const RunStory& o) { return o.run == story.source; });
        if (older != all.end()) story.began = origin(*older, story);
      }
      all.push_back(std::move(story));
    }
  }
  return all;
}

At durable(const History& history, CommitIndex commit) {
  return commit == kNoCommit ? At{} : history.commits[commit].applied;
}

Time wall_clock(const History& history, std::uint32_t node, const At& at) {
  Duration offset{0};
  for (const WallClock& c : history.clocks) {
    if (c.node == node && c.at.n <= at.n) offset = c.offset;
  }
  return kEpoch + at.t + offset;
}

}  // namespace pawl::sim
