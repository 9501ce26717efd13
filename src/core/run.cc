#include "core/run.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pawl::core {
namespace {

const FanOut* search(const std::vector<FanOut>& fan_outs, TaskId child) {
  auto it = std::upper_bound(fan_outs.begin(), fan_outs.end(), child,
                             [](TaskId t, const FanOut& f) { return t < f.first; });
  PAWL_ASSERT(it != fan_outs.begin());
  // An empty fan-out shares its first id with the next one; the one that holds the child is last.
  --it;
  PAWL_ASSERT(child - it->first < it->count);
  return &*it;
}

}  // namespace

std::shared_ptr<const Plan> make_plan(WorkflowId id, std::int32_t version,
                                      std::shared_ptr<const Workflow> workflow,
                                      std::string base_dir,
                                      std::vector<std::pair<std::string, WorkflowId>> children) {
  auto plan = std::make_shared<Plan>();
  plan->id = id;
  plan->version = version;
  plan->base_dir = std::move(base_dir);
  plan->children = std::move(children);
  plan->lane_of_def.reserve(workflow->defs.size());
  for (const TaskDef& def : workflow->defs) {
    LaneKey key{def.queue, def.priority + workflow->priority, def.resources};
    auto at = std::find(plan->lanes.begin(), plan->lanes.end(), key);
    if (at == plan->lanes.end()) at = plan->lanes.insert(at, std::move(key));
    plan->lane_of_def.push_back(static_cast<std::uint16_t>(at - plan->lanes.begin()));
  }
  PAWL_ASSERT(plan->lanes.size() < 0xffff);
  plan->initial_waits.resize(workflow->task_count());
  for (TaskId t = 0; t < workflow->task_count(); ++t) {
    plan->initial_waits[t] = static_cast<std::uint32_t>(workflow->needs(t).size());
  }
  plan->workflow = std::move(workflow);
  return plan;
}

const FanOut& Run::fan_out_of_child(TaskId t) const { return *search(fan_outs, t); }
FanOut& Run::fan_out_of_child(TaskId t) { return const_cast<FanOut&>(*search(fan_outs, t)); }

const FanOut* Run::fan_out_of(TaskId t) const {
  if (!is_fan_out(t)) return nullptr;
  for (const FanOut& f : fan_outs) {
    if (f.parent == t && !f.dead) return &f;
  }
  return nullptr;
}
FanOut* Run::fan_out_of(TaskId t) {
  return const_cast<FanOut*>(static_cast<const Run*>(this)->fan_out_of(t));
}

TaskId Run::parent_of(TaskId t) const {
  return is_child(t) ? fan_out_of_child(t).parent : workflow().node(t).parent;
}

std::string Run::path(TaskId t) const {
  if (!is_child(t)) return workflow().path(t);
  const FanOut& f = fan_out_of_child(t);
  return str(workflow().path(f.parent), "[", t - f.first, "]");
}

std::optional<TaskId> Run::find(std::string_view path) const {
  auto bracket = path.rfind('[');
  if (bracket == std::string_view::npos || path.back() != ']') return workflow().find(path);
  auto fan_out = workflow().find(path.substr(0, bracket));
  if (!fan_out) return std::nullopt;
  auto digits = path.substr(bracket + 1, path.size() - bracket - 2);
  std::uint32_t index = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (problem != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  const FanOut* f = fan_out_of(*fan_out);
  if (!f || index >= f->count) return std::nullopt;
  return f->first + index;
}

const TaskExtra* Run::extra(TaskId t) const {
  auto it = extras.find(t);
  return it == extras.end() ? nullptr : &it->second;
}

Time Run::next_wake() const { return timers.empty() ? kNever : timers.front().first; }

std::uint32_t Run::done_count() const {
  std::uint32_t n = 0;
  for (int s = 0; s < kTaskStateCount; ++s) {
    if (is_final(static_cast<TaskState>(s))) n += counts[static_cast<std::size_t>(s)];
  }
  return n;
}

std::size_t Run::footprint() const {
  std::size_t bytes = sizeof(Run) + rows.capacity() * sizeof(TaskRow) +
                      extras.size() * (sizeof(TaskExtra) + 48) + extras.bucket_count() * 8 +
                      fan_outs.capacity() * sizeof(FanOut) + tail.capacity() +
                      timers.capacity() * sizeof(timers[0]);
  for (const Lane& lane : lanes)
    bytes += sizeof(Lane) + lane.tasks.capacity() * sizeof(TaskId);
  return bytes;
}

}  // namespace pawl::core
