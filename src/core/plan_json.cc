#include "core/plan_json.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::core {

std::vector<std::uint32_t> waves_of(const Workflow& w) {
  auto n = w.task_count();
  std::vector<std::uint32_t> wave(n, 0), waits(n, 0);
  std::vector<TaskId> ready;
  // A group is done after its last member: who needs the group waits for its deepest wave.
  std::vector<std::uint32_t> end(n, 0), open_members(n, 0);
  for (TaskId t = 0; t < n; ++t) {
    waits[t] = static_cast<std::uint32_t>(w.needs(t).size());
    open_members[t] = static_cast<std::uint32_t>(w.members(t).size());
  }
  auto start = [&](TaskId t) {
    std::uint32_t at = 1;
    for (TaskId need : w.needs(t))
      at = std::max(at, end[need] + 1);
    if (auto g = w.node(t).parent; g != kNoTask) at = std::max(at, wave[g]);
    wave[t] = end[t] = at;
    ready.push_back(t);
  };
  for (TaskId t = 0; t < n; ++t) {
    if (waits[t] == 0 && w.node(t).parent == kNoTask && !w.node(t).is_finally) start(t);
  }
  auto finish = [&](auto&& self, TaskId t) -> void {
    for (TaskId d : w.dependents(t)) {
      auto g = w.node(d).parent;
      if (--waits[d] == 0 && (g == kNoTask || wave[g] > 0)) start(d);
    }
    auto g = w.node(t).parent;
    if (g == kNoTask) return;
    end[g] = std::max(end[g], end[t]);
    if (--open_members[g] == 0) self(self, g);
  };
  auto drain = [&] {
    for (std::size_t i = 0; i < ready.size(); ++i) {
      TaskId t = ready[i];
      if (w.members(t).empty()) {
        finish(finish, t);
        continue;
      }
      for (TaskId m : w.members(t)) {
        if (waits[m] == 0 && wave[m] == 0) start(m);
      }
    }
    ready.clear();
  };
  drain();
  std::uint32_t last = 0;
  for (auto at : end)
    last = std::max(last, at);
  for (TaskId t : w.finals()) {
    if (waits[t] == 0) start(t);
  }
  drain();
  // The main phase ends before any finally task begins.
  std::vector<bool> is_final(n, false);
  for (TaskId t = 0; t < n; ++t) {
    TaskId top = t;
    while (w.node(top).parent != kNoTask)
      top = w.node(top).parent;
    if (w.node(top).is_finally) wave[t] += last;
  }
  return wave;
}

std::vector<TaskId> wave_order(const std::vector<std::uint32_t>& waves) {
  std::vector<TaskId> order(waves.size());
  for (TaskId t = 0; t < order.size(); ++t)
    order[t] = t;
  std::stable_sort(order.begin(), order.end(),
                   [&](TaskId a, TaskId b) { return waves[a] < waves[b]; });
  return order;
}

namespace {

Json names(const Workflow& w, std::span<const TaskId> tasks) {
  Json out = Json::array();
  for (TaskId t : tasks)
    out.push(w.path(t));
  return out;
}

}  // namespace

Json planned_task_to_json(const Workflow& w, TaskId t, std::uint32_t wave) {
  const auto& def = w.def(t);
  Json j = Json::object();
  j.set("name", w.path(t)).set("wave", wave);
  j.set("action", def.executor == Executor::group ? "group" : def.action);
  if (!def.title.empty()) j.set("title", def.title);
  j.set("needs", names(w, w.needs(t)));
  if (w.node(t).parent != kNoTask) j.set("group", w.path(w.node(t).parent));
  if (w.node(t).is_finally) j.set("finally", true);
  if (def.condition) j.set("if", def.condition->text());
  if (def.for_each) {
    j.set("for_each", def.for_each->source());
    if (def.for_each->is_constant()) j.set("elements", def.for_each->source().size());
    if (def.max_parallel) j.set("max_parallel", def.max_parallel);
  }
  if (def.queue != "default") j.set("queue", def.queue);
  if (!def.resources.empty()) {
    Json resources = Json::object();
    for (const auto& r : def.resources)
      resources.set(r.name, r.amount);
    j.set("resources", resources);
  }
  if (def.retry.max_attempts > 1) j.set("max_attempts", def.retry.max_attempts);
  if (def.timeout.attempt.count() > 0) j.set("timeout", print_duration(def.timeout.attempt));
  if (def.allow_failure) j.set("allow_failure", true);
  return j;
}

}  // namespace pawl::core
