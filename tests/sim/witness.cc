#include "tests/sim/witness.h"

#include <algorithm>

namespace pawl::sim {

using core::Executor;
using core::Reason;
using core::StatusFunction;
using core::TaskField;
using core::TaskState;

Witness::Witness(const History& history, const Stores& stores)
    : history_(history), stores_(stores) {
  for (const Execution& e : history_.executions) {
    if (e.end != Execution::End::completed) continue;
    bodies_[{e.node, e.fence.run, e.fence.task, e.fence.attempt}] = &e;
  }
}

const Execution* Witness::body(std::uint32_t node, RunId run, TaskId t, Attempt a) const {
  auto at = bodies_.find({node, run, t, a});
  return at == bodies_.end() ? nullptr : at->second;
}

std::optional<Json> Witness::of_one(const RunStory& s, const Scene& scene, TaskId t) const {
  if (scene.tasks[t] != TaskState::completed) return Json();
  switch (s.run->def(t).executor) {
    case Executor::sleep:
      return Json();
    case Executor::worker: {
      // A recovered run takes over what its source did, which may have taken it over itself.
      for (const core::Run* run = s.run; run;
           run = run->source ? stores_.run(s.node, run->source) : nullptr) {
        if (const Execution* e = body(s.node, run->id, t, scene.attempts[t])) {
          return e->outputs.size() > 0 ? e->outputs : Json();
        }
      }
      return std::nullopt;
    }
    case Executor::workflow: {
      const core::TaskExtra* x = s.run->extra(t);
      bool last = s.run->rows[t].state == TaskState::completed &&
                  s.run->rows[t].attempt == scene.attempts[t];
      const core::Run* child = x && x->child && last ? stores_.run(s.node, x->child) : nullptr;
      if (!child) return std::nullopt;
      return child->outputs;
    }
    default:
      return std::nullopt;
  }
}

std::optional<Json> Witness::outputs(const RunStory& s, const Scene& scene, TaskId t) const {
  const core::Run& run = *s.run;
  if (run.is_fan_out(t)) {
    bool replaced = std::any_of(run.fan_outs.begin(), run.fan_outs.end(),
                                [&](const auto& f) { return f.parent == t && f.dead; });
    // Its elements are those of the end; a skipped one may have had none yet, or old ones.
    bool opened = scene.tasks[t] == TaskState::completed || scene.tasks[t] == TaskState::failed;
    if (replaced || !opened) return std::nullopt;
    if (!run.fan_out_of(t)) return Json();
    Json::Array all;
    for (TaskId c : s.inner(t)) {
      auto one = of_one(s, scene, c);
      if (!one) return std::nullopt;
      all.push_back(std::move(*one));
    }
    return Json(std::move(all));
  }
  const core::TaskDef& def = run.def(t);
  if (run.is_child(t) || def.executor != Executor::group) return of_one(s, scene, t);
  if (!def.outputs.source().is_null()) {
    SceneScope scope(*this, s, scene, kNoTask);
    auto made = def.outputs.render(scope);
    if (!made.ok() || scope.unknown()) return std::nullopt;
    return *made;
  }
  Json made = Json::object();
  for (TaskId m : run.workflow().members(t)) {
    auto inner = outputs(s, scene, m);
    if (!inner) return std::nullopt;
    made.set(run.workflow().own_name(m), std::move(*inner));
  }
  return made;
}

Result<Json> SceneScope::task(TaskId t, TaskField field) const {
  switch (field) {
    case TaskField::state:
      return Json(to_string(scene_.tasks[t]));
    case TaskField::attempts:
      return Json(scene_.attempts[t]);
    case TaskField::outputs:
      if (auto value = witness_.outputs(s_, scene_, t)) return *value;
      return unknown_value();
    case TaskField::verdict:
      return unknown_value();
  }
  return unknown_value();
}

// What docs/workflow-file.md says of success(), none_failed(), failure() and always().
bool SceneScope::status(StatusFunction f) const {
  const core::Workflow& w = s_.run->workflow();
  auto allowed = [&](TaskId t) { return s_.run->def(t).allow_failure; };
  auto completed = [&](TaskId t) {
    return scene_.tasks[t] == TaskState::completed ||
           (scene_.tasks[t] == TaskState::failed && allowed(t));
  };
  auto failed = [&](TaskId t) {
    bool stopped =
        scene_.tasks[t] == TaskState::skipped && scene_.reasons[t] == Reason::upstream_failed;
    return stopped || (scene_.tasks[t] == TaskState::failed && !allowed(t));
  };
  TaskId d = s_.run->definition(task_);
  std::vector<TaskId> back(w.needs(d).begin(), w.needs(d).end());
  if (w.node(d).is_finally && w.node(d).parent == kNoTask) {
    back.insert(back.end(), w.roots().begin(), w.roots().end());
  }
  switch (f) {
    case StatusFunction::always:
      return true;
    case StatusFunction::success:
      return std::all_of(back.begin(), back.end(), completed);
    case StatusFunction::failure:
      return std::any_of(back.begin(), back.end(), failed);
    case StatusFunction::none_failed:
      return std::none_of(back.begin(), back.end(), [&](TaskId t) {
        return failed(t) || scene_.tasks[t] == TaskState::cancelled;
      });
  }
  return false;
}

}  // namespace pawl::sim
