// run, watch, wait: a run to its end, with an exit code that is its outcome.
#include <algorithm>

#include "base/text.h"
#include "cli/follow.h"
#include "cli/handlers.h"
#include "cli/load.h"
#include "cli/summary.h"

namespace pawl::cli {
namespace {

RunId run_id_of(const Json& brief) { return RunId{brief["run_id"].as_integer()}; }

// Runs that an earlier process left open are carried on by whoever opens the directory; say so
// once.
void tell_of_others(const Ask& ask, Session& session, RunId ours) {
  auto store = session.store();
  if (!session.owns() || !store.ok()) return;
  store::RunFilter filter;
  filter.states = 0;
  for (auto s : {core::RunState::pending, core::RunState::running, core::RunState::recovering}) {
    filter.states |= 1u << static_cast<unsigned>(s);
  }
  filter.limit = 5;
  auto rows = (*store)->list_runs(filter);
  if (!rows.ok()) return;
  std::string names;
  for (const auto& row : *rows) {
    if (row.header.id == ours || row.header.parent) continue;
    names += str(names.empty() ? "" : ", ", row.header.id.value, " (",
                 clean_line(row.workflow_name), ")");
  }
  if (!names.empty()) ask.note(str("also carried on here, from before: run ", names));
}

// The end of the run, or of our patience, in words and as JSON.
Result<int> conclude(const Ask& ask, std::unique_ptr<Session>& session, RunId run,
                     Follower& follower, const Followed& how) {
  Json shown;
  if (ask.json()) shown = TRY(session->call("show", Json::object().set("run_id", run.value)));
  int code = 0;
  EndText text;
  if (how.end == FollowEnd::ended) {
    text = TRY(end_text(*session, run, ask));
    code = text.exit_code;
  }
  int left = follower.leave(how);
  if (how.end != FollowEnd::ended) code = left;
  if (ask.json()) {
    shown.set("exit_code", code);
    ask.print_json(shown);
  } else if (!ask.quiet() || how.end == FollowEnd::ended) {
    ask.io.err(text.problem);
    ask.print(text.result);
  }
  return code;
}

Result<int> follow_to_end(const Ask& ask, Signals& signals, std::unique_ptr<Session>& session,
                          RunId run, const std::string& workflow) {
  auto progress = make_progress(ask, usual_duration(*session, workflow));
  Follower follower(ask, signals, session, run);
  auto how = TRY(follower.follow(*progress, deadline(ask), true));
  progress.reset();
  return conclude(ask, session, run, follower, how);
}

}  // namespace

Result<int> run_run(const Ask& ask) {
  auto loaded = TRY(load_workflow(ask.run()));
  if (!TRY(accept(ask, loaded))) return kExitInvalid;
  auto inputs = TRY(read_inputs(ask, *loaded.workflow()));
  Signals signals;  // before any thread
  auto session = TRY(Session::open(ask, Access::carry));
  Json request = Json::object();
  request.set("bundle", server::bundle_to_json(loaded.bundle)).set("inputs", inputs);
  request.set("name", ask.text("name")).set("labels", pairs_object(ask, "label", false));
  request.set("idempotency_key", ask.text("idempotency-key"));
  auto brief = TRY(session->call("submit", std::move(request)));
  auto run = run_id_of(brief);
  auto name = brief["name"].as_string();
  ask.note(str(
      "run ", run.value, "  ", clean_line(loaded.workflow()->name),
      name.empty() ? "" : str("  ", clean_line(name)),
      session->owns() ? "" : str("  (carried by pid ", session->other_owner()["pid"].dump(), ")")));
  tell_of_others(ask, *session, run);
  return follow_to_end(ask, signals, session, run, loaded.workflow()->name);
}

Result<int> run_watch(const Ask& ask) {
  Signals signals;
  RunId run;
  {
    // Looked up first, without a claim on the directory: a run that has ended is only shown.
    auto reading = TRY(Session::open(ask, Access::read));
    run = TRY(reading->find(ask.run()));
    auto row = TRY(TRY(reading->store())->find_run(run));
    if (row && !row->header.open) {
      Follower nobody(ask, signals, reading, run);
      return conclude(ask, reading, run, nobody, Followed{});
    }
  }
  auto session = TRY(Session::open(ask, Access::carry));
  auto row = TRY(TRY(session->store())->find_run(run));
  auto workflow = row ? row->workflow_name : std::string();
  ask.note(str("run ", run.value, "  ", clean_line(workflow),
               row && !row->header.name.empty() ? str("  ", clean_line(row->header.name)) : "",
               session->owns() ? "  (carried on here)" : ""));
  tell_of_others(ask, *session, run);
  return follow_to_end(ask, signals, session, run, workflow);
}

Result<int> run_wait(const Ask& ask) {
  Signals signals;
  auto until = deadline(ask);
  Json all = Json::array();
  int worst = 0;
  std::string lines;
  for (const auto& reference : ask.args.args()) {
    auto session = TRY(Session::open(ask, Access::read));
    auto run = TRY(session->find(reference));
    auto row = TRY(TRY(session->store())->find_run(run));
    if (row && row->header.open) {
      if (session->other_owner().is_null()) {
        return with_hint(
            {Errc::conflict, str("run ", run.value, " is ", core::to_string(row->header.state),
                                 " and no process carries it on")},
            str("pawl watch ", run.value, " carries it on to its end"));
      }
      struct Quiet final : Progress {
        void show(const std::vector<server::FeedItem>&, RunView&, Time) override {}
        void note(std::string_view) override {}
      } quiet;
      Follower follower(ask, signals, session, run);
      auto how = TRY(follower.follow(quiet, until, false));
      if (how.end != FollowEnd::ended) {
        if (ask.json()) ask.print_json(all);
        return follower.leave(how);
      }
    }
    auto shown = TRY(session->call("show", Json::object().set("run_id", run.value)));
    auto text = TRY(end_text(*session, run, ask));
    worst = std::max(worst, text.exit_code);
    lines += str(run.value, '\t', shown["state"].as_string(), '\n');
    all.push(std::move(shown));
  }
  if (ask.json()) {
    ask.print_json(all);
  } else {
    ask.print(lines);
  }
  return worst;
}

}  // namespace pawl::cli
