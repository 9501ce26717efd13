// One task's fields.

#include <algorithm>

#include "base/text.h"
#include "core/workflow_parse.h"

namespace pawl::core {

// `params` and `for_each` come first: what stands below may read them.
struct TaskTables {
  using P = WorkflowParser;
  static constexpr P::Field<TaskDraft> task[] = {
      {"action", &P::task_ignored},
      {"title", &P::task_title},
      {"needs", &P::task_ignored},
      {"if", &P::task_if},
      {"for_each", &P::task_for_each, kLeafKinds},
      {"max_parallel", &P::task_max_parallel, kLeafKinds},
      {"params", &P::task_params, kLeafKinds},
      {"allow_failure", &P::task_allow_failure},
      {"run", &P::task_run, kShell},
      {"args", &P::task_args, kShell},
      {"shell", &P::task_shell, kShell},
      {"env", &P::task_env, kShell | kApp},
      {"cwd", &P::task_cwd, kShell | kApp},
      {"kill_after", &P::task_kill_after, kShell | kApp},
      {"with", &P::task_with, kLeafKinds & ~kShell},
      {"retry", &P::task_retry, kWorkerKinds | kChild},
      {"timeout", &P::task_timeout, kWorkerKinds | kChild},
      {"recover", &P::task_recover, kWorkerKinds | kChild},
      {"resources", &P::task_resources, kWorkerKinds},
      {"queue", &P::task_queue, kWorkerKinds},
      {"priority", &P::task_priority, kWorkerKinds},
      {"outputs", &P::task_outputs, kGroup},
      {"defaults", &P::task_ignored, kGroup},
      {"tasks", &P::task_ignored, kGroup},
  };
};

namespace {

constexpr std::string_view kActions[] = {"shell", "http", "noop", "sleep", "gate", "workflow"};
constexpr unsigned kActionKinds[] = {kShell, kHttp, kNoop, kSleep, kGate, kChild};

std::string_view kind_words(unsigned kind) {
  switch (kind) {
    case kShell:
      return "a shell task";
    case kHttp:
      return "an http task";
    case kNoop:
      return "a noop task";
    case kSleep:
      return "a sleep task";
    case kGate:
      return "a gate";
    case kChild:
      return "a workflow task";
    case kGroup:
      return "a group";
    default:
      return "this task";
  }
}

// Why a field is refused where it stands, and what to do instead.
std::string misplaced_hint(std::string_view field, unsigned kind) {
  if (kind == kGroup) {
    if (field == "for_each" || field == "max_parallel")
      return "put the tasks into a workflow of their own and fan out a `workflow` task";
    if (field == "with" || field == "action" || field == "run" || field == "args")
      return "a group only holds tasks: move it to one of them";
    return "give it to the group's tasks, or put it under the group's `defaults:`";
  }
  if (field == "with" && kind == kShell) return "shell tasks take `run` or `args`, `env` and `cwd`";
  if (field == "timeout" && kind == kGate)
    return "a gate's own timeout stands in `with: {timeout: 24h}`";
  if (field == "timeout" && kind == kSleep) return "it ends when its time has come";
  if (field == "outputs") return "a task puts out what it writes to the file $PAWL_OUTPUT";
  if (field == "defaults") return "defaults stand at the top of the file or in a group";
  if (field == "run" || field == "args" || field == "shell")
    return "only `action: shell` runs commands";
  if (field == "env" || field == "cwd" || field == "kill_after")
    return "only tasks with a process of their own have it";
  if (kind == kSleep || kind == kGate) return "no worker runs it";
  return "";
}

}  // namespace

bool WorkflowParser::read_kind(TaskDraft& t) {
  DocRef action = t.node.find("action");
  if (t.node.find("tasks")) {
    t.kind = kGroup;
    t.def.executor = Executor::group;
    return true;
  }
  t.def.action = "shell";
  if (!action) {
    // `run:` and `args:` say enough.
    if (t.node.find("run") || t.node.find("args")) return true;
    // A misspelt one is reported as such, and is enough.
    for (auto [key, value] : t.node.members()) {
      std::string near =
          nearest_name_of(key.text(), {"run", "args", "action", "tasks", "needs", "if"});
      if (key.text() != near &&
          (near == "run" || near == "args" || near == "action" || near == "tasks"))
        return false;
    }
    out_.error(DocRef(doc_, t.node.index() - 1), "missing_field",
               str("the task \"", builder_.workflow().own_name(t.task), "\" does nothing"),
               "give it an `action`, a `run`, or `tasks` of its own");
    return false;
  }
  if (!action.is_string()) {
    wrong_type(action, "the name of an action");
    return false;
  }
  t.def.action = std::string(action.text());
  for (std::size_t i = 0; i < std::size(kActions); ++i)
    if (action.text() == kActions[i]) {
      t.kind = kActionKinds[i];
      t.def.executor = t.kind == kSleep   ? Executor::sleep
                       : t.kind == kGate  ? Executor::gate
                       : t.kind == kChild ? Executor::workflow
                                          : Executor::worker;
      return true;
    }
  t.kind = kApp;
  if (std::find(actions_.begin(), actions_.end(), t.def.action) != actions_.end()) return true;
  std::vector<std::string_view> known(std::begin(kActions), std::end(kActions));
  known.insert(known.end(), actions_.begin(), actions_.end());
  std::string near = nearest_name_of(action.text(), known), all;
  for (auto k : known)
    all += str(all.empty() ? "" : ", ", k);
  out_.error(action, "unknown_action",
             str("there is no action \"", t.def.action.substr(0, 80), "\""),
             near.empty() ? str("actions: ", all) : did_you_mean(near));
  return false;
}

void WorkflowParser::read_task(TaskDraft& t) {
  bool known_kind = read_kind(t);
  apply_defaults(t);
  t.fan_out = t.node.find("for_each") && t.kind != kGroup;
  constexpr std::size_t kCount = std::size(TaskTables::task);
  std::string_view names[kCount];
  DocRef values[kCount];
  for (std::size_t i = 0; i < kCount; ++i)
    names[i] = TaskTables::task[i].name;
  choose_fields(t.node, "a task", names, values);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (!values[i]) continue;
    const auto& field = TaskTables::task[i];
    bool group_action = t.kind == kGroup && field.name == "action";
    if (known_kind && ((field.kinds & t.kind) == 0 || group_action)) {
      // A field's key stands right before its value.
      out_.error(DocRef(doc_, values[i].index() - 1), "misplaced_field",
                 str(kind_words(t.kind), " has no `", field.name, "`"),
                 misplaced_hint(field.name, t.kind));
    } else {
      (this->*field.read)(values[i], t);
    }
  }
  if (known_kind) finish_task(t);
}

