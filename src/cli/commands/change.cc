// pause, resume, cancel, retry, recover, approve, reject: what a person may change of a run. Each
// is recorded before it is answered, says the new state, and how to go on.
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/load.h"
#include "cli/session.h"

namespace pawl::cli {
namespace {

constexpr Duration kCancelPatience = std::chrono::seconds(20);

std::string text_of(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }

// Who asks, with the reason they gave: it is kept in the run's history.
std::string by(const Ask& ask, bool with_message) {
  const char* user = ask.io.environment("USER");
  if (!user || !*user) user = ask.io.environment("LOGNAME");
  auto who = clean_line(user && *user ? user : "someone");
  auto message = with_message ? ask.text("message") : std::string();
  return message.empty() ? who : str(who, ": ", clean_line(message));
}

bool ended(const std::string& state) {
  return state == "completed" || state == "failed" || state == "cancelled";
}

// "run 7 is paused", and what to type next.
void say(const Ask& ask, Session& session, const Json& brief) {
  if (ask.quiet() || ask.json()) return;
  const Term& term = ask.io.out_term();
  auto id = brief["run_id"].as_integer();
  auto state = text_of(brief["state"]);
  auto cancelling = brief["cancelling"].is_bool() && brief["cancelling"].as_bool() && !ended(state);
  std::string line = str("run ", id, ' ', state_text(term, cancelling ? "running" : state));
  if (cancelling) line += ", being cancelled";
  if (brief["source_run"].is_integer()) {
    line += str(", a new run that takes over what run ", brief["source_run"].dump(), " has done");
  }
  if (state == "paused") {
    line += str("; go on: pawl resume ", id);
  } else if (!ended(state)) {
    line += str(session.owns() ? "; carry it on: pawl watch " : "; follow it: pawl watch ", id);
  }
  ask.print(line + '\n');
}

Result<int> answer(const Ask& ask, Session& session, Json brief) {
  say(ask, session, brief);
  if (ask.json()) ask.print_json(brief.set("run_id", str(brief["run_id"].as_integer())));
  return 0;
}

// The same change to every run named. The worst outcome counts, and each is tried.
Result<int> each(const Ask& ask, std::string_view method, Access access, bool with_message) {
  auto session = TRY(Session::open(ask, access));
  Json all = Json::array();
  int worst = 0;
  for (const auto& reference : ask.args.args()) {
    auto change = [&]() -> Result<Json> {
      auto run = TRY(session->find(reference));
      auto params = Json::object().set("run_id", run.value).set("by", by(ask, with_message));
      auto brief = TRY(session->call(method, std::move(params)));
      if (access == Access::stop && session->owns()) {
        brief = TRY(session->await_end(run, kCancelPatience));
      }
      return brief;
    };
    auto brief = change();
    if (!brief.ok()) {
      worst = std::max(worst, report(brief.error(), ask.json(), ask.io));
      continue;
    }
    say(ask, *session, *brief);
    all.push(brief->set("run_id", str((*brief)["run_id"].as_integer())));
  }
  if (ask.json())
    ask.print_json(ask.args.args().size() == 1 && all.size() == 1 ? all[std::size_t{0}] : all);
  return worst;
}

// What -i gives, read as the form of the gate declares it. Which gate that is, and whether all is
// there, the engine says.
Result<Json> form_answer(const Ask& ask, Session& session, RunId run) {
  Json data = Json::object();
  Status read = Ok{};
  TRY(session.inspect(run, [&](const core::Run& r) {
    const auto task = ask.args.arg("TASK");
    const core::TaskDef* gate = nullptr;
    for (TaskId t = 0; t < r.task_count(); ++t) {
      if (r.def(t).executor != core::Executor::gate) continue;
      const bool named = task ? r.path(t) == *task : r.rows[t].state == core::TaskState::waiting;
      if (named) gate = &r.def(t);
    }
    if (!gate) return;
    for (const auto& [name, text] : ask.args.pairs("input")) {
      auto value = gate->form.empty() ? Result<Json>(Json(text))
                                      : core::read_form_field(gate->form, name, text);
      if (value.ok()) {
        data.set(name, std::move(*value));
      } else if (read.ok()) {
        read = value.error();
      }
    }
  }));
  TRY(std::move(read));
  return data;
}

Result<int> decide_gate(const Ask& ask, std::string_view method) {
  auto session = TRY(Session::open(ask, Access::change));
  auto run = TRY(session->find(ask.run()));
  Json params = Json::object();
  params.set("run_id", run.value).set("by", by(ask, false)).set("message", ask.text("message"));
  params.set("task", ask.args.arg("TASK").value_or(""));
  if (ask.takes("input") && ask.args.given("input")) {
    params.set("data", TRY(form_answer(ask, *session, run)));
  }
  return answer(ask, *session, TRY(session->call(method, std::move(params))));
}

}  // namespace

Result<int> run_pause(const Ask& ask) { return each(ask, "pause", Access::change, true); }
Result<int> run_resume(const Ask& ask) { return each(ask, "resume", Access::change, false); }
// Processes that an earlier owner left behind end here too: hence with a worker.
Result<int> run_cancel(const Ask& ask) { return each(ask, "cancel", Access::stop, true); }

Result<int> run_retry(const Ask& ask) {
  auto session = TRY(Session::open(ask, Access::change));
  auto run = TRY(session->find(ask.run()));
  auto tasks = ask.args.all("from");
  if (tasks.empty()) tasks.push_back("");
  Json brief;
  for (const auto& task : tasks) {
    Json params = Json::object();
    params.set("run_id", run.value).set("task", task).set("by", by(ask, false));
    params.set("set", pairs_object(ask, "set", true));
    brief = TRY(session->call("retry", std::move(params)));
  }
  return answer(ask, *session, std::move(brief));
}

Result<int> run_recover(const Ask& ask) {
  auto session = TRY(Session::open(ask, Access::change));
  auto run = TRY(session->find(ask.run()));
  Json params = Json::object();
  params.set("run_id", run.value).set("from", ask.text("from")).set("by", by(ask, false));
  params.set("set", pairs_object(ask, "set", true));
  if (ask.args.given("input")) {
    // Given inputs go over the old run's; what they make together is checked like any other.
    Json inputs;
    Result<Json> checked = Json();
    TRY(session->inspect(run, [&](const core::Run& r) {
      inputs = r.inputs;
      for (const auto& [name, text] : ask.args.pairs("input")) {
        auto value = core::read_input(r.workflow(), name, text);
        inputs.set(name, value.ok() ? std::move(*value) : Json(text));
      }
      checked = core::check_inputs(r.workflow(), inputs);
    }));
    params.set("inputs", TRY(std::move(checked)));
  }
  return answer(ask, *session, TRY(session->call("recover", std::move(params))));
}

Result<int> run_approve(const Ask& ask) { return decide_gate(ask, "approve"); }
Result<int> run_reject(const Ask& ask) { return decide_gate(ask, "reject"); }

}  // namespace pawl::cli
