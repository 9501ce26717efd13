// plan: what a file would do, without doing any of it. Tasks stand in waves: those of one wave wait
// only for tasks of the waves before it.
#include <algorithm>

#include "base/text.h"
#include "cli/handlers.h"
#include "cli/load.h"
#include "cli/table.h"

namespace pawl::cli {
namespace {

using core::Executor;
using core::Workflow;

// The wave of each task, from 1; members of a group begin with their group.
std::vector<std::uint32_t> waves_of(const Workflow& w) {
  auto n = w.task_count();
  std::vector<std::uint32_t> wave(n, 0), waits(n, 0);
  std::vector<TaskId> ready;
  // A group is done after its last member: who needs the group waits for its deepest wave.
  std::vector<std::uint32_t> end(n, 0), open_members(n, 0);
  for (TaskId t = 0; t < n; ++t) {
    waits[t] = static_cast<std::uint32_t>(w.needs(t).size());
    open_members[t] = static_cast<std::uint32_t>(w.members(t).size());
  }
  auto start = [&](TaskId t) {
    std::uint32_t at = 1;
    for (TaskId need : w.needs(t))
      at = std::max(at, end[need] + 1);
    if (auto g = w.node(t).parent; g != kNoTask) at = std::max(at, wave[g]);
    wave[t] = end[t] = at;
    ready.push_back(t);
  };
  for (TaskId t = 0; t < n; ++t) {
    if (waits[t] == 0 && w.node(t).parent == kNoTask && !w.node(t).is_finally) start(t);
  }
  auto finish = [&](auto&& self, TaskId t) -> void {
    for (TaskId d : w.dependents(t)) {
      auto g = w.node(d).parent;
      if (--waits[d] == 0 && (g == kNoTask || wave[g] > 0)) start(d);
    }
    auto g = w.node(t).parent;
    if (g == kNoTask) return;
    end[g] = std::max(end[g], end[t]);
    if (--open_members[g] == 0) self(self, g);
  };
  auto drain = [&] {
    for (std::size_t i = 0; i < ready.size(); ++i) {
      TaskId t = ready[i];
      if (w.members(t).empty()) {
        finish(finish, t);
        continue;
      }
      for (TaskId m : w.members(t)) {
        if (waits[m] == 0 && wave[m] == 0) start(m);
      }
    }
    ready.clear();
  };
  drain();
  std::uint32_t last = 0;
  for (auto at : end)
    last = std::max(last, at);
  for (TaskId t : w.finals()) {
    if (waits[t] == 0) start(t);
  }
  drain();
  // The main phase ends before any finally task begins.
  std::vector<bool> is_final(n, false);
  for (TaskId t = 0; t < n; ++t) {
    TaskId top = t;
    while (w.node(top).parent != kNoTask)
      top = w.node(top).parent;
    if (w.node(top).is_finally) wave[t] += last;
  }
  return wave;
}

Json names(const Workflow& w, std::span<const TaskId> tasks) {
  Json out = Json::array();
  for (TaskId t : tasks)
    out.push(w.path(t));
  return out;
}

std::string source_text(const core::Template& t) {
  return t.source().is_string() ? t.source().as_string() : t.source().dump();
}

Json task_json(const Workflow& w, TaskId t, std::uint32_t wave) {
  const auto& def = w.def(t);
  Json j = Json::object();
  j.set("name", w.path(t)).set("wave", wave);
  j.set("action", def.executor == Executor::group ? "group" : def.action);
  if (!def.title.empty()) j.set("title", def.title);
  j.set("needs", names(w, w.needs(t)));
  if (w.node(t).parent != kNoTask) j.set("group", w.path(w.node(t).parent));
  if (w.node(t).is_finally) j.set("finally", true);
  if (def.condition) j.set("if", def.condition->text());
  if (def.for_each) {
    j.set("for_each", def.for_each->source());
    if (def.for_each->is_constant()) j.set("elements", def.for_each->source().size());
    if (def.max_parallel) j.set("max_parallel", def.max_parallel);
  }
  if (def.queue != "default") j.set("queue", def.queue);
  if (!def.resources.empty()) {
    Json resources = Json::object();
    for (const auto& r : def.resources)
      resources.set(r.name, r.amount);
    j.set("resources", resources);
  }
  if (def.retry.max_attempts > 1) j.set("max_attempts", def.retry.max_attempts);
  if (def.timeout.attempt.count() > 0) j.set("timeout", print_duration(def.timeout.attempt));
  if (def.allow_failure) j.set("allow_failure", true);
  return j;
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
  auto wave = waves_of(w);
  std::vector<TaskId> order(w.task_count());
  for (TaskId t = 0; t < w.task_count(); ++t)
    order[t] = t;
  std::stable_sort(order.begin(), order.end(),
                   [&](TaskId a, TaskId b) { return wave[a] < wave[b]; });
  if (ask.json()) {
    Json tasks = Json::array();
    for (TaskId t : order)
      tasks.push(task_json(w, t, wave[t]));
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
