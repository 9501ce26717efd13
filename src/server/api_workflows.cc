// Workflows: register a file, list and read what is registered, check a file, plan a run.
#include <algorithm>

#include "base/text.h"
#include "core/plan_json.h"
#include "server/api.h"
#include "server/api_fields.h"

namespace pawl::server {
namespace {

constexpr std::size_t kFileBytes = 16u << 20;
constexpr std::size_t kPlanTasks = 10'000;
const std::vector<std::string> kFileTypes = {"application/json", "application/yaml"};

// Names of actions beside the built-in ones that files may use here.
std::vector<std::string> known_actions(store::Store& store) {
  std::vector<std::string> out;
  auto names = store.meta(store::kActionNames);
  if (!names.ok() || !*names) return out;
  auto list = Json::parse(**names);
  for (std::size_t i = 0; list.ok() && i < list->size(); ++i)
    if ((*list)[i].is_string()) out.push_back((*list)[i].as_string());
  return out;
}

// The file in the body: the body itself as YAML, or `text`, or `bundle` of a JSON one.
Result<Bundle> bundle_of(const Call& call, Fields& fields) {
  if (call.body.is_null()) {
    if (!valid_utf8(call.request.body)) return {Errc::usage, "the file is not UTF-8"};
    return Bundle{{{"", call.request.body, {}}}};
  }
  auto bundle = fields.array("bundle");
  if (!bundle.is_null()) return bundle_from_json(bundle);
  return Bundle{{{"", fields.text("text", {.required = true, .most = kFileBytes}), {}}}};
}

std::string shown_name(const Bundle::File& file) {
  return file.file.empty() ? std::string("workflow.yaml") : file.file;
}

std::vector<core::Diagnostic> findings_of(const Bundle& bundle, store::Store& store) {
  std::vector<core::Diagnostic> out;
  const auto actions = known_actions(store);
  for (const auto& file : bundle.files) {
    auto parsed = core::parse_workflow(file.text, shown_name(file), actions);
    for (auto& finding : parsed.findings)
      out.push_back(std::move(finding));
  }
  return out;
}

bool any_error(const std::vector<core::Diagnostic>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](auto& f) { return !f.warning; });
}

Json row_json(const store::WorkflowRow& row) {
  Json j = Json::object();
  j.set("name", row.name).set("version", row.version);
  j.set("file", row.file.empty() ? Json() : Json(row.file));
  return j.set("created_at", format_time(row.created));
}

Json inputs_json(const core::Workflow& workflow) {
  Json out = Json::array();
  for (const auto& input : workflow.inputs) {
    Json j = Json::object();
    j.set("name", input.name).set("required", input.required).set("secret", input.secret);
    out.push(j.set("schema", input.schema.is_null() ? Json::object() : input.schema));
  }
  return out;
}

Result<store::WorkflowRow> find_row(Api& api, const std::string& name, std::int64_t version) {
  auto row = TRY(api.store.find_workflow(name, static_cast<std::int32_t>(version)));
  if (row) return std::move(*row);
  return {Errc::not_found,
          version == 0 ? str("there is no workflow \"", name, "\"")
                       : str("there is no version ", version, " of workflow \"", name, "\"")};
}

Result<HttpResponse> register_workflow(Api& api, Call& call) {
  Fields fields(call.body);
  auto bundle = bundle_of(call, fields);
  if (auto problem = fields.problem()) return call.refuse(*problem);
  if (!bundle.ok()) return bundle.error();
  auto findings = findings_of(*bundle, api.store);
  if (any_error(findings)) return call.refuse(workflow_problem(findings));
  const auto before = TRY(api.store.last_workflow_id());
  const auto id = TRY(api.methods.register_bundle(*bundle));
  auto row = TRY(api.store.load_workflow(id));
  if (!row) return {Errc::internal, "a workflow that was just registered is not there"};
  const bool made = before < id;
  auto response = json_response(row_json(*row), made ? 201 : 200);
  if (made) response.headers.emplace_back("Location", str("/api/v1/workflows/", row->name));
  return response;
}

Result<HttpResponse> list_workflows(Api& api, Call& call) {
  const auto limit = TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit));
  const auto from = TRY(cursor_param(call, "workflows", 0));
  auto rows = TRY(api.store.list_workflows());
  // In the order in which they were first seen here, so that new ones come last.
  std::sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.id < b.id; });
  Json items = Json::array();
  std::int64_t last = 0;
  for (const auto& row : rows) {
    if (row.id.value <= from) continue;
    if (static_cast<std::int64_t>(items.size()) == limit) {
      return page_response(call, std::move(items), make_cursor("workflows", last));
    }
    items.push(row_json(row));
    last = row.id.value;
  }
  return page_response(call, std::move(items), "");
}

