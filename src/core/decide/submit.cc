// submit: a new run, with its rows, its name and its concurrency key. admit: its tasks may open.
#include <algorithm>

#include "base/text.h"
#include "core/decide/decider.h"
#include "core/event.h"

namespace pawl::core {
namespace {

std::string default_name(const Workflow& w, const Json& inputs) {
  // Lists must tell runs apart: the first three inputs, where the workflow gives no run_name.
  std::string name;
  int shown = 0;
  for (const auto& [key, value] : inputs.as_object()) {
    if (value.is_array() || value.is_object() || value.is_null()) continue;
    bool secret = std::any_of(
        w.inputs.begin(), w.inputs.end(),
        [&wanted = key](const InputDef& def) { return def.secret && def.name == wanted; });
    if (secret) continue;
    if (shown++ == 3) break;
    name +=
        str(shown == 1 ? "" : " ", key, "=", value.is_string() ? value.as_string() : value.dump());
  }
  if (name.size() > 120) name.resize(120);
  return to_valid_utf8(name);
}

}  // namespace

Status render_key(Run& run, const Context& ctx) {
  const auto& concurrency = run.workflow().concurrency;
  if (!concurrency) return {};
  auto key = concurrency->key.render(RunScope(run, kNoTask, ctx));
  if (!key.ok()) return {Errc::invalid_workflow, str("concurrency.key: ", key.error().message)};
  run.key = key->is_string() ? key->as_string() : key->dump();
  return {};
}

Result<Run> submit(std::shared_ptr<const Plan> plan, const SubmitOptions& options, Context& ctx) {
  Run run;
  const Workflow& w = *plan->workflow;
  run.id = options.id;
  run.plan = std::move(plan);
  run.created = run.tail_time = run.written.time = ctx.now;
  run.parent = options.parent;
  run.parent_task = options.parent_task;
  run.source = options.source;
  run.job = options.job;
  run.labels = options.labels;
  run.priority = options.priority;
  run.inputs = options.inputs.is_null() ? Json::object() : options.inputs;
  run.name = options.name;
  RunScope scope(run, kNoTask, ctx);
  if (run.name.empty() && !w.run_name.source().is_null()) {
    auto name = w.run_name.render(scope);
    if (!name.ok()) return Error{Errc::invalid_workflow, str("run_name: ", name.error().message)};
    run.name = name->is_string() ? name->as_string() : name->dump();
  }
  if (run.name.empty()) run.name = default_name(w, run.inputs);
  TRY(render_key(run, ctx));
  run.tail.reserve(kTailRoom + run.name.size());
  run.rows.resize(w.task_count());
  for (TaskId t = 0; t < w.task_count(); ++t)
    run.rows[t].waits = run.plan->initial_waits[t];
  run.counts[static_cast<std::size_t>(TaskState::pending)] = w.task_count();
  run.open_roots = static_cast<std::uint32_t>(w.roots().size());
  run.open_finals = static_cast<std::uint32_t>(w.finals().size());
  run.lanes.resize(run.plan->lanes.size());
  for (std::uint32_t s = 0; s * kRowsPerSegment < run.task_count(); ++s) {
    run.dirty_segments.push_back(s);
  }
  Decider d(run, ctx);
  d.event(EventKind::submitted, kNoTask, run.name);
  return run;
}

Status decide(Run& run, const Admit&, Context& ctx) {
  if (run.admitted) return {Errc::conflict, str("run ", run.id.value, " was admitted before")};
  if (is_final(run.state)) return {Errc::conflict, str("run ", run.id.value, " is at its end")};
  Decider d(run, ctx);
  run.admitted = true;
  run.started = ctx.now;
  d.changed();  // also where it is paused, and nothing else follows
  if (run.state == RunState::paused) {
    run.before_pause = RunState::running;
  } else {
    d.move_run(RunState::running);
  }
  d.open_roots();
  d.drain();
  return {};
}

}  // namespace pawl::core
