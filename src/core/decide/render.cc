// An attempt's expressions, evaluated: what a worker is given. And a run as expressions see it.
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

Json task_output(const Run& run, TaskId t, const Context& ctx, Error& error) {
  const TaskExtra* x = run.extra(t);
  if (!x) return Json();
  if (x->output_hash.empty()) return x->output;
  auto value = ctx.payload ? ctx.payload(run.id, x->output_hash)
                           : Result<Json>(Errc::unavailable, "large outputs cannot be read here");
  if (value.ok()) return *value;
  error = value.error();
  return Json();
}

bool feeds_fan_out(const TaskDef& def, TaskId need) {
  for (const Expr* e : def.for_each->expressions()) {
    for (TaskId t : e->tasks()) {
      if (t == need) return true;
    }
  }
  return false;
}

std::string as_text(const Json& v) { return v.is_string() ? v.as_string() : v.dump(); }

}  // namespace

Result<Json> outputs_of(const Run& run, TaskId t, const Context& ctx) {
  Error error{Errc::internal, ""};
  Json result;
  const TaskDef& def = run.def(t);
  if (const FanOut* f = run.fan_out_of(t)) {
    Json::Array all;
    all.reserve(f->count);
    for (TaskId c = f->first; c < f->first + f->count; ++c) {
      all.push_back(task_output(run, c, ctx, error));
    }
    result = Json(std::move(all));
  } else if (!run.is_child(t) && def.executor == Executor::group &&
             def.outputs.source().is_null()) {
    result = Json::object();
    for (TaskId m : run.workflow().members(t)) {
      auto inner = outputs_of(run, m, ctx);
      if (!inner.ok()) return inner;
      result.set(run.workflow().own_name(m), *inner);
    }
  } else if (!run.is_child(t) && def.executor == Executor::group) {
    return def.outputs.render(RunScope(run, kNoTask, ctx));
  } else {
    result = task_output(run, t, ctx, error);
  }
  if (!error.message.empty()) return error;
  return result;
}

Result<Json> RunScope::params() const {
  if (task_ == kNoTask) return Json::object();
  const TaskDef& def = run_.def(task_);
  Json params = Json::object();
  if (!def.params.source().is_null()) {
    if (in_params_) return {Errc::invalid_workflow, "`params` cannot be defined by `params`"};
    in_params_ = true;
    auto rendered = def.params.render(*this);
    in_params_ = false;
    if (!rendered.ok()) return rendered;
    if (!rendered->is_object()) {
      return {Errc::invalid_workflow,
              str("`params` must be an object, found ", Json::type_name(rendered->type()))};
    }
    params = *rendered;
  }
  auto edited = [&](TaskId t) {
    const TaskExtra* x = run_.extra(t);
    if (!x || !x->params.is_object()) return;
    for (const auto& [key, value] : x->params.as_object())
      params.set(key, value);
  };
  // What was set for a fan-out holds for elements that it made since.
  if (run_.is_child(task_)) edited(run_.fan_out_of_child(task_).parent);
  edited(task_);
  return params;
}

Result<Json> RunScope::run() const {
  Json j = Json::object();
  j.set("id", str(run_.id.value));
  j.set("name", run_.name);
  j.set("workflow", run_.workflow().name);
  j.set("version", run_.plan->version);
  j.set("state", to_string(run_.state));
  j.set("created_at", format_time(run_.created));
  j.set("started_at", format_time(run_.started));
  j.set("attempt", task_ == kNoTask ? Json() : Json(run_.rows[task_].attempt));
  return j;
}

Result<Json> RunScope::item() const {
  if (task_ == kNoTask || !run_.is_child(task_)) {
    return {Errc::invalid_workflow, "`item` exists only in tasks with for_each"};
  }
  const FanOut& f = run_.fan_out_of_child(task_);
  const TaskExtra* x = run_.extra(f.parent);
  return x ? x->items[task_ - f.first] : Json();
}

Result<Json> RunScope::index() const {
  if (task_ == kNoTask || !run_.is_child(task_)) {
    return {Errc::invalid_workflow, "`index` exists only in tasks with for_each"};
  }
  return Json(task_ - run_.fan_out_of_child(task_).first);
}

Result<Json> RunScope::secret(std::string_view name) const {
  if (!ctx_.secret) return {Errc::invalid_workflow, str("secrets.", name, ": no secrets here")};
  auto value = ctx_.secret(name);
  if (!value.ok()) return value.error();
  secrets_.emplace_back(std::string(name), *value);
  return Json(*value);
}

