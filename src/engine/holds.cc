#include "engine/holds.h"

#include <algorithm>

#include "base/mutant.h"

namespace pawl::engine {

Resources::Resources(const std::vector<std::pair<std::string, std::uint32_t>>& capacities,
                     std::uint32_t fallback)
    : fallback_(fallback) {
  for (const auto& [name, capacity] : capacities)
    slots_[name].capacity = capacity;
}

const Resources::Slot* Resources::find(const std::string& name) const {
  auto it = slots_.find(name);
  return it == slots_.end() ? nullptr : &it->second;
}

std::uint32_t Resources::room(const std::vector<core::Resource>& wants) const {
  std::uint32_t room = 0xffffffffu;
  for (const core::Resource& w : wants) {
    if (w.amount == 0) continue;
    const Slot* slot = find(w.name);
    std::uint32_t capacity = slot ? slot->capacity : fallback_, used = slot ? slot->used : 0;
    if (PAWL_MUTANT(resource_ignored)) capacity += w.amount;
    room = std::min(room, capacity > used ? (capacity - used) / w.amount : 0);
  }
  return room;
}

bool Resources::fits(const std::vector<core::Resource>& wants) const {
  return std::all_of(wants.begin(), wants.end(), [&](const core::Resource& w) {
    const Slot* slot = find(w.name);
    return w.amount <= (slot ? slot->capacity : fallback_);
  });
}

void Resources::count(RunId run, const std::vector<core::Resource>& wants, std::uint32_t before,
                      std::uint32_t after) {
  for (const core::Resource& w : wants) {
    auto [it, fresh] = slots_.try_emplace(w.name);
    Slot& slot = it->second;
    if (fresh) slot.capacity = fallback_;
    slot.used = slot.used - before * w.amount + after * w.amount;
    auto& held = slot.holders[run];
    held = held - before * w.amount + after * w.amount;
    if (held == 0) slot.holders.erase(run);
  }
}

std::vector<core::Situation::ResourceUse> Resources::use(const core::Plan& plan) const {
  std::vector<core::Situation::ResourceUse> result;
  for (const core::LaneKey& lane : plan.lanes) {
    for (const core::Resource& w : lane.resources) {
      core::Situation::ResourceUse u;
      u.name = w.name;
      const Slot* slot = find(w.name);
      u.capacity = slot ? slot->capacity : fallback_;
      u.used = slot ? slot->used : 0;
      if (slot) {
        for (const auto& [holder, n] : slot->holders)
          u.holders.push_back(holder);
      }
      bool known = false;
      for (const auto& have : result)
        known |= have.name == u.name;
      if (!known) result.push_back(std::move(u));
    }
  }
  return result;
}

std::string Keys::name_of(const core::Run& run) { return run.workflow().name + '\n' + run.key; }

Keys::State& Keys::at(const core::Run& run) {
  State& s = keys_[name_of(run)];
  if (run.plan->version >= s.version) {  // the newest version's limit holds for all
    s.version = run.plan->version;
    s.limit = run.workflow().concurrency ? run.workflow().concurrency->limit : 1;
  }
  return s;
}

const Keys::State* Keys::find(const core::Run& run) const {
  auto it = keys_.find(name_of(run));
  return it == keys_.end() ? nullptr : &it->second;
}

void Keys::hold(const core::Run& run) {
  State& s = at(run);
  std::erase(s.waiting, run.id);
  if (std::find(s.holders.begin(), s.holders.end(), run.id) == s.holders.end()) {
    s.holders.push_back(run.id);
  }
}

void Keys::wait(const core::Run& run) {
  // In the order of their numbers, also those that were read again.
  auto& waiting = at(run).waiting;
  auto place = std::lower_bound(waiting.begin(), waiting.end(), run.id);
  if (place == waiting.end() || *place != run.id) waiting.insert(place, run.id);
}

void Keys::release(const std::string& name, RunId run) {
  auto it = keys_.find(name);
  if (it == keys_.end()) return;
  std::erase(it->second.holders, run);
  std::erase(it->second.waiting, run);
  if (it->second.holders.empty() && it->second.waiting.empty()) keys_.erase(it);
}

std::optional<RunId> Keys::next(const std::string& name) const {
  auto it = keys_.find(name);
  if (it == keys_.end() || it->second.waiting.empty()) return std::nullopt;
  if (it->second.holders.size() >= it->second.limit) return std::nullopt;
  return it->second.waiting.front();
}

std::vector<std::string> Keys::names() const {
  std::vector<std::string> names;
  for (const auto& [name, state] : keys_)
    names.push_back(name);
  return names;
}

}  // namespace pawl::engine
