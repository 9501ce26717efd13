// Runs: submit, list, read, and what a person may change of one.
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "core/run_json.h"
#include "server/api.h"
#include "server/api_fields.h"

namespace pawl::server {
namespace {

constexpr std::uint32_t kLookedAt = 5'000;  // rows of one page that a name is looked for in

// Idempotency-Key: "k" or k; "" where there is none.
Result<std::string> key_of(const Call& call) {
  const auto* field = call.request.header("idempotency-key");
  if (!field) return std::string();
  std::string_view key = trim(*field);
  if (key.size() >= 2 && key.starts_with('"') && key.ends_with('"'))
    key = key.substr(1, key.size() - 2);
  const bool plain = std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (!key.empty() && key.size() <= 255 && plain) return std::string(key);
  return {Errc::usage, "Idempotency-Key: expected 1 to 255 printable characters without blanks"};
}

struct Submission {
  engine::SubmitRequest request;
  std::string workflow;
  std::int32_t version = 0;
  bool replayed = false;
};

// What is to be submitted; or the answer that says why not, in `refusal`.
Result<Submission> read_submission(Api& api, const Call& call,
                                   std::optional<HttpResponse>& refusal) {
  Fields fields(call.body);
  Submission s;
  s.workflow = fields.text("workflow", {.required = true});
  const auto version = fields.integer("version", 1, 1'000'000'000);
  s.request.inputs = fields.object("inputs");
  s.request.name = fields.text("name");
  s.request.job = fields.text("job");
  s.request.labels = fields.texts("labels");
  const auto priority = fields.integer("priority", -100, 100);
  if (fields.boolean("hold")) s.request.hold = call.caller.name;
  if (auto problem = fields.problem()) {
    refusal = call.refuse(*problem);
    return s;
  }
  s.request.priority = static_cast<std::int32_t>(priority.value_or(0));
  s.request.idempotency_key = TRY(key_of(call));
  auto row =
      TRY(api.store.find_workflow(s.workflow, static_cast<std::int32_t>(version.value_or(0))));
  if (!row) {
    const auto which =
        version ? str("version ", *version, " of workflow") : std::string("workflow");
    return {Errc::not_found, str("there is no ", which, " \"", s.workflow,
                                 "\"\nhint: POST /api/v1/workflows registers one")};
  }
  s.request.workflow = row->id;
  s.version = row->version;
  if (!s.request.idempotency_key.empty()) {
    s.replayed = TRY(api.store.find_key(s.request.idempotency_key)).has_value();
  }
  return s;
}

Problem submit_problem(const Error& error) {
  if (error.code == Errc::invalid_workflow) return input_problem(error, "/inputs");
  auto p = problem_of(error);
  if (error.code == Errc::conflict && error.message.starts_with("the idempotency key"))
    p.code = "invalid_input";
  return p;
}

// On the pool up to the engine's inbox; answered from the engine's thread, after the commit.
void submit_run(Api& api, Call call, HttpReply reply) {
  std::optional<HttpResponse> refusal;
  auto submission = read_submission(api, call, refusal);
  if (!submission.ok()) return reply.send(call.refuse(submission.error()));
  if (refusal) return reply.send(std::move(*refusal));
  Json answer = Json::object();
  answer.set("workflow", submission->workflow).set("version", submission->version);
  auto state = std::make_shared<std::pair<Call, HttpReply>>(std::move(call), std::move(reply));
  auto done = [state, answer, replayed = submission->replayed](Result<RunId> run) mutable {
    auto& [asked, back] = *state;
    if (!run.ok()) return back.send(asked.refuse(submit_problem(run.error())));
    Json body = Json::object();
    body.set("run_id", str(run->value)).set("workflow", answer["workflow"]);
    auto response = json_response(body.set("version", answer["version"]), 201);
    response.headers.emplace_back("Location", str("/api/v1/runs/", run->value));
    if (replayed) response.headers.emplace_back("Idempotency-Replayed", "true");
    back.send(std::move(response));
  };
  api.engine.submit_async(std::move(submission->request), std::move(done));
}

template <typename Parse>
Result<std::uint32_t> bits_of(const Call& call, std::string_view name, Parse parse,
                              std::string_view expected) {
  std::uint32_t bits = 0;
  for (const auto& [key, value] : call.query) {
    if (key != name) continue;
    for (auto word : split(value, ',')) {
      auto one = parse(word);
      if (!one) return {Errc::usage, str("?", name, ": found \"", word, "\", expected ", expected)};
      bits |= 1u << static_cast<unsigned>(*one);
    }
  }
  return bits == 0 ? 0xffffffffu : bits;
}

Result<Time> since_of(const Call& call, Time now) {
  const auto* text = call.param("since");
  if (!text) return kNoTime;
  auto ago = parse_duration(*text);
  if (ago.ok()) return now - *ago;
  auto time = parse_time(*text);
  if (time.ok()) return *time;
  return {Errc::usage,
          str("?since: found \"", *text,
              "\", expected a time such as 2026-01-31T12:00:00Z, or how long ago: 2d")};
}

Result<store::RunFilter> filter_of(Api& api, const Call& call) {
  store::RunFilter filter;
  filter.states = TRY(bits_of(call, "state", core::parse_run_state,
                              "pending, running, paused, completed, failed, cancelled or "
                              "recovering"));
  filter.verdicts =
      TRY(bits_of(call, "verdict", core::parse_verdict, "pass, warning, fail or none"));
  if (const auto* name = call.param("workflow")) filter.workflow = *name;
  if (const auto* job = call.param("job")) filter.job = *job;
  for (const auto& [key, value] : call.query) {
    if (key != "label") continue;
    const auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      return {Errc::usage, str("?label: found \"", value, "\", expected NAME=VALUE")};
    }
    filter.labels.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  }
  filter.since = TRY(since_of(call, api.clock.now()));
  return filter;
}

// What the cursor is bound to: every parameter but the page's own.
std::string filter_text(const Call& call) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : call.query) {
    if (name != "cursor" && name != "limit") parts.push_back(str(name, "\n", value));
  }
  std::sort(parts.begin(), parts.end());
  return str("runs\n", join(parts, "\n\n"));
}

