// The graph: no task begins before what it needs has ended, conditions hold, a fan-out has all of
// its elements, and what a body is given is what the bodies before it put out.
#include <algorithm>

#include "base/text.h"
#include "tests/sim/check.h"
#include "tests/sim/witness.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Executor;
using core::Reason;
using core::StatusFunction;
using core::TaskState;

class Opening {
 public:
  Opening(const Witness& witness, const RunStory& s, const Scene& before, const core::Event& e,
          Problems& problems)
      : witness_(witness), s_(s), before_(before), e_(e), t_(e.task), problems_(problems) {}

  void check() {
    if (e_.task_state == TaskState::cancelled) return;
    TaskId parent = s_.run->parent_of(t_);
    if (parent != kNoTask && is_final(before_.tasks[parent])) {
      if (!is_final(e_.task_state)) say(" began after the end of what holds it");
      return;  // ended with its group
    }
    if (parent != kNoTask && before_.tasks[parent] != TaskState::running) {
      say(" left pending before what holds it had begun");
    }
    if (s_.run->is_child(t_)) return;
    for (TaskId n : s_.run->workflow().needs(t_)) {
      if (!is_final(before_.tasks[n])) {
        say(str(" became ", to_string(e_.task_state), " while ", s_.run->path(n), " was ",
                to_string(before_.tasks[n])));
      }
    }
    condition();
    if (s_.run->is_fan_out(t_)) elements();
  }

 private:
  void say(std::string text) { problems_.add(str(s_.name(t_), text)); }

  void condition() {
    const core::TaskDef& def = s_.run->def(t_);
    const core::TaskNode& node = s_.run->workflow().node(t_);
    SceneScope scope(witness_, s_, before_, t_);
    bool skipped = e_.task_state == TaskState::skipped;
    bool runs_anyway = node.is_finally && node.parent == kNoTask;
    bool own = def.condition && def.condition->uses_status();
    if (!own && !runs_anyway && !scope.status(StatusFunction::success)) {
      if (!skipped) say(str(" became ", to_string(e_.task_state), "; not all it needs completed"));
      return;
    }
    if (!def.condition) {
      if (skipped) say(" was skipped; all it needs completed and it has no condition");
      return;
    }
    auto value = def.condition->evaluate(scope);
    if (scope.unknown()) return;
    bool refused = e_.task_state == TaskState::failed && e_.text.starts_with("if: ");
    if (!value.ok()) {
      if (!refused) say(str(" became ", to_string(e_.task_state), "; its condition is an error"));
      return;
    }
    bool due = core::truthy(*value);
    if (refused || due == skipped) {
      say(str(" became ", to_string(e_.task_state), "; its condition is ", due ? "true" : "false"));
    }
  }

  void elements() {
    if (e_.task_state != TaskState::running && e_.task_state != TaskState::completed) return;
    const core::FanOut* f = nullptr;
    for (const auto& have : s_.run->fan_outs) {
      if (have.parent != t_) continue;
      if (f) return;  // expanded again: which one this was is not told
      f = &have;
    }
    SceneScope scope(witness_, s_, before_, t_);
    auto items = s_.run->def(t_).for_each->render(scope);
    if (scope.unknown() || !items.ok() || !items->is_array() || !f) return;
    if (f->count != items->size()) {
      say(str(" has ", f->count, " elements, its list ", items->size()));
    }
  }

  const Witness& witness_;
  const RunStory& s_;
  const Scene& before_;
  const core::Event& e_;
  TaskId t_;
  Problems& problems_;
};

// The lists of fan-outs as they were when they opened last; null: not known.
using Lists = std::map<TaskId, Json>;

