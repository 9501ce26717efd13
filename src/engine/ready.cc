#include "engine/ready.h"

#include <algorithm>

namespace pawl::engine {

ReadyLane* ReadyIndex::lane_for(const core::LaneKey& key) {
  for (auto& lane : owned_) {
    if (lane->key == key) return lane.get();
  }
  owned_.push_back(std::make_unique<ReadyLane>());
  ReadyLane* lane = owned_.back().get();
  lane->key = key;
  auto at =
      std::upper_bound(ordered_.begin(), ordered_.end(), key.priority,
                       [](std::int32_t p, const ReadyLane* l) { return p > l->key.priority; });
  ordered_.insert(at, lane);
  return lane;
}

const std::vector<ReadyLane*>& ReadyIndex::lanes_of(const core::Plan& plan,
                                                    std::int32_t run_priority) {
  auto [it, fresh] = by_plan_.try_emplace(ByPlan{plan.id, run_priority});
  if (fresh) {
    for (core::LaneKey key : plan.lanes) {
      key.priority += run_priority;
      it->second.push_back(lane_for(key));
    }
  }
  return it->second;
}

std::size_t ReadyIndex::size() const {
  std::size_t n = 0;
  for (const auto& lane : owned_)
    n += lane->items.size();
  return n;
}

void ReadyIndex::clear() {
  owned_.clear();
  ordered_.clear();
  by_plan_.clear();
}

}  // namespace pawl::engine