Result<HttpResponse> list_runs(Api& api, Call& call) {
  const auto limit =
      static_cast<std::uint32_t>(TRY(number_param(call, "limit", kDefaultLimit, 1, kMaxLimit)));
  auto filter = TRY(filter_of(api, call));
  const auto bound = filter_text(call);
  filter.before = RunId{TRY(cursor_param(call, bound, 0))};
  const auto* name = call.param("name");
  const auto wanted = name ? lower(*name) : std::string();
  Json items = Json::array();
  // One row more than asked for tells whether there is a next page.
  for (std::uint32_t seen = 0; seen < kLookedAt;) {
    filter.limit = name ? 500 : limit + 1;
    auto rows = TRY(api.store.list_runs(filter));
    for (const auto& row : rows) {
      ++seen;
      if (name && lower(row.header.name).find(wanted) == std::string::npos) {
        filter.before = row.header.id;
        continue;
      }
      if (items.size() == limit) {
        return page_response(call, std::move(items), make_cursor(bound, filter.before.value));
      }
      filter.before = row.header.id;
      items.push(run_row_to_json(row));
    }
    if (rows.size() < filter.limit) return page_response(call, std::move(items), "");
  }
  return page_response(call, std::move(items), make_cursor(bound, filter.before.value));
}

// If-None-Match: "a", W/"b", or *.
bool names_tag(const Call& call, const std::string& tag) {
  const auto* field = call.request.header("if-none-match");
  if (!field) return false;
  for (auto part : split(*field, ',')) {
    part = trim(part);
    if (part.starts_with("W/")) part.remove_prefix(2);
    if (part == tag || part == "*") return true;
  }
  return false;
}

Result<HttpResponse> get_run(Api& api, Call& call) {
  const auto id = TRY(run_arg(call));
  HttpResponse response;
  TRY(api.engine.inspect(id, [&](const core::Run& run) {
    const auto tag = str("\"", run.id.value, "-", run.version, "\"");
    if (names_tag(call, tag)) {
      response.status = 304;
    } else {
      response = json_response(core::run_head_to_json(run).set("revision", run.version));
    }
    response.headers.emplace_back("ETag", tag);
    response.headers.emplace_back("Cache-Control", "no-cache");
  }));
  return response;
}

using Change = Result<RunId> (*)(Api&, const Call&, RunId, Fields&);

// A change that takes a body of `Fields` and answers with where the run is then. The fields are
// read twice: once to find what is wrong with them, before anything happens.
RouteHandler changing(Api& api, void (*look)(Fields&), Change change) {
  return answering([&api, look, change](Call& call) -> Result<HttpResponse> {
    Fields first(call.body);
    look(first);
    if (auto problem = first.problem()) return call.refuse(*problem);
    Fields fields(call.body);
    auto run = change(api, call, TRY(run_arg(call)), fields);
    if (!run.ok() && run.error().code == Errc::invalid_workflow)
      return call.refuse(input_problem(run.error(), "/inputs"));
    return json_response(TRY(brief_of(api, TRY(std::move(run)))));
  });
}