void WorkflowParser::apply_defaults(TaskDraft& t) {
  const Defaults& d = defaults_of(t.task);
  if (t.kind & kWorkerKinds) {
    t.def.retry = d.retry;
    t.def.timeout = d.timeout;
    t.def.queue = d.queue;
    t.def.priority = d.priority;
    t.def.resources = d.resources;
    if (!t.node.find("recover")) t.def.recover = d.recover;
  }
  if (t.kind == kShell) t.def.shell = d.shell;
  if (t.kind & (kShell | kApp)) {
    t.def.kill_after = d.kill_after;
    if (d.cwd && !t.node.find("cwd")) make_template(d.cwd, {"`cwd`"}, nullptr, t.def.cwd);
    if (!d.env.empty() && !t.node.find("env")) task_env(DocRef(), t);
  }
}

void WorkflowParser::finish_task(TaskDraft& t) {
  auto missing = [&](std::string_view what, std::string hint) {
    out_.error(DocRef(doc_, t.node.index() - 1), "missing_field",
               str("the task \"", builder_.workflow().own_name(t.task), "\" has no ", what),
               std::move(hint));
  };
  DocRef run = t.node.find("run"), args = t.node.find("args");
  if (t.kind == kShell) {
    if (!run && !args) missing("`run` or `args`", "run: shell text; args: an argument vector");
    if (run && args)
      out_.error(DocRef(doc_, args.index() - 1), "contradiction", "both `run` and `args`",
                 "run: shell text; args: an argument vector, without a shell; keep one");
    if (!run && args && t.node.find("shell"))
      out_.error(t.node.find("shell"), "contradiction", "`args` runs without a shell",
                 "take `shell` out");
  }
  if (!t.node.find("with")) {
    if (t.kind == kHttp) missing("`with`", "with: {method: GET, url: \"https://...\"}");
    if (t.kind == kSleep) missing("`with`", "with: {for: 10m}");
    if (t.kind == kGate) missing("`with`", "with: {question: ...}");
    if (t.kind == kChild) missing("`with`", "with: {file: other.yaml} or {workflow: name}");
  }
  if (t.node.find("max_parallel") && !t.node.find("for_each") && t.kind != kGroup)
    out_.error(t.node.find("max_parallel"), "contradiction", "`max_parallel` without `for_each`");
}

void WorkflowParser::task_params(DocRef v, TaskDraft& t) {
  if (v.is_null() || !is_map(v, "a map of params")) return;
  for (auto [key, value] : v.members()) {
    name_like(key, "a param", false);
    t.params.push_back(key.text());
  }
  make_template(v, {"`params`", true, false, true}, &t, t.def.params);
}

void WorkflowParser::task_for_each(DocRef v, TaskDraft& t) {
  if (v.is_array()) {
    if (v.size() > 1'000'000)
      return out_.error(v, "too_large",
                        str("for_each over ", v.size(), " elements, more than 1000000"));
  } else if (!v.is_string() || !whole_expression(v.text())) {
    return wrong_type(v, "a list, or one expression that gives a list",
                      v.is_string()
                          ? str("write \"${{ ",
                                v.text().find('.') != std::string_view::npos && !dynamic(v)
                                    ? v.text().substr(0, 80)
                                    : "tasks.list.outputs.files",
                                " }}\"")
                      : v.is(DocType::integer) ? str("write \"${{ range(", v.text(), ") }}\"")
                                               : "");
  }
  Template items;
  if (make_template(v, {"`for_each`"}, &t, items)) t.def.for_each = std::move(items);
}

