#include "core/workflow_builder.h"

#include <algorithm>

#include "base/text.h"
#include "core/doc.h"
#include "core/workflow_path.h"

namespace pawl::core {

WorkflowBuilder::WorkflowBuilder() : workflow_(std::make_shared<Workflow>()), table_(64, 0) {
  workflow_->needs_at_.push_back(0);
}

void WorkflowBuilder::reserve(std::size_t tasks, std::size_t name_bytes) {
  workflow_->nodes_.reserve(tasks);
  workflow_->names_.reserve(name_bytes);
  workflow_->needs_at_.reserve(tasks + 1);
  std::size_t slots = 64;
  while (slots < tasks + tasks / 2)
    slots *= 2;
  if (slots > table_.size() && workflow_->nodes_.empty()) table_.assign(slots, 0);
}

std::uint64_t WorkflowBuilder::name_hash(TaskId group, std::string_view name) const {
  return hash_bytes(name, (std::uint64_t{group} + 1) * 0x9e3779b97f4a7c15u);
}

void WorkflowBuilder::grow_table() {
  std::vector<std::uint64_t> old(table_.size() * 2, 0);
  old.swap(table_);
  std::size_t mask = table_.size() - 1;
  for (std::uint64_t entry : old) {
    if (entry == 0) continue;
    auto task = static_cast<TaskId>(entry) - 1;
    std::size_t slot = name_hash(workflow_->nodes_[task].parent, workflow_->own_name(task)) & mask;
    while (table_[slot] != 0)
      slot = (slot + 1) & mask;
    table_[slot] = entry;
  }
}

TaskId WorkflowBuilder::find(TaskId group, std::string_view name) const {
  std::uint64_t h = name_hash(group, name);
  std::size_t mask = table_.size() - 1;
  for (std::size_t slot = h & mask; table_[slot] != 0; slot = (slot + 1) & mask) {
    if (table_[slot] >> 32 != h >> 32) continue;
    auto task = static_cast<TaskId>(table_[slot]) - 1;
    if (workflow_->nodes_[task].parent == group && workflow_->own_name(task) == name) return task;
  }
  return kNoTask;
}

TaskId WorkflowBuilder::add_task(std::string_view name, TaskId group, bool is_finally,
                                 std::uint32_t line) {
  Workflow& w = *workflow_;
  if (find(group, name) != kNoTask) return kNoTask;
  auto task = static_cast<TaskId>(w.nodes_.size());
  if ((w.nodes_.size() + 1) * 4 > table_.size() * 3) grow_table();
  TaskNode node;
  node.name_at = static_cast<std::uint32_t>(w.names_.size());
  node.parent = group;
  node.line = std::min(line, 0x7fffffffu);
  node.is_finally = is_finally;
  w.nodes_.push_back(node);
  w.names_.append(name);
  w.names_.push_back('\0');
  std::uint64_t h = name_hash(group, name);
  std::size_t mask = table_.size() - 1, slot = h & mask;
  while (table_[slot] != 0)
    slot = (slot + 1) & mask;
  table_[slot] = (h >> 32 << 32) | (task + std::uint64_t{1});
  if (group == kNoTask) (is_finally ? w.finals_ : w.roots_).push_back(task);
  return task;
}

void WorkflowBuilder::mark_group(TaskId task) { workflow_->groups_.push_back(task); }

std::uint32_t WorkflowBuilder::add_def(TaskDef def) {
  workflow_->defs.push_back(std::move(def));
  return static_cast<std::uint32_t>(workflow_->defs.size() - 1);
}

void WorkflowBuilder::set_needs(TaskId task, std::span<const TaskId> needs) {
  Workflow& w = *workflow_;
  PAWL_ASSERT(!needs_closed_ && task + std::size_t{1} >= w.needs_at_.size());
  while (w.needs_at_.size() <= task)
    w.needs_at_.push_back(static_cast<std::uint32_t>(w.needs_.size()));
  w.needs_.insert(w.needs_.end(), needs.begin(), needs.end());
  w.needs_at_.push_back(static_cast<std::uint32_t>(w.needs_.size()));
}

void WorkflowBuilder::close_needs() {
  if (needs_closed_) return;
  needs_closed_ = true;
  Workflow& w = *workflow_;
  while (w.needs_at_.size() <= w.nodes_.size())
    w.needs_at_.push_back(static_cast<std::uint32_t>(w.needs_.size()));
  w.needs_.shrink_to_fit();
  make_dependents();
}

void WorkflowBuilder::make_dependents() {
  Workflow& w = *workflow_;
  std::size_t n = w.nodes_.size();
  w.dependents_at_.assign(n + 1, 0);
  for (TaskId need : w.needs_)
    ++w.dependents_at_[need + 1];
  for (std::size_t i = 0; i < n; ++i)
    w.dependents_at_[i + 1] += w.dependents_at_[i];
  w.dependents_.resize(w.needs_.size());
  // Fill from each row's start, moving it; then the starts are the former ends: shift them back.
  for (TaskId task = 0; task < n; ++task)
    for (TaskId need : w.needs(task))
      w.dependents_[w.dependents_at_[need]++] = task;
  for (std::size_t i = n; i > 0; --i)
    w.dependents_at_[i] = w.dependents_at_[i - 1];
  w.dependents_at_[0] = 0;
}

std::vector<std::vector<TaskId>> WorkflowBuilder::find_cycles(std::size_t max) {
  close_needs();
  const Workflow& w = *workflow_;
  std::size_t n = w.nodes_.size();
  std::vector<std::uint32_t> waiting(n);
  std::vector<TaskId> order;
  order.reserve(n);
  for (TaskId t = 0; t < n; ++t)
    if ((waiting[t] = static_cast<std::uint32_t>(w.needs(t).size())) == 0) order.push_back(t);
  auto settle = [&](std::size_t from) {
    for (std::size_t i = from; i < order.size(); ++i)
      for (TaskId d : w.dependents(order[i]))
        if (waiting[d] != 0 && --waiting[d] == 0) order.push_back(d);
  };
  settle(0);
  std::vector<std::vector<TaskId>> cycles;
  std::vector<std::uint32_t> seen_at(order.size() < n ? n : 0, 0);
  for (TaskId t = 0; t < n && order.size() < n && cycles.size() < max; ++t) {
    if (waiting[t] == 0) continue;
    // Every task left over needs another one that is left over: following them must come round.
    std::vector<TaskId> walk;
    TaskId here = t;
    while (seen_at[here] == 0) {
      walk.push_back(here);
      seen_at[here] = static_cast<std::uint32_t>(walk.size());
      for (TaskId need : w.needs(here))
        if (waiting[need] != 0) {
          here = need;
          break;
        }
    }
    std::vector<TaskId> cycle(walk.begin() + seen_at[here] - 1, walk.end());
    for (TaskId s : walk)
      seen_at[s] = 0;
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    std::size_t from = order.size();
    for (TaskId c : cycle) {
      waiting[c] = 0;
      order.push_back(c);
    }
    settle(from);
    cycles.push_back(std::move(cycle));
  }
  ranks_.assign(n, 0);
  for (std::uint32_t i = 0; i < order.size(); ++i)
    ranks_[order[i]] = i;
  return cycles;
}

void WorkflowBuilder::make_members() {
  Workflow& w = *workflow_;
  if (w.groups_.empty()) return;
  std::sort(w.groups_.begin(), w.groups_.end());
  std::vector<std::uint32_t> counts(w.groups_.size() + 1, 0);
  auto ordinal = [&](TaskId group) {
    auto it = std::lower_bound(w.groups_.begin(), w.groups_.end(), group);
    PAWL_ASSERT(it != w.groups_.end() && *it == group);
    return static_cast<std::size_t>(it - w.groups_.begin());
  };
  for (const TaskNode& n : w.nodes_)
    if (n.parent != kNoTask) ++counts[ordinal(n.parent) + 1];
  for (std::size_t i = 1; i < counts.size(); ++i)
    counts[i] += counts[i - 1];
  w.members_at_ = counts;
  w.members_.resize(counts.back());
  for (TaskId t = 0; t < w.nodes_.size(); ++t)
    if (w.nodes_[t].parent != kNoTask) w.members_[counts[ordinal(w.nodes_[t].parent)]++] = t;
}

void WorkflowBuilder::make_paths() {
  Workflow& w = *workflow_;
  std::size_t n = w.nodes_.size();
  std::vector<std::uint64_t> hashes(n);
  for (TaskId t = 0; t < n; ++t) {
    // A group stands before its members, so its own hash is there already.
    TaskId parent = w.nodes_[t].parent;
    hashes[t] = path_hash(parent == kNoTask ? kPathSeed : hashes[parent], w.own_name(t));
  }
  w.by_path_.resize(n);
  for (TaskId t = 0; t < n; ++t)
    w.by_path_[t] = t;
  std::sort(w.by_path_.begin(), w.by_path_.end(), [&](TaskId a, TaskId b) {
    return hashes[a] != hashes[b] ? hashes[a] < hashes[b] : a < b;
  });
}

Result<std::shared_ptr<const Workflow>> WorkflowBuilder::finish() {
  Workflow& w = *workflow_;
  if (ranks_.size() != w.nodes_.size() || !needs_closed_) {
    auto cycles = find_cycles(1);
    if (!cycles.empty()) {
      std::string path;
      for (TaskId t : cycles[0])
        path += str(w.path(t), " -> ");
      return Error{Errc::invalid_workflow,
                   str("tasks need each other in a circle: ", path, w.path(cycles[0][0]))};
    }
  }
  table_.clear();
  table_.shrink_to_fit();
  ranks_.clear();
  ranks_.shrink_to_fit();
  for (const TaskNode& n : w.nodes_)
    PAWL_ASSERT(n.def < w.defs.size());
  make_members();
  make_paths();
  w.constrained_ = w.concurrency.has_value();
  for (const TaskDef& d : w.defs)
    w.constrained_ = w.constrained_ || !d.resources.empty();
  w.nodes_.shrink_to_fit();
  w.names_.shrink_to_fit();
  w.needs_at_.shrink_to_fit();
  w.defs.shrink_to_fit();
  w.roots_.shrink_to_fit();
  w.finals_.shrink_to_fit();
  w.groups_.shrink_to_fit();
  return std::shared_ptr<const Workflow>(std::move(workflow_));
}

}  // namespace pawl::core
