#pragma once
// What runs hold against each other: counted resources, and concurrency keys. Both are derived from
// the runs (never stored) and rebuilt at start-up before anything that needs them is handed out.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "core/run.h"
#include "core/why.h"

namespace pawl::engine {

class Resources {
 public:
  Resources(const std::vector<std::pair<std::string, std::uint32_t>>& capacities,
            std::uint32_t fallback);
  // How many more attempts that need `wants` may start now.
  std::uint32_t room(const std::vector<core::Resource>& wants) const;
  // Whether that could ever start, with nothing else running.
  bool fits(const std::vector<core::Resource>& wants) const;
  // A run's attempts of one lane changed from `before` to `after`.
  void count(RunId run, const std::vector<core::Resource>& wants, std::uint32_t before,
             std::uint32_t after);
  std::vector<core::Situation::ResourceUse> use(const core::Plan& plan) const;

 private:
  struct Slot {
    std::uint32_t capacity = 0, used = 0;
    std::map<RunId, std::uint32_t> holders;
  };
  const Slot* find(const std::string& name) const;
  std::uint32_t fallback_;
  std::map<std::string, Slot> slots_;
};

// Concurrency keys, by workflow name and key.
class Keys {
 public:
  struct State {
    std::uint32_t limit = 1;
    std::int32_t version = 0;    // of the workflow that says so
    std::vector<RunId> holders;  // admitted, oldest first
    std::deque<RunId> waiting;   // not admitted yet, oldest first
  };
  static std::string name_of(const core::Run& run);
  State& at(const core::Run& run);
  const State* find(const core::Run& run) const;
  void hold(const core::Run& run);  // it waits no longer
  void wait(const core::Run& run);
  // The run no longer holds or waits.
  void release(const std::string& name, RunId run);
  // The run to admit next, where there is room for one. It waits until it holds.
  std::optional<RunId> next(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  std::map<std::string, State> keys_;
};

}  // namespace pawl::engine
