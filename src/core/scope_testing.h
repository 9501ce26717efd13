#pragma once
// A Scope and TaskNames for tests of expressions: values are plain members, given as JSON text.
// The tasks are a (0), a-b (1), and the group g (2) with its member m (3).

#include <map>
#include <string>

#include "core/expr.h"

namespace pawl::core {

inline Json json_of(std::string_view text) {
  auto v = Json::parse(text);
  PAWL_ASSERT(v.ok());
  return *v;
}

class FakeScope : public Scope {
 public:
  Json inputs_value = Json::object(), params_value = Json::object(), run_value = Json::object();
  std::optional<Json> item_value;
  std::map<std::pair<TaskId, TaskField>, Json> tasks;
  StatusFunction holds = StatusFunction::success;

  Result<Json> inputs() const override { return inputs_value; }
  Result<Json> params() const override { return params_value; }
  Result<Json> run() const override { return run_value; }
  Result<Json> item() const override {
    if (item_value) return *item_value;
    return Error{Errc::not_found, "not in a fan-out"};
  }
  Result<Json> index() const override { return Json(7); }
  Result<Json> secret(std::string_view name) const override {
    return Json(std::string(name) + "!");
  }
  Result<Json> task(TaskId t, TaskField f) const override {
    auto it = tasks.find({t, f});
    if (it != tasks.end()) return it->second;
    return Error{Errc::not_found, "the task has not run"};
  }
  bool status(StatusFunction f) const override { return f == holds || f == StatusFunction::always; }
};

// Knows a (task 0), a-b (1), and the group g (2) with its member m (3).
class FakeNames : public TaskNames {
 public:
  Result<Found> resolve(std::span<const std::string> path) const override {
    if (path[0] == "a") return Found{0, 1};
    if (path[0] == "a-b") return Found{1, 1};
    if (path[0] == "g" && path.size() > 1 && path[1] == "m") return Found{3, 2};
    if (path[0] == "g") return Found{2, 1};
    return Error{Errc::not_found, "there is no task \"" + path[0] + "\"\nlook closer"};
  }
};

}  // namespace pawl::core
