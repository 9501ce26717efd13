// What the service answers: routes, statuses, results.
#include <charconv>

#include "manufacturing/service.h"
#include "manufacturing/timestamp.h"

namespace manufacturing {

using pawl::Code;
using pawl::Request;
using pawl::Response;
using pawl::Result;
using pawl::RunInfo;
using pawl::RunState;
using pawl::Status;
using pawl::Value;

namespace {

Value time_value(const std::optional<pawl::TimePoint>& t) {
  if (!t) return {};
  return timestamp_text(static_cast<double>(t->time_since_epoch().count()) / 1000);
}

Value text_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

Value strings(const std::vector<std::string>& all) {
  Value v = Value::array();
  for (const std::string& s : all)
    v.push(s);
  return v;
}

Result<RunInfo> find_run(pawl::Orchestrator& pawl, const Request& request) {
  const std::string& id = request.path_args.at("id");
  pawl::RunId run = 0;
  auto read = std::from_chars(id.data(), id.data() + id.size(), run);
  if (read.ec != std::errc() || read.ptr != id.data() + id.size() || run <= 0)
    return Status(Code::not_found, "there is no workflow " + id);
  return pawl.get(run);
}

std::string query(const Request& request, const char* key) {
  auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

Response bad_query(const std::string& what) {
  return Response::problem(Status(Code::invalid, what));
}

}  // namespace

Response Service::post_workflow(pawl::Orchestrator& pawl, const Request& request) const {
  auto key = query(request, "key");
  if (auto header = request.headers.find("idempotency-key"); header != request.headers.end())
    key = header->second;
  const bool file = request.body_file >= 0;
  auto run =
      submit(pawl, "batch",
             file ? file_source(request.body_file, "the batch") : text_source(request.body), key);
  if (!run.ok()) return Response::problem(run.status());
  return Response::json(Value::object({{"workflow_id", *run}}));
}

Response Service::get_status(pawl::Orchestrator& pawl, const Request& request) const {
  auto run = find_run(pawl, request);
  if (!run.ok()) return Response::problem(run.status());
  return Response::json(status_of(*run));
}

const Dag* Service::dag_of(const RunInfo& run) const {
  auto found = dags_.find({run.workflow, run.version});
  return found == dags_.end() ? nullptr : &found->second;
}

Value Service::status_of(const RunInfo& run) const {
  const Dag* dag = dag_of(run);
  Value tasks = Value::array();
  for (const pawl::TaskInfo& t : run.tasks)
    tasks.push(task_of(t, dag ? dag->task(task_name(t.name)) : nullptr));
  const Value verdict = run.output.get("verdict");
  return Value::object({{"workflow_id", run.id},
                        {"workflow", run.workflow},
                        {"version", run.version},
                        {"batch_id", run.input.get("batch_id")},
                        {"status", pawl::to_string(run.state)},
                        {"verdict", verdict},
                        {"percent", run.percent},
                        {"error", text_or_null(run.error)},
                        {"created_at", time_value(run.created)},
                        {"started_at", time_value(run.started)},
                        {"finished_at", time_value(run.finished)},
                        {"tasks", tasks}});
}

Value Service::task_of(const pawl::TaskInfo& task, const TaskSpec* spec) const {
  Value v =
      Value::object({{"name", task_name(task.name)},
                     {"task_type", task.type},
                     {"status", pawl::to_string(task.state)},
                     {"depends_on", strings(spec ? spec->depends_on : std::vector<std::string>())},
                     {"input_data", spec ? spec->input_data : Value()},
                     {"output_data", task.output},
                     {"error", text_or_null(task.error)},
                     {"attempts", task.attempts},
                     {"percent", task.percent},
                     {"started_at", time_value(task.started)},
                     {"finished_at", time_value(task.finished)}});
  v.set("max_attempts", spec ? Value(spec->max_attempts) : Value());
  v.set("waits", text_or_null(task.waits));
  v.set("lease", Value());
  if (task.state == pawl::TaskState::running && spec) {
    v.set("lease", Value::object({{"attempt", task.attempts},
                                  {"since", time_value(task.started)},
                                  {"silence_s", spec->lease_s}}));
  }
  return v;
}

Response Service::get_results(pawl::Orchestrator& pawl, const Request& request) const {
  const std::string wanted = query(request, "sensors");
  Listed listed = Listed::all;
  if (wanted == "flagged") listed = Listed::flagged;
  if (wanted == "none") listed = Listed::none;
  if (listed == Listed::all && !wanted.empty() && wanted != "all")
    return bad_query("sensors must be all, flagged or none");
  auto run = find_run(pawl, request);
  if (!run.ok()) return Response::problem(run.status());
  if (run->state != RunState::completed) {
    std::string why = "workflow " + std::to_string(run->id) + " has no result: it is " +
                      pawl::to_string(run->state);
    if (!run->error.empty()) why += ": " + run->error;
    return Response::problem(Status(Code::not_found, why));
  }
  auto text = result_of(*run, listed);
  if (!text.ok()) return Response::problem(text.status());
  return {200, "application/json", *std::move(text)};
}

Result<std::string> Service::result_of(const RunInfo& run, Listed listed) const {
  const Value& out = run.output;
  Value v = Value::object({{"workflow_id", run.id},
                           {"batch_id", run.input.get("batch_id")},
                           {"status", pawl::to_string(run.state)},
                           {"verdict", out.get("verdict")},
                           {"reasons", out.get("reasons")},
                           {"figures", out.get("figures")},
                           {"about", run.input.get("about")},
                           {"ignored", run.input.get("ignored")},
                           {"workflow", run.workflow},
                           {"version", run.version},
                           {"finished_at", time_value(run.finished)}});
  std::string text = v.json();
  if (listed == Listed::none) return text;
  const std::string folder = batches() + "/" + std::string(run.input.get("folder").as_string());
  auto sensors = sensors_text(folder + "/" + std::string(out.get("file").as_string()), listed);
  if (!sensors.ok()) {
    return Status(Code::corrupt, "the result's file is gone: " + sensors.status().text());
  }
  text.pop_back();
  return text + ",\"sensors\":" + *sensors + "}";
}

// Lines are JSON already: they are not taken apart where all are wanted.
Result<std::string> Service::sensors_text(const std::string& path, Listed listed) const {
  auto lines = read_file(path);
  if (!lines.ok()) return lines;
  std::string text = "[";
  for_each_line(*lines, [&](std::string_view line) {
    if (listed == Listed::flagged) {
      auto v = Value::parse(line);
      const bool flagged = v.ok() && (v->get("outliers").get("count").as_integer() > 0 ||
                                      v->get("trend").get("drifting").as_bool() ||
                                      v->get("statistics").get("readings").as_integer() == 0);
      if (!flagged) return true;
    }
    if (text.size() > 1) text += ',';
    text += line;
    return true;
  });
  return text + "]";
}

Response Service::get_workflows(pawl::Orchestrator& pawl, const Request& request) const {
  pawl::ListOptions options{.job = query(request, "batch_id"), .limit = 100};
  for (const char* key : {"limit", "before"}) {
    const std::string text = query(request, key);
    std::int64_t n = 0;
    auto read = std::from_chars(text.data(), text.data() + text.size(), n);
    const bool fine = read.ec == std::errc() && read.ptr == text.data() + text.size() && n >= 1;
    if (text.empty()) continue;
    const bool limit = key[0] == 'l';
    if (!fine || (limit && n > 1000))
      return bad_query(std::string(key) + " must be from 1 to 1000");
    if (limit) options.limit = static_cast<unsigned>(n);
    if (!limit) options.before = n;
  }
  auto runs = pawl.list(options);
  if (!runs.ok()) return Response::problem(runs.status());
  Value all = Value::array();
  for (const RunInfo& run : *runs) {
    all.push(Value::object({{"workflow_id", run.id},
                            {"batch_id", run.input.get("batch_id")},
                            {"status", pawl::to_string(run.state)},
                            {"verdict", run.output.get("verdict")},
                            {"created_at", time_value(run.created)},
                            {"finished_at", time_value(run.finished)}}));
  }
  return Response::json(Value::object({{"workflows", all}}));
}

Response Service::get_logs(pawl::Orchestrator& pawl, const Request& request) const {
  auto run = find_run(pawl, request);
  if (!run.ok()) return Response::problem(run.status());
  auto events = pawl.logs(run->id, step_name(query(request, "task")));
  if (!events.ok()) return Response::problem(events.status());
  Value lines = Value::array();
  for (const pawl::Event& e : *events) {
    lines.push(Value::object({{"time", time_value(e.time)},
                              {"task", task_name(e.task)},
                              {"attempt", e.attempt},
                              {"text", e.text}}));
  }
  return Response::json(Value::object({{"workflow_id", run->id}, {"lines", lines}}));
}

}  // namespace manufacturing