void look_message(Fields& f) { f.text("message"); }
void look_nothing(Fields&) {}
void look_retry(Fields& f) {
  f.text("task");
  f.object("set");
}
void look_recover(Fields& f) {
  f.text("from", {.required = true});
  f.object("set");
  f.object("inputs");
}

Result<RunId> pause(Api& api, const Call& call, RunId run, Fields& f) {
  TRY(api.engine.pause(run, changed_by(call, f.text("message"))));
  return run;
}
Result<RunId> resume(Api& api, const Call& call, RunId run, Fields&) {
  TRY(api.engine.resume(run, changed_by(call, "")));
  return run;
}
Result<RunId> cancel(Api& api, const Call& call, RunId run, Fields& f) {
  TRY(api.engine.cancel(run, changed_by(call, f.text("message"))));
  return run;
}
Result<RunId> retry(Api& api, const Call& call, RunId run, Fields& f) {
  TRY(api.engine.retry(run, {f.text("task"), f.object("set"), changed_by(call, "")}));
  return run;
}
// Given inputs go over the old run's, as on the command line.
Result<RunId> recover(Api& api, const Call& call, RunId run, Fields& f) {
  Json inputs;
  auto given = f.object("inputs");
  if (!given.is_null()) {
    TRY(api.engine.inspect(run, [&](const core::Run& r) { inputs = r.inputs; }));
    for (const auto& [name, value] : given.as_object())
      inputs.set(name, value);
  }
  core::Recover command{f.text("from"), f.object("set"), changed_by(call, "")};
  return api.engine.recover(run, std::move(command), std::move(inputs));
}

}  // namespace

Json run_row_to_json(const store::RunRow& row) {
  const auto& h = row.header;
  auto time = [](Time t) { return t == kNoTime ? Json() : Json(format_time(t)); };
  Json j = Json::object();
  j.set("run_id", str(h.id.value)).set("workflow", row.workflow_name);
  j.set("version", row.workflow_version).set("name", h.name);
  j.set("state", core::to_string(h.state));
  j.set("verdict", h.verdict == core::Verdict::none ? Json() : Json(core::to_string(h.verdict)));
  j.set("created_at", time(h.created)).set("started_at", time(h.started));
  j.set("finished_at", time(h.finished));
  j.set("tasks", h.tasks).set("tasks_done", h.tasks_done).set("tasks_failed", h.tasks_failed);
  if (h.parent) j.set("parent", str(h.parent.value));
  if (h.source) j.set("source", str(h.source.value));
  if (!h.labels.empty()) {
    auto labels = Json::parse(h.labels);
    if (labels.ok()) j.set("labels", *labels);
  }
  return j;
}

std::string changed_by(const Call& call, const std::string& message) {
  const auto who = call.caller.name.empty() ? std::string("someone") : call.caller.name;
  return message.empty() ? who : str(who, ": ", message);
}

Result<Json> brief_of(Api& api, RunId run) {
  auto brief = TRY(api.methods.brief(run));
  brief.set("run_id", str(run.value));
  if (const auto* source = brief.find("source_run"); source && source->is_integer())
    brief.set("source_run", str(source->as_integer()));
  if (brief["verdict"] == "none") brief.set("verdict", Json());
  return brief;
}

void add_run_routes(Router& router, Api& api) {
  const std::vector<std::string> json = {"application/json"};
  router.add(Role::operator_, {"POST",
                               "/api/v1/runs",
                               "submit_run",
                               [&api](Call call, HttpReply reply) {
                                 submit_run(api, std::move(call), std::move(reply));
                               },
                               {},
                               json,
                               16u << 20});
  router.add(Role::viewer, {"GET",
                            "/api/v1/runs",
                            "list_runs",
                            answering([&api](Call& call) { return list_runs(api, call); }),
                            {"state", "verdict", "workflow", "label", "name", "job", "since",
                             "limit", "cursor"}});
  router.add(Role::viewer, {"GET", "/api/v1/runs/{run_id}", "get_run",
                            answering([&api](Call& call) { return get_run(api, call); })});
  auto add = [&](std::string_view verb, void (*look)(Fields&), Change change) {
    router.add(Role::operator_, {"POST",
                                 str("/api/v1/runs/{run_id}/", verb),
                                 str(verb, "_run"),
                                 changing(api, look, change),
                                 {},
                                 json});
  };
  add("pause", look_message, pause);
  add("resume", look_nothing, resume);
  add("cancel", look_message, cancel);
  add("retry", look_retry, retry);
  add("recover", look_recover, recover);
}

}  // namespace pawl::server
