// plan: what a file would do, without doing any of it. Tasks stand in waves: those of one wave wait
// only for tasks of the waves before it.
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/load.h"
#include "cli/table.h"
#include "core/plan_json.h"

namespace pawl::cli {
namespace {

using core::Executor;
using core::Workflow;

std::string source_text(const core::Template& t) {
  return t.source().is_string() ? t.source().as_string() : t.source().dump();
}

// What is out of the ordinary about a task, in one cell.
std::string remarks(const Workflow& w, TaskId t) {
  const auto& def = w.def(t);
  std::vector<std::string> parts;
  if (def.executor == Executor::gate) parts.emplace_back("waits for a person");
  if (def.for_each) {
    auto n = def.for_each->is_constant() ? str(def.for_each->source().size(), " elements")
                                         : str("one each of ", source_text(*def.for_each));
    parts.push_back(def.max_parallel ? str(n, ", ", def.max_parallel, " at a time") : n);
  }
  if (def.condition) parts.push_back(str("if ", def.condition->text()));
  for (const auto& r : def.resources)
    parts.push_back(str("needs ", r.amount, ' ', r.name));
  if (def.queue != "default") parts.push_back(str("queue ", def.queue));
  if (def.retry.max_attempts > 1)
    parts.push_back(str("up to ", def.retry.max_attempts, " attempts"));
  if (def.timeout.attempt.count() > 0)
    parts.push_back(str("within ", print_duration(def.timeout.attempt)));
  if (def.allow_failure) parts.emplace_back("may fail");
  return join(parts, "; ");
}

std::string after(const Workflow& w, TaskId t) {
  std::string out;
  for (TaskId need : w.needs(t))
    out += str(out.empty() ? "" : ", ", w.own_name(need));
  return out;
}

std::string inputs_text(const Workflow& w, const Json& given, const Term& term) {
  std::string out;
  for (const auto& input : w.inputs) {
    auto type = input.schema["type"].is_string() ? input.schema["type"].as_string() : "any";
    const Json* value = given.find(input.name);
    auto shown = value            ? (input.secret ? std::string("***") : value->dump())
                 : input.required ? paint(term, Style::yellow, "required, not given")
                                  : std::string("not given");
    out += str("  ", clean_line(input.name), " (", type, "): ", shown, '\n');
  }
  return out.empty() ? out : str("inputs\n", out, '\n');
}

std::string concurrency_text(const Workflow& w) {
  if (!w.concurrency) return {};
  const auto& c = *w.concurrency;
  const char* then = c.on_conflict == core::OnConflict::queue    ? "wait"
                     : c.on_conflict == core::OnConflict::reject ? "are refused"
                                                                 : "end the older ones";
  return str("at most ", c.limit, c.limit == 1 ? " run" : " runs", " for each ",
             clean_line(source_text(c.key)), "; further ones ", then, "\n\n");
}

}  // namespace

Result<int> run_plan(const Ask& ask) {
  auto loaded = TRY(load_workflow(ask.run()));
  if (!TRY(accept(ask, loaded))) return kExitInvalid;
  const Workflow& w = *loaded.workflow();
  // Without any input a plan can be read before one knows what they are; wrong ones are refused.
  bool given = ask.args.given("input") || ask.args.given("inputs");
  auto inputs = given ? TRY(read_inputs(ask, w)) : Json::object();
  if (!given) {
    for (const auto& input : w.inputs) {
      if (const Json* fallback = input.schema.find("default")) inputs.set(input.name, *fallback);
    }
  }
  const auto wave = core::waves_of(w);
  const auto order = core::wave_order(wave);
  if (ask.json()) {
    Json tasks = Json::array();
    for (TaskId t : order)
      tasks.push(core::planned_task_to_json(w, t, wave[t]));
    Json out = Json::object();
    out.set("workflow", w.name).set("inputs", inputs).set("tasks", std::move(tasks));
    ask.print_json(out);
    return 0;
  }
  const Term& term = ask.io.out_term();
  Table table({{.head = "WAVE", .right = true},
               {.head = "TASK", .cut = true},
               {.head = "ACTION", .drop = 1},
               {.head = "AFTER", .cut = true, .drop = 2},
               {.head = "REMARKS", .cut = true, .drop = 3}});
  for (TaskId t : order) {
    const auto& def = w.def(t);
    auto action = def.executor == Executor::group ? std::string("group") : def.action;
    if (w.node(t).is_finally) action += " (finally)";
    table.add({str(wave[t]), w.path(t), action, after(w, t), remarks(w, t)});
  }
  auto head = str(paint(term, Style::bold, clean_line(w.name)),
                  w.title.empty() ? "" : str("  ", clean_line(w.title)), '\n');
  if (term.tty) ask.print(str(head, '\n', inputs_text(w, inputs, term), concurrency_text(w)));
  ask.print(table.print(term));
  return 0;
}

}  // namespace pawl::cli
