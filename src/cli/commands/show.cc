// show: one run on one page. history: all that happened to it, in order.
#include "base/text.h"
#include "cli/brief_error.h"
#include "cli/handlers.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "cli/views.h"
#include "core/run_json.h"
#include "engine/run_io.h"

namespace pawl::cli {
namespace {

constexpr std::size_t kShownTasks = 200;

std::string text_of(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }

std::string shown_time(const Json& j) {
  auto t = parse_time(text_of(j));
  return t.ok() ? str(text_of(j).substr(0, 10), ' ', clock_time(*t)) : "-";
}

Duration between(const Json& from, const Json& to, Time now) {
  auto begin = parse_time(text_of(from));
  auto end = parse_time(text_of(to));
  if (!begin.ok()) return Duration{-1};
  return (end.ok() ? *end : now) - *begin;
}

std::string head_of(const Json& run, const Term& term, Time now) {
  auto line = str(paint(term, Style::bold, str("run ", text_of(run["run_id"]))), "  ",
                  clean_line(text_of(run["workflow"])), " version ", run["version"].dump(), "  ",
                  state_text(term, text_of(run["state"])));
  auto verdict = text_of(run["verdict"]);
  if (!verdict.empty()) line += str("  verdict ", paint(term, mark_of(verdict).style, verdict));
  line += '\n';
  auto field = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) line += str("  ", pad_right(name, 9), clean_line(value), '\n');
  };
  field("name", text_of(run["name"]));
  field("begun", shown_time(run["created_at"]));
  auto took = between(run["started_at"], run["finished_at"], now);
  if (took.count() >= 0) field("took", format_duration(took));
  field("parent", text_of(run["parent"]));
  field("source", text_of(run["source"]));
  field("paused", text_of(run["pause_reason"]));
  if (run["inputs"].size() > 0) field("inputs", run["inputs"].dump());
  if (run["labels"].size() > 0) field("labels", run["labels"].dump());
  auto error = text_of(run["error"]);
  field("error", brief_error(error));
  return line;
}

// What there is to say of a task in one cell.
std::string note_of(const Json& task) {
  auto error = text_of(task["error"]);
  auto state = text_of(task["state"]);
  if (!error.empty() && state != "completed") return brief_error(error);
  if (task["progress"].is_object()) {
    const auto& p = task["progress"];
    return str(text_of(p["unit"]), p["unit"].is_string() ? " " : "", p["current"].dump(),
               p["total"].is_number() ? str('/', p["total"].dump()) : "");
  }
  if (!text_of(task["question"]).empty() && state == "waiting") return text_of(task["question"]);
  if (task["child_run"].is_string()) return str("run ", text_of(task["child_run"]));
  auto reason = text_of(task["reason"]);
  if (!reason.empty() && reason != "error") return reason;
  if (task["outputs"].is_object() && task["outputs"].size() > 0) return task["outputs"].dump();
  return {};
}

// All of a small run; of a large one what did not go well, and how many others there are.
std::string tasks_of(const Json& run, const Term& term, Time now) {
  Table table({{.head = "TASK", .cut = true},
               {.head = "STATE"},
               {.head = "TRIES", .right = true, .drop = 1},
               {.head = "TOOK", .right = true, .drop = 2},
               {.head = "NOTE", .cut = true, .drop = 3}});
  const auto& tasks = run["tasks"].as_array();
  std::size_t left_out = 0;
  for (const auto& task : tasks) {
    auto state = text_of(task["state"]);
    bool dull =
        state == "completed" || state == "skipped" || state == "pending" || state == "queued";
    if (term.tty && tasks.size() > kShownTasks && dull) {
      ++left_out;
      continue;
    }
    auto took = between(task["started_at"], task["finished_at"], now);
    if (state == "waiting" || state == "retrying") took = Duration{-1};
    table.add({text_of(task["name"]), Cell::state(state),
               task["attempts"].as_integer() > 0 ? task["attempts"].dump() : "",
               took.count() >= 0 ? format_duration(took) : "", note_of(task)});
  }
  auto out = table.print(term);
  if (left_out > 0) {
    out += str(left_out, " more tasks: ");
    std::string counts;
    for (const auto& [state, n] : run["counts"].as_object()) {
      counts += str(counts.empty() ? "" : ", ", n.dump(), ' ', state);
    }
    out += str(counts, "\n");
  }
  return out;
}

// "run completed", "failed", "warning".
std::string what_of(const Json& event) {
  const auto kind = text_of(event["kind"]);
  if (kind == "run_state") return str("run ", text_of(event["state"]));
  return kind == "task_state" ? text_of(event["state"]) : kind;
}

}  // namespace

Result<int> run_show(const Ask& ask) {
  auto session = TRY(Session::open(ask, Access::read));
  auto run = TRY(session->find(ask.run()));
  auto shown = TRY(session->call("show", Json::object().set("run_id", run.value)));
  if (ask.json()) {
    ask.print_json(shown);
    return 0;
  }
  const Term& term = ask.io.out_term();
  auto now = system_clock().now();
  auto state = text_of(shown["state"]);
  auto text = run_page(shown, term, now);
  if (state == "failed") {
    auto end = TRY(end_text(*session, run, ask));
    text += str('\n', end.problem);
  } else if (state == "running" || state == "pending" || state == "recovering") {
    const auto& owner = session->other_owner();
    text += owner.is_null() ? str("\nno process carries it on now: pawl watch ", run.value, '\n')
                            : str("\ncarried by pid ", owner["pid"].dump(), " (",
                                  clean_line(text_of(owner["command"])), ")\n");
  } else if (state == "paused") {
    text += str("\ngo on with: pawl resume ", run.value, '\n');
  }
  ask.print(text);
  return 0;
}

std::string run_page(const Json& run, const Term& term, Time now) {
  auto text = str(head_of(run, term, now), '\n', tasks_of(run, term, now));
  if (run["outputs"].size() > 0) text += str("\noutputs\n", outputs_text(run["outputs"], term));
  return text;
}

Result<int> run_history(const Ask& ask) {
  auto session = TRY(Session::open(ask, Access::read));
  auto run = TRY(session->find(ask.run()));
  auto events = TRY(engine::events_of(*TRY(session->store()), run));
  Json all = Json::array();
  TRY(session->inspect(run, [&](const core::Run& r) {
    for (const auto& e : events)
      all.push(core::event_to_json(r, e));
  }));
  print_events(ask, all);
  return 0;
}

void print_events(const Ask& ask, const Json& events) {
  const auto wanted = ask.args.text("task");
  Json all = Json::array();
  Table table({{.head = "TIME"},
               {.head = "TASK", .cut = true},
               {.head = "WHAT"},
               {.head = "TRY", .right = true, .drop = 2},
               {.head = "WHY", .cut = true, .drop = 1}});
  const bool tty = ask.io.out_term().tty;
  for (const auto& e : events.as_array()) {
    const auto path = text_of(e["task"]);
    if (wanted && path != *wanted) continue;
    if (ask.json()) {
      all.push(e);
      continue;
    }
    auto why = text_of(e["reason"]);
    const auto text = brief_error(text_of(e["text"]));
    if (!text.empty()) why += str(why.empty() ? "" : ": ", text);
    const auto time = parse_time(text_of(e["time"]));
    table.add({tty && time.ok() ? clock_time(*time) : text_of(e["time"]), path, what_of(e),
               e["attempt"].is_integer() ? e["attempt"].dump() : "", why});
  }
  if (ask.json()) {
    ask.print_json(all);
  } else {
    ask.print(table.print(ask.io.out_term()));
  }
}

}  // namespace pawl::cli
