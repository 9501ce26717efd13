// Gates: what waits for a person, over all runs, and the answer. A gate's id is RUN.TASK.
#include <charconv>

#include "base/text.h"
#include "core/run_json.h"
#include "server/api.h"
#include "server/api_fields.h"

namespace pawl::server {
namespace {

constexpr std::uint32_t kRunsLookedAt = 200;  // of one page

struct GateId {
  RunId run;
  std::string task;
};

Result<GateId> gate_arg(const Call& call) {
  const auto& text = call.arg("gate_id");
  GateId id;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), id.run.value);
  const bool whole = bad == std::errc{} && end != text.data() + text.size() && *end == '.';
  if (!whole || end + 1 == text.data() + text.size()) {
    return {Errc::not_found,
            str("there is no gate \"", text, "\"; a gate is RUN.TASK, as in 41.approve")};
  }
  id.task = std::string(end + 1, text.data() + text.size());
  return id;
}

Json form_json(const core::TaskDef& def) {
  Json out = Json::array();
  for (const auto& field : def.form) {
    Json j = Json::object();
    j.set("name", field.name).set("required", field.required);
    out.push(j.set("schema", field.schema.is_null() ? Json::object() : field.schema));
  }
  return out;
}

Json gate_json(const core::Run& run, TaskId t) {
  const auto& row = run.rows[t];
  const auto* extra = run.extra(t);
  Json j = Json::object();
  j.set("gate_id", str(run.id.value, ".", run.path(t))).set("run_id", str(run.id.value));
  j.set("workflow", run.workflow().name).set("run_name", run.name).set("task", run.path(t));
  j.set("title", run.def(t).title.empty() ? Json() : Json(run.def(t).title));
  j.set("open", row.state == core::TaskState::waiting);
  j.set("question", extra ? Json(extra->question) : Json(""));
  j.set("preview", extra ? extra->preview : Json());
  j.set("form", form_json(run.def(t)));
  j.set("since", row.started == kNoTime ? Json() : Json(format_time(row.started)));
  const bool timed = extra && extra->wake != kNever;
  return j.set("until", timed ? Json(format_time(extra->wake)) : Json());
}

bool is_gate(const core::Run& run, TaskId t) {
  return run.def(t).executor == core::Executor::gate && !run.is_fan_out(t);
}

void add_open_gates(const core::Run& run, Json& items) {
  if (run.counts[static_cast<std::size_t>(core::TaskState::waiting)] == 0) return;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (run.rows[t].state == core::TaskState::waiting && is_gate(run, t))
      items.push(gate_json(run, t));
  }
}

Result<HttpResponse> list_gates(Api& api, Call& call) {
  Json items = Json::array();
  if (call.param("run_id")) {
    const auto id =
        TRY(number_param(call, "run_id", 0, 1, std::numeric_limits<std::int64_t>::max()));
    TRY(api.engine.inspect(RunId{id}, [&](const core::Run& run) { add_open_gates(run, items); }));
    return page_response(call, std::move(items), "");
  }
  const auto limit =
      static_cast<std::size_t>(TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit)));
  store::RunFilter filter;
  filter.states = 0;
  for (auto s : {core::RunState::running, core::RunState::paused, core::RunState::recovering})
    filter.states |= 1u << static_cast<unsigned>(s);
  filter.before = RunId{TRY(cursor_param(call, "gates", 0))};
  filter.limit = kRunsLookedAt;
  auto rows = TRY(api.store.list_runs(filter));
  for (const auto& row : rows) {
    if (items.size() >= limit) {
      return page_response(call, std::move(items), make_cursor("gates", filter.before.value));
    }
    // A run that was removed meanwhile has no gates.
    (void)api.engine.inspect(row.header.id,
                             [&](const core::Run& run) { add_open_gates(run, items); });
    filter.before = row.header.id;
  }
  const bool more = rows.size() == kRunsLookedAt;
  return page_response(call, std::move(items),
                       more ? make_cursor("gates", filter.before.value) : std::string());
}

Result<HttpResponse> get_gate(Api& api, Call& call) {
  const auto id = TRY(gate_arg(call));
  Result<Json> found = Json();
  TRY(api.engine.inspect(id.run, [&](const core::Run& run) {
    const auto t = run.find(id.task);
    if (t && is_gate(run, *t)) {
      found = gate_json(run, *t);
    } else {
      found = Error{Errc::not_found, str("run ", run.id.value, " has no gate \"", id.task, "\"")};
    }
  }));
  return json_response(TRY(std::move(found)));
}

Result<HttpResponse> approve(Api& api, Call& call) {
  Fields fields(call.body);
  const auto message = fields.text("message");
  auto data = fields.object("data");
  if (auto problem = fields.problem()) return call.refuse(*problem);
  const auto id = TRY(gate_arg(call));
  auto done = api.engine.approve(id.run, {id.task, std::move(data), changed_by(call, ""), message});
  if (!done.ok() && done.error().code == Errc::invalid_workflow)
    return call.refuse(input_problem(done.error(), "/data"));
  TRY(std::move(done));
  return json_response(TRY(brief_of(api, id.run)));
}

Result<HttpResponse> reject(Api& api, Call& call) {
  Fields fields(call.body);
  const auto message = fields.text("message");
  if (auto problem = fields.problem()) return call.refuse(*problem);
  const auto id = TRY(gate_arg(call));
  TRY(api.engine.reject(id.run, {id.task, changed_by(call, ""), message}));
  return json_response(TRY(brief_of(api, id.run)));
}

using Handle = Result<HttpResponse> (*)(Api&, Call&);
RouteHandler with(Api& api, Handle handle) {
  return answering([&api, handle](Call& call) { return handle(api, call); });
}

}  // namespace

void add_gate_routes(Router& router, Api& api) {
  const std::vector<std::string> json = {"application/json"};
  router.add(
      Role::viewer,
      {"GET", "/api/v1/gates", "list_gates", with(api, list_gates), {"run_id", "limit", "cursor"}});
  router.add(Role::viewer, {"GET", "/api/v1/gates/{gate_id}", "get_gate", with(api, get_gate)});
  router.add(
      Role::operator_,
      {"POST", "/api/v1/gates/{gate_id}/approve", "approve_gate", with(api, approve), {}, json});
  router.add(
      Role::operator_,
      {"POST", "/api/v1/gates/{gate_id}/reject", "reject_gate", with(api, reject), {}, json});
}

}  // namespace pawl::server
