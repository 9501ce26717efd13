#include "core/run_json.h"

#include <algorithm>

#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

Json text_or_null(std::string_view text) { return text.empty() ? Json() : Json(text); }
Json time_or_null(Time t) { return t == kNoTime || t == kNever ? Json() : Json(format_time(t)); }
Json id_or_null(RunId id) { return id ? Json(str(id.value)) : Json(); }

// The outputs a reader may count on: a task that did not complete has none.
Json outputs_or_null(const Run& run, TaskId t, const Context& ctx) {
  bool holds_elements = run.fan_out_of(t) != nullptr;
  if (run.rows[t].state != TaskState::completed && !holds_elements) return Json();
  auto outputs = outputs_of(run, t, ctx);
  return outputs.ok() ? *outputs : Json();
}

Json progress_to_json(const Progress& p) {
  Json j = Json::object();
  j.set("current", p.current);
  j.set("total", p.total > 0 ? Json(p.total) : Json());
  j.set("unit", text_or_null(p.unit));
  return j;
}

// What only some tasks have.
void add_rare(Json& j, const Run& run, TaskId t) {
  const TaskRow& r = run.rows[t];
  if (r.worker) j.set("worker", r.worker.value);
  if (r.cancel_asked) j.set("cancel_asked", true);
  if (r.reused) j.set("reused", true);
  const TaskExtra* x = run.extra(t);
  if (!x) return;
  if (!x->params.is_null()) j.set("params", x->params);
  if (x->has_progress) j.set("progress", progress_to_json(x->progress));
  if (!x->metrics.empty()) {
    Json metrics = Json::object();
    for (const auto& [name, value] : x->metrics)
      metrics.set(name, value);
    j.set("metrics", std::move(metrics));
  }
  if (x->wake != kNever) j.set("wake_at", format_time(x->wake));
  if (x->child) j.set("child_run", str(x->child.value));
  if (!x->question.empty()) j.set("question", x->question);
  if (!x->preview.is_null()) j.set("preview", x->preview);
  if (!x->note.empty()) j.set("note", x->note);
}

Json labels_to_json(const std::string& labels) {
  auto parsed = Json::parse(labels.empty() ? std::string_view("{}") : std::string_view(labels));
  return parsed.ok() ? *parsed : Json(labels);
}

// Inputs that the workflow calls secret are shown as given, never what.
Json shown_inputs(const Run& run) {
  Json inputs = run.inputs;
  for (const InputDef& def : run.workflow().inputs) {
    if (def.secret && inputs.find(def.name)) inputs.set(def.name, "***");
  }
  return inputs;
}

Json counts_to_json(const Run& run) {
  Json j = Json::object();
  for (int s = 0; s < kTaskStateCount; ++s) {
    auto n = run.counts[static_cast<std::size_t>(s)];
    if (n > 0) j.set(to_string(static_cast<TaskState>(s)), n);
  }
  return j;
}

Json task_json(const Run& run, TaskId t, const Context& ctx, bool with_outputs) {
  PAWL_ASSERT(t < run.task_count());
  const TaskRow& r = run.rows[t];
  const TaskDef& def = run.def(t);
  const TaskExtra* x = run.extra(t);
  TaskId parent = run.parent_of(t);
  bool group = def.executor == Executor::group;
  Json j = Json::object();
  j.set("name", run.path(t));
  j.set("parent", parent == kNoTask ? Json() : Json(run.path(parent)));
  if (!def.title.empty()) j.set("title", def.title);
  if (run.is_child(t)) j.set("index", t - run.fan_out_of_child(t).first);
  j.set("action", group ? "group" : def.action);
  j.set("state", to_string(r.state));
  auto verdict = RunScope(run, t, ctx).task(t, TaskField::verdict);
  j.set("verdict", verdict.ok() ? *verdict : Json());
  j.set("reason", r.reason == Reason::none ? Json() : Json(to_string(r.reason)));
  j.set("attempts", r.attempt);
  j.set("queue", def.executor == Executor::worker ? Json(def.queue) : Json());
  j.set("queued_at", time_or_null(r.queued));
  j.set("started_at", time_or_null(r.started));
  j.set("finished_at", time_or_null(r.finished));
  j.set("error", x ? text_or_null(x->error) : Json());
  bool failed = x && x->failure != FailureClass::none;
  j.set("failure_class", failed ? Json(to_string(x->failure)) : Json());
  j.set("exit_code", x && x->exit_code != 0 ? Json(x->exit_code) : Json());
  j.set("warnings", x ? Json(x->warnings) : Json(0));
  if (with_outputs) j.set("outputs", outputs_or_null(run, t, ctx));
  add_rare(j, run, t);
  return j;
}

}  // namespace