Result<Json> RunScope::task(TaskId t, TaskField field) const {
  switch (field) {
    case TaskField::outputs:
      return outputs_of(run_, t, ctx_);
    case TaskField::state:
      return Json(to_string(run_.rows[t].state));
    case TaskField::attempts:
      return Json(run_.rows[t].attempt);
    case TaskField::verdict: {
      const TaskRow& r = run_.rows[t];
      const TaskExtra* x = run_.extra(t);
      if (r.state == TaskState::failed) return Json("fail");
      if (r.state != TaskState::completed) return Json();
      return Json(x && x->warnings > 0 ? "warning" : "pass");
    }
  }
  return Json();
}

bool RunScope::status(StatusFunction f) const {
  if (task_ != kNoTask && decider_) return decider_->status(task_, f);
  bool failed = false, cancelled = run_.cancelling;
  for (TaskId t : run_.workflow().roots()) {
    failed |= run_.rows[t].state == TaskState::failed && !run_.def(t).allow_failure;
    cancelled |= run_.rows[t].state == TaskState::cancelled;
  }
  switch (f) {
    case StatusFunction::always:
      return true;
    case StatusFunction::failure:
      return failed;
    case StatusFunction::success:
    case StatusFunction::none_failed:
      return !failed && !cancelled;
  }
  return false;
}

namespace {

Status fill_process(Assignment& a, const Json& env, const Json& args, const Json& cwd) {
  auto expected = [](const char* what, const char* type, const Json& found) -> Status {
    return {Errc::invalid_workflow,
            str(what, ": expected ", type, ", found ", Json::type_name(found.type()))};
  };
  if (!env.is_null()) {
    if (!env.is_object()) return expected("env", "an object", env);
    a.env = Json::object();
    for (const auto& [key, value] : env.as_object()) {
      if (!value.is_null()) a.env.set(key, as_text(value));
    }
  }
  if (!args.is_null()) {
    if (!args.is_array()) return expected("args", "an array", args);
    a.args = Json::array();
    for (const Json& v : args.as_array())
      a.args.push(as_text(v));
  }
  if (!cwd.is_null()) a.cwd = as_text(cwd);
  return {};
}

// What the task finds in the file $PAWL_INPUT.
Status fill_input(Assignment& a, const Run& run, TaskId t, const Context& ctx,
                  const RunScope& scope) {
  const TaskDef& def = run.def(t);
  bool function = def.action == kFunctionAction;  // many and short; they read no more than outputs
  a.input = Json::object();
  a.input.set("inputs", run.inputs);
  if (!function) {
    auto params = scope.params();
    if (!params.ok()) return {params.error().code, str("params: ", params.error().message)};
    a.input.set("params", *params);
  }
  Json needs = Json::object();
  for (TaskId n : run.workflow().needs(run.definition(t))) {
    // An element is given its item, not the whole list again a million times.
    if (run.is_child(t) && feeds_fan_out(def, n)) continue;
    auto outputs = outputs_of(run, n, ctx);
    if (!outputs.ok()) return outputs.error();
    Json need = Json::object();
    if (!function) need.set("state", to_string(run.rows[n].state));
    need.set("outputs", *outputs);
    needs.set(run.workflow().own_name(n), std::move(need));
  }
  a.input.set("tasks", std::move(needs));
  if (run.is_child(t)) {
    a.input.set("item", TRY(scope.item()));
    a.input.set("index", TRY(scope.index()));
  }
  return {};
}

}  // namespace

Result<Assignment> render_attempt(const Run& run, TaskId t, const Context& ctx) {
  const TaskRow& row = run.rows[t];
  const TaskDef& def = run.def(t);
  Assignment a;
  a.fence = {run.id, t, row.attempt, row.lease};
  a.workflow = run.plan->workflow;
  a.def = &def;
  a.path = run.path(t);
  const TaskExtra* x = run.extra(t);
  if (x) {
    a.resume = x->resume;
    a.before = x->before;
    if (x->resume == Resume::checkpoint) a.checkpoint = x->checkpoint;
    if (x->resume == Resume::best_checkpoint) a.checkpoint = x->best;
  }
  if (def.action == "noop" && def.with.is_constant() && def.params.is_constant()) {
    a.with = def.with.source();
    return a;
  }
  a.base_dir = run.plan->base_dir;
  RunScope scope(run, t, ctx);
  auto part = [&](const char* what, const Template& from, Json& to) -> Status {
    auto value = from.render(scope);
    if (!value.ok()) return {value.error().code, str(what, ": ", value.error().message)};
    to = std::move(*value);
    return {};
  };
  Json env, args, cwd;
  TRY(part("with", def.with, a.with));
  TRY(part("env", def.env, env));
  TRY(part("args", def.args, args));
  TRY(part("cwd", def.cwd, cwd));
  TRY(fill_process(a, env, args, cwd));
  TRY(fill_input(a, run, t, ctx, scope));
  a.secrets = scope.secrets_read();
  return a;
}

}  // namespace pawl::core
