#pragma once
// Checkers: each reads a History and the stores as they are at the end, and says what is wrong. A
// checker is one function in a file of its own, check_*.cc, and one line of the table in
// check_table.cc. It calls no engine code; what the stores hold it may read raw (store()) or
// decoded (run(), events()). A checker never stops at the first problem, and never asserts.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/run.h"
#include "tests/sim/history.h"
#include "tests/sim/story.h"

namespace pawl::sim {

// The nodes' stores, without any fault in between.
class Stores {
 public:
  explicit Stores(std::vector<store::Store*> nodes) : nodes_(std::move(nodes)) {}
  std::uint32_t count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  store::Store& store(std::uint32_t node) const { return *nodes_[node]; }
  RunId last_run(std::uint32_t node) const;
  // nullptr where there is no such run (a number may be left out), or where it cannot be decoded.
  const core::Run* run(std::uint32_t node, RunId run) const;
  // The same as it is now, not kept.
  std::unique_ptr<core::Run> read(std::uint32_t node, RunId run) const;
  // All of its events, first to last.
  const std::vector<core::Event>& events(std::uint32_t node, RunId run) const;
  Result<std::shared_ptr<const core::Plan>> plan(std::uint32_t node, WorkflowId workflow) const;
  // Told once, for the history that these stores belong to.
  const std::vector<RunStory>& stories(const History& history) const;
  // For tests of the checkers: these, whatever the stores say.
  void believe(std::vector<RunStory> stories) const {
    stories_ = std::make_unique<const std::vector<RunStory>>(std::move(stories));
  }

 private:
  using Key = std::pair<std::uint32_t, RunId>;
  std::vector<store::Store*> nodes_;
  mutable std::map<Key, std::unique_ptr<core::Run>> runs_;
  mutable std::map<Key, std::vector<core::Event>> events_;
  mutable std::map<std::pair<std::uint32_t, WorkflowId>, std::shared_ptr<const core::Plan>> plans_;
  mutable std::unique_ptr<const std::vector<RunStory>> stories_;
};

struct Problem {
  std::string check;
  std::string text;
};

class Problems {
 public:
  // REQUIRES: called from check_all(), which says whose problems these are.
  void add(std::string text) {
    if (list_.size() < kMost) list_.push_back({check_, std::move(text)});
    ++count_;
  }
  bool empty() const { return list_.empty(); }
  std::size_t count() const { return count_; }
  const std::vector<Problem>& list() const { return list_; }

 private:
  friend Problems check_all(const History& history, const Stores& stores);
  static constexpr std::size_t kMost = 50;
  std::string check_;
  std::vector<Problem> list_;
  std::size_t count_ = 0;
};

using Check = void (*)(const History& history, const Stores& stores, Problems& problems);
struct CheckRow {
  const char* name;
  Check check;
};
std::span<const CheckRow> checks();
Problems check_all(const History& history, const Stores& stores);

}  // namespace pawl::sim