// What a body found in its input, against what those before it put out.
void check_input(const Witness& witness, const RunStory& s, const Scene& before,
                 const Execution& body, const Lists& lists, Problems& problems) {
  TaskId t = body.fence.task;
  auto where = str(s.name(t), " attempt ", body.fence.attempt);
  if (!body.input.is_object()) return;
  if (body.input["inputs"] != s.run->inputs) problems.add(where + " got other inputs of its run");
  const Json& tasks = body.input["tasks"];
  for (TaskId n : s.run->workflow().needs(s.run->definition(t))) {
    const Json* given = tasks.find(s.run->workflow().own_name(n));
    if (!given) {
      if (!s.run->is_child(t)) problems.add(str(where, " got nothing of ", s.run->path(n)));
      continue;
    }
    if ((*given)["state"] != Json(to_string(before.tasks[n]))) {
      problems.add(str(where, " was told that ", s.run->path(n), " is ", (*given)["state"].dump(),
                       "; it is ", to_string(before.tasks[n])));
    }
    auto due = witness.outputs(s, before, n);
    if (due && *due != (*given)["outputs"]) {
      problems.add(str(where, " got ", (*given)["outputs"].dump().substr(0, 100), " of ",
                       s.run->path(n), ", which put out ", due->dump().substr(0, 100)));
    }
  }
  if (!s.run->is_child(t)) return;
  const core::FanOut& f = s.run->fan_out_of_child(t);
  if (body.input["index"] != Json(t - f.first)) problems.add(where + " got a wrong index");
  auto items = lists.find(f.parent);
  if (items == lists.end() || !items->second.is_array()) return;
  if (t - f.first >= items->second.size() || items->second[t - f.first] != body.input["item"]) {
    problems.add(str(where, " got item ", body.input["item"].dump().substr(0, 100)));
  }
}

}  // namespace

void check_needs(const History& history, const Stores& stores, Problems& problems) {
  Witness witness(history, stores);
  for (const RunStory& s : stores.stories(history)) {
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || s.dead(e.task)) return;
      if (before.tasks[e.task] != TaskState::pending) return;
      Opening(witness, s, before, e, problems).check();
    });
  }
}

namespace {

// When a fan-out ends, what its completed elements did was done for the items of its last opening.
void check_elements(const Witness& witness, const RunStory& s, const Scene& before,
                    const core::Event& e, Lists& items, Problems& problems) {
  // One that is reopened around a chosen element keeps its list.
  if (e.task_state == TaskState::running && !is_final(before.tasks[e.task])) {
    SceneScope scope(witness, s, before, e.task);
    auto list = s.run->def(e.task).for_each->render(scope);
    items[e.task] = list.ok() && !scope.unknown() ? *list : Json();
  }
  const Json& list = items[e.task];
  if (!is_final(e.task_state) || before.tasks[e.task] != TaskState::running) return;
  for (TaskId c : s.inner(e.task)) {
    if (before.tasks[c] != TaskState::completed || !list.is_array()) continue;
    const Execution* body = witness.body(s.node, s.run->id, c, before.attempts[c]);
    auto index = c - s.run->fan_out_of_child(c).first;
    if (!body || !body->input.is_object() || index >= list.size()) continue;
    if (body->input["item"] == list[index]) continue;
    problems.add(str(s.name(c), " completed for item ", body->input["item"].dump().substr(0, 50),
                     "; its item is ", list[index].dump().substr(0, 50)));
  }
}

}  // namespace

void check_inputs(const History& history, const Stores& stores, Problems& problems) {
  Witness witness(history, stores);
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::map<Key, const Execution*> given;
  for (const Execution& e : history.executions)
    given.try_emplace({e.node, e.fence.run, e.fence.task, e.fence.attempt}, &e);
  for (const RunStory& s : stores.stories(history)) {
    Lists items;
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state) return;
      if (s.run->is_fan_out(e.task)) check_elements(witness, s, before, e, items, problems);
      if (e.task_state != TaskState::running) return;
      if (!s.by_worker(e.task) || s.dead(e.task)) return;
      auto body = given.find({s.node, s.run->id, e.task, e.attempt});
      if (body != given.end()) check_input(witness, s, before, *body->second, items, problems);
    });
    // What the run itself put out.
    const core::Template& outputs = s.run->workflow().outputs;
    if (s.run->state != core::RunState::completed || outputs.source().is_null()) continue;
    Scene last = s.first_scene();
    for (const Step& step : s.steps)
      RunStory::apply(step.event, last);
    SceneScope scope(witness, s, last, kNoTask);
    auto due = outputs.render(scope);
    if (due.ok() && !scope.unknown() && *due != s.run->outputs) {
      problems.add(str(s.name(), " put out ", s.run->outputs.dump().substr(0, 200),
                       "; its tasks amount to ", due->dump().substr(0, 200)));
    }
  }
}

}  // namespace pawl::sim
