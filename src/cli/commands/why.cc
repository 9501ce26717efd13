// why: of everything that does not run, the reason, what stands in the way, and what would move it
// on.
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "cli/views.h"

namespace pawl::cli {
namespace {

constexpr std::size_t kShown = 40;

std::string text_of(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }

}  // namespace

Result<int> run_why(const Ask& ask) {
  auto session = TRY(Session::open(ask, Access::read));
  auto run = TRY(session->find(ask.run()));
  auto reasons = TRY(session->call("why", Json::object().set("run_id", run.value)));
  auto row = TRY(TRY(session->store())->find_run(run));
  Json wanted = Json::array();
  auto task = ask.args.arg("TASK");
  for (const auto& why : reasons.as_array()) {
    if (!task || text_of(why["task"]) == *task) wanted.push(why);
  }
  if (task && wanted.size() == 0) {
    // Running and completed tasks need no excuse; a name that is none does.
    std::string state;
    std::vector<std::string> names;
    TRY(session->inspect(run, [&](const core::Run& r) {
      if (auto t = r.find(*task)) state = core::to_string(r.rows[*t].state);
      for (TaskId t = 0; t < std::min<TaskId>(r.task_count(), 10'000); ++t)
        names.push_back(r.path(t));
    }));
    if (state.empty()) {
      auto near = nearest(*task, names);
      Error error{Errc::not_found, str("run ", run.value, " has no task '", *task, "'")};
      return near.empty() ? error : with_hint(std::move(error), str("did you mean '", near, "'?"));
    }
    wanted.push(
        Json::object().set("task", *task).set("state", state).set("text", str("it is ", state)));
  }
  if (ask.json()) {
    ask.print_json(wanted);
    return 0;
  }
  const auto state = row ? core::to_string(row->header.state) : "";
  ask.print(why_page(wanted, str(run.value), state, ask.io.out_term()));
  if (session->other_owner().is_null() && row && row->header.open) {
    ask.note(str("no process carries run ", run.value, " on now: pawl watch ", run.value));
  }
  return 0;
}

std::string why_page(const Json& reasons, std::string_view run, std::string_view state,
                     const Term& term) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& why : reasons.as_array()) {
    if (term.tty && ++shown > kShown) {
      out += str("... and ", reasons.size() - kShown, " more; pawl why ", run,
                 " TASK, or --json, has them\n");
      break;
    }
    const auto name = text_of(why["task"]);
    const auto is = name.empty() ? std::string(state) : text_of(why["state"]);
    out += str(paint(term, Style::bold, name.empty() ? str("run ", run) : clean_line(name)), "  ",
               state_text(term, is), ": ", clean_line(text_of(why["text"])), '\n');
    const auto unblock = text_of(why["unblock"]);
    if (!unblock.empty()) out += str("    ", clean_line(unblock), '\n');
  }
  return out;
}

}  // namespace pawl::cli