void WorkflowParser::task_max_parallel(DocRef v, TaskDraft& t) {
  std::int64_t n = 0;
  integer(v, 1, 1'000'000, n);
  t.def.max_parallel = static_cast<std::uint32_t>(n);
}

void WorkflowParser::task_if(DocRef v, TaskDraft& t) {
  expression(v, {"`if`"}, &t, t.def.condition);
}

void WorkflowParser::task_recover(DocRef v, TaskDraft& t) { read_recover(v, &t, t.def.recover); }

void WorkflowParser::task_resources(DocRef v, TaskDraft& t) { read_resources(v, t.def.resources); }

void WorkflowParser::shell_text(DocRef v, std::string& into, std::string_view field) {
  if (!text(v, into)) return;
  auto at = into.find("${{");
  if (at != into.npos) {
    std::string inside = "...";
    if (auto close = into.find("}}", at); close != into.npos && close - at < 80)
      inside = std::string(trim(std::string_view(into).substr(at + 3, close - at - 3)));
    error_in_text(
        v, at, "expression_in_shell", str("an expression inside shell text (`", field, "`)"),
        str("values pasted into a shell can run as commands; pass it by the environment: env: "
            "{VALUE: \"${{ ",
            inside, " }}\"} and \"$VALUE\", or use `args`"));
  }
  if (trim(into).empty()) out_.error(v, "missing_field", str("`", field, "` is empty"));
}

void WorkflowParser::task_run(DocRef v, TaskDraft& t) { shell_text(v, t.def.run, "run"); }

void WorkflowParser::task_args(DocRef v, TaskDraft& t) {
  if (!is_list(v, "a list of arguments, such as [./clean, \"${{ item }}\"]")) return;
  if (v.size() == 0)
    return out_.error(v, "missing_field", "`args` is empty", "the first is the program");
  make_template(v, scalar_texts(v, "`args`"), {"`args`", true, true, true}, &t, t.def.args);
}

bool WorkflowParser::environment(DocRef v, TaskDraft*, Json& into) {
  if (!is_map(v, "a map of variables")) return false;
  for (auto [key, value] : v.members()) {
    std::string_view s = key.text();
    bool good = !s.empty() && s.size() <= 255 && !(s[0] >= '0' && s[0] <= '9');
    for (char c : s)
      good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_');
    if (!good)
      out_.error(key, "bad_name", str("\"", s.substr(0, 80), "\" cannot be the name of a variable"),
                 "letters, digits and _, not beginning with a digit");
    else if (s.substr(0, 5) == "PAWL_")
      out_.error(key, "reserved_name",
                 str("\"", s, "\": names that begin with PAWL_ are Pawl's own"));
  }
  into = scalar_texts(v, "`env`");
  return true;
}

// `v` may be absent: then the defaults alone.
void WorkflowParser::task_env(DocRef v, TaskDraft& t) {
  const ExprRules rules{"`env`", true, true, true, true};
  std::size_t before = out_.error_count();
  if (v && v.is_null()) v = DocRef();
  Json own;
  if (v && (!environment(v, &t, own) || !make_template(v, own, rules, &t, t.def.env))) return;
  const Defaults& d = defaults_of(t.task);
  if (d.env.empty() || out_.error_count() != before) return;
  Json merged = Json::object();
  for (DocRef layer : d.env)
    for (auto [key, value] : layer.members())
      merged.set(key.text(), Json(std::string(value.text())));
  if (own.is_object())
    for (const auto& [key, value] : own.as_object())
      merged.set(key, value);
  // Each part was checked where it stands; nothing new can be wrong with them together.
  TaskDraft scratch;
  scratch.node = t.node;
  scratch.group = t.group;
  scratch.fan_out = t.fan_out;
  scratch.params = t.params;
  make_template(t.node, merged, rules, &scratch, t.def.env);
}

void WorkflowParser::task_cwd(DocRef v, TaskDraft& t) {
  if (!v.is_string()) return wrong_type(v, "a path");
  make_template(v, {"`cwd`", true, true, true}, &t, t.def.cwd);
}

void WorkflowParser::task_with(DocRef v, TaskDraft& t) { read_with(t, v); }

void WorkflowParser::task_outputs(DocRef v, TaskDraft& t) {
  if (v.is_null() || !is_map(v, "a map of the group's outputs")) return;
  for (auto [key, value] : v.members())
    name_like(key, "an output", true);
  // Inside its own outputs a group's members are near: names are looked up from within.
  TaskId outside = t.group;
  t.group = t.task;
  make_template(v, {"a group's `outputs`"}, &t, t.def.outputs);
  t.group = outside;
}

}  // namespace pawl::core
