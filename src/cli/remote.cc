#include "cli/remote.h"

#include "base/fs.h"
#include "base/text.h"
#include "cli/follow.h"
#include "cli/load.h"
#include "cli/remote_calls.h"
#include "cli/summary.h"
#include "cli/views.h"
#include "server/http_path.h"

namespace pawl::cli {
namespace {

using server::percent_encode;

// What a list's flags say, as a query.
std::string list_query(const Ask& ask) {
  std::string query;
  auto add = [&](std::string_view name, std::string_view value) {
    query += str(query.empty() ? "?" : "&", name, "=", percent_encode(value));
  };
  for (const auto& state : ask.args.all("state"))
    add("state", state);
  for (const auto& verdict : ask.args.all("verdict"))
    add("verdict", verdict);
  for (const auto& [name, value] : ask.args.pairs("label"))
    add("label", str(name, "=", value));
  if (auto workflow = ask.args.text("workflow")) add("workflow", *workflow);
  if (auto since = ask.args.text("since")) add("since", *since);
  return query;
}

// How a run ended, in few words; its outputs go to stdout.
void tell_end(const Ask& ask, const Json& run) {
  if (ask.json()) return ask.print_json(run);
  const Term& term = ask.io.err_term();
  const auto state = text_or_empty(run["state"]);
  ask.io.err(str(state_text(term, state), "  run ", text_or_empty(run["run_id"]), '\n'));
  const auto error = text_or_empty(run["error"]);
  if (!error.empty()) ask.io.err(str(clean_text(error), '\n'));
  if (state == "completed") ask.print(outputs_text(run["outputs"], ask.io.out_term()));
}

// Follows to the end; the exit code is the outcome.
Result<int> follow_remote(const Ask& ask, const ApiClient& api, Signals& signals,
                          const std::string& run) {
  int signal = 0;
  auto end = TRY(await_remote(ask, api, signals, run, deadline(ask), signal));
  if (!end) {
    ask.note(str("the run goes on: pawl show ", run.substr(run.rfind('/') + 1), " --server ",
                 api.server()));
    return signal != 0 ? exit_of_signal(signal) : kExitTimeout;
  }
  tell_end(ask, *end);
  return remote_exit_code(ask, *end);
}

// One change of one run; says where it is then.
Result<Json> change(const Ask& ask, const ApiClient& api, const std::string& path,
                    const Json& body) {
  auto brief = TRY(api.call("POST", path, body));
  if (!ask.quiet() && !ask.json()) {
    ask.print(str("run ", text_or_empty(brief["run_id"]), ' ',
                  state_text(ask.io.out_term(), text_or_empty(brief["state"])),
                  brief["cancelling"] == true ? ", being cancelled" : "", '\n'));
  }
  return brief;
}

Json message_body(const Ask& ask) {
  Json body = Json::object();
  if (ask.takes("message") && ask.args.given("message")) body.set("message", ask.text("message"));
  return body;
}

Result<int> each_remote(const Ask& ask, std::string_view verb) {
  const auto api = TRY(ApiClient::open(ask));
  Json all = Json::array();
  int worst = 0;
  for (const auto& reference : ask.args.args()) {
    auto one = [&]() -> Result<Json> {
      const auto run = TRY(find_remote(api, reference));
      return change(ask, api, str(run, "/", verb), message_body(ask));
    };
    auto brief = one();
    if (brief.ok()) {
      all.push(std::move(*brief));
    } else {
      worst = std::max(worst, report(brief.error(), ask.json(), ask.io));
    }
  }
  if (ask.json()) ask.print_json(all.size() == 1 ? all[std::size_t{0}] : all);
  return worst;
}

Result<int> decide_remote(const Ask& ask, std::string_view verb) {
  const auto api = TRY(ApiClient::open(ask));
  const auto run = TRY(find_remote(api, ask.run()));
  const auto id = run.substr(run.rfind('/') + 1);
  const auto gates = TRY(read_list(api, str("/api/v1/gates?run_id=", id), 500));
  const auto task = ask.args.arg("TASK");
  if (!task && gates.size() != 1) {
    return {Errc::conflict, str("run ", id, " has ", gates.size(),
                                " gates that wait; name one: pawl ", verb, " ", id, " TASK")};
  }
  const auto name = task ? *task : text_or_empty(gates[std::size_t{0}]["task"]);
  auto body = message_body(ask);
  if (ask.takes("input") && ask.args.given("input"))
    body.set("data", pairs_object(ask, "input", true));
  auto brief =
      TRY(change(ask, api, str("/api/v1/gates/", id, ".", percent_encode(name), "/", verb), body));
  if (ask.json()) ask.print_json(brief);
  return 0;
}

Status print_lines(const Ask& ask, const ApiClient& api, const std::string& run,
                   const std::string& task, bool prefixed) {
  const auto attempt = ask.args.integer("attempt");
  const auto grep = ask.text("grep");
  const Term& term = ask.io.out_term();
  for (std::int64_t from = 0;;) {
    const auto page =
        TRY(api.call("GET", str(run, "/tasks/", percent_encode(task), "/logs?from_line=", from,
                                attempt ? str("&attempt=", *attempt) : "")));
    if (page["items"].size() == 0 || ask.io.out_closed()) return {};
    for (const auto& line : page["items"].as_array()) {
      const auto text = text_or_empty(line["text"]);
      if (!grep.empty() && text.find(grep) == std::string::npos) continue;
      if (ask.json()) {
        Json j = Json::object();
        j.set("task", task).set("attempt", page["attempt"]).set("time", line["time"]);
        ask.print(str(j.set("stream", line["stream"]).set("text", text).dump(), '\n'));
        continue;
      }
      const auto shown = term.tty ? clean_line(text) : text;
      ask.print(
          str(prefixed ? str(paint(term, Style::cyan, clean_line(task)), " | ") : "", shown, '\n'));
    }
    from = page["next_line"].as_integer();
  }
}

}  // namespace

Result<int> remote_run(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  Signals signals;  // before any thread
  Json request = Json::object();
  Json inputs;
  if (file_exists(ask.run()) || ask.run() == "-") {
    auto loaded = TRY(load_workflow(ask.run()));
    if (!TRY(accept(ask, loaded))) return kExitInvalid;
    inputs = TRY(read_inputs(ask, *loaded.workflow()));
    // Where the files lie means nothing over there.
    for (auto& file : loaded.bundle.files)
      file.file.clear();
    auto row = TRY(api.call("POST", "/api/v1/workflows",
                            Json::object().set("bundle", server::bundle_to_json(loaded.bundle))));
    request.set("workflow", row["name"]).set("version", row["version"]);
  } else {
    request.set("workflow", ask.run());  // one that the server has
    inputs = pairs_object(ask, "input", true);
  }
  request.set("inputs", inputs).set("labels", pairs_object(ask, "label", false));
  if (ask.args.given("name")) request.set("name", ask.text("name"));
  ApiClient::Request post{"POST", "/api/v1/runs", request.dump()};
  if (auto key = ask.args.text("idempotency-key"))
    post.headers.emplace_back("Idempotency-Key", str("\"", *key, "\""));
  const auto answer = TRY(api.ask(post));
  if (answer.status != 201) return ApiClient::error_of(answer);
  return follow_remote(ask, api, signals,
                       str("/api/v1/runs/", text_or_empty(answer.json()["run_id"])));
}

Result<int> remote_watch(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  Signals signals;
  return follow_remote(ask, api, signals, TRY(find_remote(api, ask.run())));
}

Result<int> remote_wait(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  Signals signals;
  int worst = 0;
  for (const auto& reference : ask.args.args())
    worst =
        std::max(worst, TRY(follow_remote(ask, api, signals, TRY(find_remote(api, reference)))));
  return worst;
}

Result<int> remote_ls(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto most = static_cast<std::size_t>(ask.args.integer("limit").value_or(50));
  print_runs(ask, TRY(read_list(api, str("/api/v1/runs", list_query(ask)), most)));
  return 0;
}

Result<int> remote_show(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto path = TRY(find_remote(api, ask.run()));
  auto run = TRY(api.call("GET", path));
  run.set("tasks", TRY(read_list(api, str(path, "/tasks"), 1'000'000)));
  if (ask.json()) {
    ask.print_json(run);
  } else {
    ask.print(run_page(run, ask.io.out_term(), system_clock().now()));
  }
  return 0;
}

Result<int> remote_logs(const Ask& ask) {
  if (ask.args.on("follow") || ask.args.given("tail")) {
    return with_hint({Errc::usage, "logs of a server are printed as they are: no -f, no --tail"},
                     "pawl logs RUN TASK --server URL");
  }
  const auto api = TRY(ApiClient::open(ask));
  const auto run = TRY(find_remote(api, ask.run()));
  if (auto task = ask.args.arg("TASK")) {
    TRY(print_lines(ask, api, run, *task, false));
    return 0;
  }
  const auto tasks = TRY(read_list(api, str(run, "/tasks"), 1'000'000));
  for (const auto& task : tasks.as_array()) {
    if (task["attempts"] != 0) TRY(print_lines(ask, api, run, text_or_empty(task["name"]), true));
  }
  return 0;
}

Result<int> remote_why(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto path = TRY(find_remote(api, ask.run()));
  const auto run = TRY(api.call("GET", path));
  const auto task = ask.args.arg("TASK");
  auto reasons = TRY(api.call(
      "GET", str(path, "/why", task ? "?task=" : "", task ? percent_encode(*task) : "")))["items"];
  if (task && reasons.size() == 0) {
    const auto one = TRY(api.call("GET", str(path, "/tasks/", percent_encode(*task))));
    Json why = Json::object();
    why.set("task", one["name"]).set("state", one["state"]);
    reasons.push(why.set("text", str("it is ", text_or_empty(one["state"]))));
  }
  if (ask.json()) {
    ask.print_json(reasons);
  } else {
    ask.print(why_page(reasons, text_or_empty(run["run_id"]), text_or_empty(run["state"]),
                       ask.io.out_term()));
  }
  return 0;
}

Result<int> remote_history(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto run = TRY(find_remote(api, ask.run()));
  Json all = Json::array();
  for (Json page = Json::object().set("last_seq", 0).set("more", true); page["more"] == true;) {
    page = TRY(api.call("GET", str(run, "/events?limit=500&after_seq=", page["last_seq"].dump())));
    for (const auto& event : page["items"].as_array())
      all.push(event);
  }
  print_events(ask, all);
  return 0;
}

Result<int> remote_pause(const Ask& ask) { return each_remote(ask, "pause"); }
Result<int> remote_resume(const Ask& ask) { return each_remote(ask, "resume"); }
Result<int> remote_cancel(const Ask& ask) { return each_remote(ask, "cancel"); }

Result<int> remote_retry(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto run = TRY(find_remote(api, ask.run()));
  auto tasks = ask.args.all("from");
  if (tasks.empty()) tasks.emplace_back();
  Json brief;
  for (const auto& task : tasks) {
    Json body = Json::object();
    body.set("task", task).set("set", pairs_object(ask, "set", true));
    brief = TRY(change(ask, api, str(run, "/retry"), body));
  }
  if (ask.json()) ask.print_json(brief);
  return 0;
}

Result<int> remote_recover(const Ask& ask) {
  const auto api = TRY(ApiClient::open(ask));
  const auto run = TRY(find_remote(api, ask.run()));
  Json body = Json::object();
  body.set("from", ask.text("from")).set("set", pairs_object(ask, "set", true));
  if (ask.args.given("input")) body.set("inputs", pairs_object(ask, "input", true));
  auto brief = TRY(change(ask, api, str(run, "/recover"), body));
  if (ask.json()) ask.print_json(brief);
  return 0;
}

Result<int> remote_approve(const Ask& ask) { return decide_remote(ask, "approve"); }
Result<int> remote_reject(const Ask& ask) { return decide_remote(ask, "reject"); }

}  // namespace pawl::cli