Result<HttpResponse> get_workflow(Api& api, Call& call) {
  const auto version = TRY(number_param(call, "version", 0, 1, 1'000'000'000));
  auto row = TRY(find_row(api, call.arg("name"), version));
  auto plan = TRY(api.engine.plan(row.id));
  Json j = row_json(row);
  const auto& workflow = *plan->workflow;
  j.set("title", workflow.title.empty() ? Json() : Json(workflow.title));
  j.set("inputs", inputs_json(workflow)).set("task_count", workflow.task_count());
  return json_response(j.set("text", row.text));
}

Result<HttpResponse> list_versions(Api& api, Call& call) {
  const auto limit = TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit));
  const auto& name = call.arg("name");
  const auto filter = str("versions/", name);
  auto newest = TRY(find_row(api, name, 0));
  auto at = TRY(cursor_param(call, filter, newest.version));
  Json items = Json::array();
  for (; at >= 1 && static_cast<std::int64_t>(items.size()) < limit; --at) {
    auto row = TRY(api.store.find_workflow(name, static_cast<std::int32_t>(at)));
    if (row) items.push(row_json(*row));
  }
  return page_response(call, std::move(items), at >= 1 ? make_cursor(filter, at) : "");
}

Result<HttpResponse> validate_workflow(Api& api, Call& call) {
  Fields fields(call.body);
  auto bundle = bundle_of(call, fields);
  if (auto problem = fields.problem()) return call.refuse(*problem);
  if (!bundle.ok()) return bundle.error();
  auto findings = findings_of(*bundle, api.store);
  Json list = Json::array();
  for (const auto& finding : findings)
    list.push(core::diagnostic_to_json(finding));
  Json j = Json::object();
  return json_response(j.set("valid", !any_error(findings)).set("findings", std::move(list)));
}

Result<HttpResponse> plan_workflow(Api& api, Call& call) {
  Fields fields(call.body);
  const auto version = fields.integer("version", 1, 1'000'000'000);
  auto given = fields.object("inputs");
  if (auto problem = fields.problem()) return call.refuse(*problem);
  auto row = TRY(find_row(api, call.arg("name"), version.value_or(0)));
  auto plan = TRY(api.engine.plan(row.id));
  const auto& workflow = *plan->workflow;
  auto inputs = core::check_inputs(workflow, given.is_null() ? Json::object() : given);
  if (!inputs.ok()) return call.refuse(input_problem(inputs.error(), "/inputs"));
  for (const auto& input : workflow.inputs) {
    if (input.secret && inputs->find(input.name)) inputs->set(input.name, "***");
  }
  const auto waves = core::waves_of(workflow);
  Json tasks = Json::array();
  for (TaskId t : core::wave_order(waves)) {
    if (tasks.size() == kPlanTasks) break;
    tasks.push(core::planned_task_to_json(workflow, t, waves[t]));
  }
  Json j = Json::object();
  j.set("workflow", row.name).set("version", row.version).set("inputs", std::move(*inputs));
  j.set("task_count", workflow.task_count()).set("tasks", std::move(tasks));
  return json_response(j);
}

using Handle = Result<HttpResponse> (*)(Api&, Call&);
RouteHandler with(Api& api, Handle handle) {
  return answering([&api, handle](Call& call) { return handle(api, call); });
}

}  // namespace

Problem workflow_problem(const std::vector<core::Diagnostic>& findings) {
  Problem p;
  p.code = "invalid_workflow";
  std::size_t errors = 0;
  for (const auto& f : findings) {
    if (f.warning) continue;
    ++errors;
    p.errors.push_back(
        {f.pointer, f.code, str(f.file, ":", f.line, ":", f.column, ": ", f.message), f.hint});
  }
  p.detail = str("the workflow file has ", errors, errors == 1 ? " error" : " errors");
  return p;
}

Problem input_problem(const Error& error, std::string_view pointer) {
  auto p = problem_of(error);
  if (error.code != Errc::invalid_workflow && error.code != Errc::usage) return p;
  p.code = "invalid_input";
  for (auto line : split(error.message, '\n')) {
    const auto open = line.find('"');
    const auto close = open == line.npos ? open : line.find('"', open + 1);
    auto where = std::string(pointer);
    if (close != line.npos) where += str("/", line.substr(open + 1, close - open - 1));
    p.errors.push_back({std::move(where), "invalid_input", std::string(line), {}});
  }
  return p;
}

void add_workflow_routes(Router& router, Api& api) {
  router.add(Role::admin, {"POST",
                           "/api/v1/workflows",
                           "register_workflow",
                           with(api, register_workflow),
                           {},
                           kFileTypes,
                           kFileBytes});
  router.add(Role::viewer, {"GET",
                            "/api/v1/workflows",
                            "list_workflows",
                            with(api, list_workflows),
                            {"limit", "cursor"}});
  router.add(Role::viewer, {"POST",
                            "/api/v1/workflows/validate",
                            "validate_workflow",
                            with(api, validate_workflow),
                            {},
                            kFileTypes,
                            kFileBytes});
  router.add(
      Role::viewer,
      {"GET", "/api/v1/workflows/{name}", "get_workflow", with(api, get_workflow), {"version"}});
  router.add(Role::viewer, {"GET",
                            "/api/v1/workflows/{name}/versions",
                            "list_workflow_versions",
                            with(api, list_versions),
                            {"limit", "cursor"}});
  router.add(Role::viewer, {"POST",
                            "/api/v1/workflows/{name}/plan",
                            "plan_workflow",
                            with(api, plan_workflow),
                            {},
                            {"application/json"}});
}

}  // namespace pawl::server
