#pragma once
// Witness: what tasks put out, by what bodies said when they ended, never by what the engine kept;
// and a scope on top of it, in which the checkers evaluate the file's expressions again.

#include <map>
#include <tuple>

#include "core/expr.h"
#include "tests/sim/check.h"

namespace pawl::sim {

class Witness {
 public:
  Witness(const History& history, const Stores& stores);
  // The body of an attempt, or nullptr.
  const Execution* body(std::uint32_t node, RunId run, TaskId t, Attempt a) const;
  // What a task's outputs are in this scene. nullopt: it cannot be known from outside.
  std::optional<Json> outputs(const RunStory& s, const Scene& scene, TaskId t) const;

 private:
  std::optional<Json> of_one(const RunStory& s, const Scene& scene, TaskId t) const;
  const History& history_;
  const Stores& stores_;
  std::map<std::tuple<std::uint32_t, RunId, TaskId, Attempt>, const Execution*> bodies_;
};

// As an expression of task t sees its run in this scene; kNoTask: as the run's own outputs do.
class SceneScope final : public core::Scope {
 public:
  SceneScope(const Witness& witness, const RunStory& s, const Scene& scene, TaskId t)
      : witness_(witness), s_(s), scene_(scene), task_(t) {}
  Result<Json> inputs() const override { return s_.run->inputs; }
  Result<Json> params() const override { return unknown_value(); }
  Result<Json> run() const override { return unknown_value(); }
  Result<Json> item() const override { return unknown_value(); }
  Result<Json> index() const override { return unknown_value(); }
  Result<Json> secret(std::string_view) const override { return unknown_value(); }
  Result<Json> task(TaskId t, core::TaskField field) const override;
  bool status(core::StatusFunction f) const override;
  // Something was read that an observer cannot know: the value says nothing.
  bool unknown() const { return unknown_; }

 private:
  Result<Json> unknown_value() const {
    unknown_ = true;
    return Json::object();
  }
  const Witness& witness_;
  const RunStory& s_;
  const Scene& scene_;
  TaskId task_;
  mutable bool unknown_ = false;
};

}  // namespace pawl::sim
