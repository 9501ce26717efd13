#pragma once
// why: for every task that is not running, and for the run itself, one reason with its blocker and
// what would unblock it. The same data in command line, API and page.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "core/run.h"

namespace pawl::core {

// What only the engine knows: who else holds what this run waits for.
struct Situation {
  struct ResourceUse {
    std::string name;
    std::uint32_t capacity = 0, used = 0;
    std::vector<RunId> holders;
  };
  struct QueueUse {
    std::string queue;
    std::uint32_t slots = 0, busy = 0;
  };  // slots 0: no worker
  std::vector<ResourceUse> resources;
  std::vector<QueueUse> queues;
  std::vector<RunId> key_holders;  // runs that hold this run's concurrency key
  std::uint32_t key_limit = 0;
  bool store_trouble = false;  // nothing can be recorded now
  std::string trouble;
};

struct Why {
  TaskId task = kNoTask;  // kNoTask: the run
  std::string path;
  TaskState state = TaskState::pending;
  Reason reason = Reason::none;
  std::string text;                   // one sentence for people
  std::vector<std::string> blockers;  // task paths, "run 41", "resource gpu", ...
  std::string unblock;                // what would move it on: a command, a time, an event
  Time until = kNever;                // where time alone moves it on
};

Why why_task(const Run& run, TaskId t, const Situation& s, Time now);
Why why_run(const Run& run, const Situation& s, Time now);
// The run, then every task not running and not completed, in task order.
std::vector<Why> why_all(const Run& run, const Situation& s, Time now);
Json why_to_json(const Why& w);

}  // namespace pawl::core