Json task_to_json(const Run& run, TaskId t, const Context& ctx) {
  return task_json(run, t, ctx, true);
}

Json task_head_to_json(const Run& run, TaskId t, const Context& ctx) {
  return task_json(run, t, ctx, false);
}

Json run_head_to_json(const Run& run) {
  Json j = Json::object();
  j.set("run_id", str(run.id.value));
  j.set("workflow", run.workflow().name);
  j.set("version", run.plan->version);
  j.set("name", run.name);
  j.set("job", text_or_null(run.job));
  j.set("labels", labels_to_json(run.labels));
  j.set("priority", run.priority);
  j.set("state", to_string(run.state));
  j.set("verdict", run.verdict == Verdict::none ? Json() : Json(to_string(run.verdict)));
  j.set("inputs", shown_inputs(run));
  j.set("outputs", run.outputs);
  j.set("error", text_or_null(run.error));
  j.set("exit_code", is_final(run.state) ? Json(run_exit_code(run, false)) : Json());
  j.set("created_at", time_or_null(run.created));
  j.set("started_at", time_or_null(run.started));
  j.set("finished_at", time_or_null(run.finished));
  j.set("parent", id_or_null(run.parent));
  j.set("source", id_or_null(run.source));
  j.set("pause_reason", text_or_null(run.pause_reason));
  j.set("counts", counts_to_json(run));
  return j;
}

Json run_to_json(const Run& run, const Context& ctx) {
  Json j = run_head_to_json(run);
  Json::Array tasks;
  tasks.reserve(run.task_count());
  for (TaskId t : display_order(run))
    tasks.push_back(task_to_json(run, t, ctx));
  j.set("tasks", Json(std::move(tasks)));
  return j;
}

Json event_to_json(const Run& run, const Event& e) {
  Json j = Json::object();
  j.set("seq", e.seq);
  j.set("time", format_time(e.time));
  j.set("kind", to_string(e.kind));
  bool known = e.task != kNoTask && e.task < run.task_count();
  j.set("task", known ? Json(run.path(e.task)) : Json());
  j.set("attempt", e.attempt > 0 ? Json(e.attempt) : Json());
  j.set("state", e.kind == EventKind::task_state  ? Json(to_string(e.task_state))
                 : e.kind == EventKind::run_state ? Json(to_string(e.run_state))
                                                  : Json());
  j.set("reason", e.reason == Reason::none ? Json() : Json(to_string(e.reason)));
  j.set("text", text_or_null(e.text));
  return j;
}

int run_exit_code(const Run& run, bool fail_on_warning) {
  switch (run.state) {
    case RunState::completed:
      if (run.verdict == Verdict::fail) return 4;
      return fail_on_warning && run.verdict == Verdict::warning ? 4 : 0;
    case RunState::failed:
      return run.rejected ? 5 : 3;
    case RunState::cancelled:
      return 5;
    default:
      return 1;
  }
}

std::vector<TaskId> display_order(const Run& run) {
  std::vector<const FanOut*> live;
  for (const FanOut& f : run.fan_outs) {
    if (!f.dead) live.push_back(&f);
  }
  std::sort(live.begin(), live.end(),
            [](const FanOut* a, const FanOut* b) { return a->parent < b->parent; });
  std::vector<TaskId> order;
  order.reserve(run.task_count());
  auto next = live.begin();
  for (TaskId t = 0; t < run.workflow().task_count(); ++t) {
    order.push_back(t);
    if (next == live.end() || (*next)->parent != t) continue;
    for (TaskId c = (*next)->first; c < (*next)->first + (*next)->count; ++c)
      order.push_back(c);
    ++next;
  }
  return order;
}

}  // namespace pawl::core
