#pragma once
// ReadyIndex: which runs have tasks that a worker could take now.
//
// A lane of the index gathers runs whose lanes are alike (queue, priority, resources). It holds one
// entry a run, not one a task: the run itself knows its queued tasks, so a million queued runs cost
// sixteen bytes each here. Lanes are ordered by priority, runs within one take turns: a run with
// ten thousand queued tasks does not starve a run with one.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/run.h"

namespace pawl::engine {

struct ReadyItem {
  RunId run;
  std::uint32_t lane = 0;  // of the run
};

struct ReadyLane {
  core::LaneKey key;
  std::deque<ReadyItem> items;
  // How often others took of a resource that this lane wants more of than was left.
  std::uint32_t passed = 0;
};

class ReadyIndex {
 public:
  // The lanes of a plan's lanes, for runs of this priority. The reference holds until clear().
  const std::vector<ReadyLane*>& lanes_of(const core::Plan& plan, std::int32_t run_priority);
  // Highest priority first.
  const std::vector<ReadyLane*>& lanes() const { return ordered_; }
  std::size_t size() const;
  void clear();

 private:
  struct ByPlan {
    WorkflowId plan;
    std::int32_t priority;
    bool operator==(const ByPlan&) const = default;
  };
  struct Hash {
    std::size_t operator()(const ByPlan& k) const {
      return std::hash<WorkflowId>{}(k.plan) ^ static_cast<std::size_t>(k.priority) * 0x9e3779b9u;
    }
  };
  ReadyLane* lane_for(const core::LaneKey& key);

  std::vector<std::unique_ptr<ReadyLane>> owned_;
  std::vector<ReadyLane*> ordered_;
  std::unordered_map<ByPlan, std::vector<ReadyLane*>, Hash> by_plan_;
};

}  // namespace pawl::engine
