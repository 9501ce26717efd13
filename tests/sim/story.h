#pragma once
// RunStory: one run's events from first to last, each with the commit that made it durable. What
// checkers replay instead of trusting the rows: states, attempts and times as an observer of the
// store could have seen them.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/run.h"
#include "tests/sim/history.h"

namespace pawl::sim {

class Stores;

// An index into History::commits; those of one node are in order.
using CommitIndex = std::size_t;
inline constexpr CommitIndex kNoCommit = ~CommitIndex{0};

struct Step {
  core::Event event;
  CommitIndex commit = kNoCommit;  // the first applied one that holds it
};

// The states of a run and its tasks at one place of its story.
struct Scene {
  core::RunState run = core::RunState::pending;
  std::vector<core::TaskState> tasks;
  std::vector<core::Reason> reasons;
  std::vector<Attempt> attempts;
  std::size_t step = 0;  // of the event that comes next
};

struct RunStory {
  std::uint32_t node = 0;
  const core::Run* run = nullptr;
  const core::Run* source = nullptr;  // of a recovered run: which one it was made of
  Scene began;                        // ... as that one was when it was made of it
  std::vector<Step> steps;

  Scene first_scene() const;
  static void apply(const core::Event& e, Scene& scene);
  // `see` is called with each step and the scene before it.
  void replay(const std::function<void(const Step&, const Scene&)>& see) const;
  std::string name() const;                   // "node 0 run 3"
  std::string name(TaskId t) const;           // "node 0 run 3 task a.b"
  bool in_finally(TaskId t) const;            // its top-level task stands under `finally`
  bool dead(TaskId t) const;                  // an element of an expansion that was replaced
  bool by_worker(TaskId t) const;             // a worker carries it out
  bool holds_others(TaskId t) const;          // a group or fan-out
  std::vector<TaskId> inner(TaskId t) const;  // members, or elements as they are at the end
};

std::vector<RunStory> tell_stories(const History& history, const Stores& stores);

// When a commit became durable; n = 0: never.
At durable(const History& history, CommitIndex commit);
// A node's wall clock at a moment.
Time wall_clock(const History& history, std::uint32_t node, const At& at);

}  // namespace pawl::sim
