// What belongs to one run, page by page: its tasks, events, log lines, and why it waits.
#include <algorithm>

#include "base/text.h"
#include "core/run_json.h"
#include "engine/run_io.h"
#include "server/api.h"
#include "server/api_fields.h"

namespace pawl::server {
namespace {

constexpr const char* kStreams[] = {"out", "err", "pawl"};

Error no_task(const core::Run& run, const std::string& path) {
  std::vector<std::string> names;
  for (TaskId t = 0; t < std::min<TaskId>(run.task_count(), 10'000); ++t)
    names.push_back(run.path(t));
  const auto near = nearest(path, names);
  return {Errc::not_found, str("run ", run.id.value, " has no task \"", path, "\"",
                               near.empty() ? "" : str("\nhint: did you mean \"", near, "\"?"))};
}

Result<HttpResponse> list_tasks(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  const auto limit =
      static_cast<std::size_t>(TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit)));
  std::optional<core::TaskState> state;
  if (const auto* word = call.param("state")) {
    state = core::parse_task_state(*word);
    if (!state) return {Errc::usage, str("?state: \"", *word, "\" is no state of a task")};
  }
  const auto filter = str("tasks/", id.value, "/", state ? core::to_string(*state) : "");
  const auto from = TRY(cursor_param(call, filter, 0));
  // Outputs are left out, so nothing is read from the store on the engine's thread.
  core::Context context;
  context.now = api.clock.now();
  Json items = Json::array();
  TaskId next = kNoTask;
  TRY(api.engine.inspect(id, [&](const core::Run& run) {
    const auto first = static_cast<TaskId>(std::min<std::int64_t>(from, run.task_count()));
    for (TaskId t = first; t < run.task_count(); ++t) {
      if (run.is_child(t) && run.fan_out_of_child(t).dead) continue;
      if (state && run.rows[t].state != *state) continue;
      if (items.size() == limit) {
        next = t;
        return;
      }
      items.push(core::task_head_to_json(run, t, context));
    }
  }));
  return page_response(call, std::move(items),
                       next == kNoTask ? std::string() : make_cursor(filter, next));
}

Result<HttpResponse> get_task(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  const auto& path = call.arg("task");
  const auto context = reading_context(api.store, api.clock);
  Result<Json> found = Json();
  TRY(api.engine.inspect(id, [&](const core::Run& run) {
    const auto t = run.find(path);
    found = t ? Result<Json>(core::task_to_json(run, *t, context)) : no_task(run, path);
  }));
  return json_response(TRY(std::move(found)));
}

Result<HttpResponse> list_events(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  const auto limit =
      static_cast<std::size_t>(TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit)));
  const auto after = static_cast<std::uint64_t>(
      TRY(number_param(call, "after_seq", 0, 0, std::numeric_limits<std::int64_t>::max())));
  auto events = TRY(engine::events_of(api.store, id, after));
  const bool more = events.size() > limit;
  if (more) events.resize(limit);
  Json items = Json::array();
  TRY(api.engine.inspect(id, [&](const core::Run& run) {
    for (const auto& e : events)
      items.push(core::event_to_json(run, e));
  }));
  Json page = Json::object();
  page.set("items", std::move(items)).set("last_seq", events.empty() ? after : events.back().seq);
  return json_response(page.set("more", more));
}

Result<HttpResponse> list_lines(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  store::LogQuery query;
  query.run = id;
  query.limit = static_cast<std::uint32_t>(TRY(number_param(call, "limit", 1000, 1, 10'000)));
  query.from_line = static_cast<std::uint64_t>(
      TRY(number_param(call, "from_line", 0, 0, std::numeric_limits<std::int64_t>::max())));
  const auto asked = TRY(number_param(call, "attempt", 0, 1, 1'000'000'000));
  const auto& path = call.arg("task");
  Status found;
  bool open = false;
  TRY(api.engine.inspect(id, [&](const core::Run& run) {
    const auto t = run.find(path);
    if (!t) {
      found = no_task(run, path);
      return;
    }
    query.task = *t;
    query.attempt = asked > 0 ? static_cast<Attempt>(asked) : run.rows[*t].attempt;
    open = run.rows[*t].attempt == query.attempt && !core::is_final(run.rows[*t].state);
  }));
  TRY(std::move(found));
  Json items = Json::array();
  auto next = query.from_line;
  if (query.attempt > 0) {
    for (const auto& chunk : TRY(api.store.read_logs(query))) {
      for (std::size_t i = 0; i < chunk.lines.size(); ++i) {
        const auto number = chunk.first_line + i;
        if (number < query.from_line || items.size() == query.limit) continue;
        const auto& line = chunk.lines[i];
        Json j = Json::object();
        j.set("line", number).set("time", format_time(line.time));
        items.push(j.set("stream", kStreams[static_cast<int>(line.stream)]).set("text", line.text));
        next = number + 1;
      }
    }
  }
  Json page = Json::object();
  page.set("task", path).set("attempt", query.attempt).set("items", std::move(items));
  return json_response(page.set("next_line", next).set("open", open));
}

Result<HttpResponse> why_run(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  auto reasons = TRY(api.methods.call("why", Json::object().set("run_id", id.value)));
  const auto* task = call.param("task");
  Json items = Json::array();
  for (const auto& why : reasons.as_array()) {
    if (!task || why["task"] == *task) items.push(why);
  }
  return json_response(Json::object().set("items", std::move(items)));
}

using Handle = Result<HttpResponse> (*)(Api&, Call&);

}  // namespace

void add_run_part_routes(Router& router, Api& api) {
  auto add = [&](std::string pattern, std::string id, Handle handle,
                 std::vector<std::string> query) {
    router.add(Role::viewer, {"GET", str("/api/v1/runs/{run_id}", pattern), std::move(id),
                              answering([&api, handle](Call& call) { return handle(api, call); }),
                              std::move(query)});
  };
  add("/tasks", "list_tasks", list_tasks, {"state", "limit", "cursor"});
  add("/tasks/{task}", "get_task", get_task, {});
  add("/tasks/{task}/logs", "list_log_lines", list_lines, {"attempt", "from_line", "limit"});
  add("/events", "list_events", list_events, {"after_seq", "limit"});
  add("/why", "why_run", why_run, {"task"});
}

}  // namespace pawl::server
