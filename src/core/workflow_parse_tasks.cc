// The tasks' tree, their needs, and which of them share a definition.

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "core/workflow_parse.h"

namespace pawl::core {
namespace {

// Words that stand after a task's name in an expression, or would read as one of its parts.
constexpr std::string_view kReserved[] = {"outputs", "state",  "verdict", "attempts", "tasks",
                                          "inputs",  "params", "run",     "item",     "index",
                                          "secrets", "needs",  "finally"};

}  // namespace

bool WorkflowParser::is_group(TaskId task) const { return groups_[task]; }

std::uint32_t WorkflowParser::defaults_id(TaskId task) const {
  // A group's defaults are for its members: look from the group around the task.
  for (TaskId g = builder_.workflow().node(task).parent; g != kNoTask;
       g = builder_.workflow().node(g).parent)
    if (auto it = group_defaults_.find(g); it != group_defaults_.end()) return it->second;
  return 0;
}

const Defaults& WorkflowParser::defaults_of(TaskId task) const {
  return defaults_[defaults_id(task)];
}

void WorkflowParser::add_tasks(DocRef map, TaskId group, bool is_finally, std::uint32_t depth,
                               std::uint32_t defaults) {
  for (auto [key, value] : map.members())
    if (!add_one_task(key, value, group, is_finally, depth, defaults)) return;
}

bool WorkflowParser::add_one_task(DocRef key, DocRef value, TaskId group, bool is_finally,
                                  std::uint32_t depth, std::uint32_t defaults) {
  if (sources_.size() >= limits_.max_tasks) {
    if (!too_many_tasks_)
      out_.error(key, "too_many_tasks", str("there are more than ", limits_.max_tasks, " tasks"),
                 "use `for_each` where tasks differ in a value only");
    too_many_tasks_ = true;
    return false;
  }
  std::string_view name = key.text();
  if (name_like(key, "a task", true) &&
      std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved))
    out_.error(key, "reserved_name", str("\"", name, "\" cannot be the name of a task"),
               "expressions use the word: tasks.NAME.outputs");
  TaskId task = builder_.add_task(name, group, is_finally, key.line());
  if (task == kNoTask) {
    // Twice in one map was said with the document; what is left is a name in both maps.
    TaskId other = builder_.find(group, name);
    if (builder_.workflow().node(other).is_finally != static_cast<std::uint32_t>(is_finally))
      out_.error(key, "duplicate_task", str("\"", name, "\" is also a task under `tasks`"),
                 str("the other one is on line ", builder_.workflow().node(other).line,
                     "; tasks and finally share their names"));
    return true;
  }
  sources_.push_back(value.index());
  groups_.push_back(false);
  DocRef members = value.is_object() ? value.find("tasks") : DocRef();
  if (!members) return true;
  groups_[task] = true;
  builder_.mark_group(task);
  if (DocRef own = value.find("defaults"); own && !own.is_null()) {
    defaults_.push_back(Defaults(defaults_[defaults]));
    defaults = static_cast<std::uint32_t>(defaults_.size() - 1);
    read_defaults(own, defaults_.back());
    group_defaults_[task] = defaults;
  }
  if (depth >= limits_.max_nesting) {
    out_.error(key, "too_deep", str("groups are nested more than ", limits_.max_nesting, " deep"));
    return true;
  }
  if (!is_map(members, "a map of the group's tasks")) return true;
  if (members.size() == 0) out_.error(members, "missing_field", "the group has no tasks");
  add_tasks(members, task, is_finally, depth + 1, defaults);
  return !too_many_tasks_;
}

void WorkflowParser::read_tasks() {
  const Workflow& w = builder_.workflow();
  auto n = static_cast<TaskId>(sources_.size());
  needs_unknown_.assign(n, false);
  last_needed_by_.assign(n, kNoTask);
  builder_.workflow().defs.reserve(16);
  for (TaskId t = 0; t < n; ++t) {
    DocRef value(doc_, sources_[t]);
    if (!is_map(value, "a task: a map with `action` or `run`")) {
      needs_unknown_[t] = true;
      continue;
    }
    needs_buffer_.clear();
    if (DocRef needs = value.find("needs")) read_needs(t, needs);
    builder_.set_needs(t, needs_buffer_);
    define_task(t, value);
  }
  last_needed_by_ = {};
  shared_.clear();
  if (w.task_count() == 0) return;
  report_cycles();
  if (graph_known_) check_task_reads();
}

void WorkflowParser::read_needs(TaskId task, DocRef value) {
  if (value.is_null()) return;
  if (value.is_string()) return read_need(task, value);
  if (!is_list(value, "a list of tasks, such as [extract, clean]")) {
    needs_unknown_[task] = true;
    return;
  }
  for (DocRef e : value.elements())
    read_need(task, e);
}

void WorkflowParser::read_need(TaskId task, DocRef need) {
  const Workflow& w = builder_.workflow();
  const TaskNode& node = w.node(task);
  auto error = [&](std::string code, std::string message, std::string hint) {
    needs_unknown_[task] = true;
    out_.error(need, std::move(code), std::move(message), std::move(hint));
  };
  if (!need.is_string()) {
    needs_unknown_[task] = true;
    return wrong_type(need, "the name of a task",
                      need.is(DocType::integer) ? str("quote it: \"", need.text(), "\"") : "");
  }
  std::string_view name = need.text();
  if (dynamic(need))
    return error("expression_not_allowed", "`needs` takes no expressions",
                 "what a run does is decided by `if`; what waits for what is fixed");
  TaskId other = builder_.find(node.parent, name);
  if (other == task)
    return error("self_need", str("\"", name, "\" needs itself"), "take it out of the list");
  if (other == kNoTask) {
    std::string hint = out_.can_search(w.task_count()) ? elsewhere(task, name) : "";
    return error("unknown_task",
                 str("there is no task \"", name, "\"",
                     node.parent == kNoTask ? "" : str(" in the group ", w.path(node.parent))),
                 std::move(hint));
  }
  if (node.is_finally != w.node(other).is_finally) {
    return node.is_finally
               ? error("finally_need", str("\"", name, "\" is not a `finally` task"),
                       "finally tasks begin when all others have ended: the need can go")
               : error("finally_need", str("\"", name, "\" is a `finally` task"),
                       "it begins when all others have ended: nothing can wait for it");
  }
  if (last_needed_by_[other] == task) {
    out_.error(need, "duplicate_need", str("\"", name, "\" stands twice in `needs`"),
               "once is enough");
    return;
  }
  last_needed_by_[other] = task;
  needs_buffer_.push_back(other);
}

std::string WorkflowParser::nearest_task(TaskId group, std::string_view name) {
  const Workflow& w = builder_.workflow();
  std::vector<std::string_view> names;
  for (TaskId t = 0; t < w.task_count() && names.size() < 100'000; ++t)
    if (w.node(t).parent == group) names.push_back(w.own_name(t));
  return out_.nearest_name(name, names);
}

// Where a name that `task` needs does exist.
std::string WorkflowParser::elsewhere(TaskId task, std::string_view name) const {
  const Workflow& w = builder_.workflow();
  TaskId group = w.node(task).parent;
  std::string_view last = name.substr(name.rfind('.') == name.npos ? 0 : name.rfind('.') + 1);
  for (TaskId t = 0; t < w.task_count(); ++t) {
    if (w.own_name(t) != last || (last != name && w.path(t) != name)) continue;
    for (TaskId g = group; g != kNoTask; g = w.node(g).parent) {
      if (w.node(t).parent == w.node(g).parent)
        return str("needs name tasks of the same group; \"", w.path(t),
                   "\" stands outside: let the group \"", w.path(g), "\" need it");
      if (t == g) return str("\"", w.path(g), "\" is the group it stands in");
    }
    TaskId inner = t;
    while (w.node(inner).parent != kNoTask && w.node(inner).parent != group)
      inner = w.node(inner).parent;
    if (w.node(inner).parent == group)
      return str("\"", w.path(t), "\" is inside a group: need the group, \"", w.own_name(inner),
                 "\"");
    return str("needs name tasks of the same group; there is one in another group: \"", w.path(t),
               "\"");
  }
  return did_you_mean(const_cast<WorkflowParser*>(this)->nearest_task(group, name));
}

namespace {

// Whether two subtrees say the same; `skip` passes over a task's needs and members.
std::uint64_t hash_tree(const Doc& doc, std::uint32_t from, std::uint32_t to, std::uint64_t h,
                        bool& dynamic) {
  for (std::uint32_t i = from; i < to; ++i) {
    const DocNode& n = doc.at(i);
    std::uint64_t shape = (std::uint64_t{n.size} << 8) | static_cast<std::uint64_t>(n.type);
    if (n.type >= DocType::array) {
      h = hash_bytes({reinterpret_cast<const char*>(&shape), 8}, h);
      continue;
    }
    std::string_view text(n.text, n.size);
    h = hash_bytes(text, h ^ shape);
    if (!dynamic && n.type == DocType::string && text.find("${{") != text.npos) dynamic = true;
  }
  return h;
}

bool same_tree(const Doc& doc, std::uint32_t a, std::uint32_t b, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const DocNode &x = doc.at(a + i), &y = doc.at(b + i);
    if (x.type != y.type || x.size != y.size) return false;
    if (x.type < DocType::array && std::memcmp(x.text, y.text, x.size) != 0) return false;
  }
  return true;
}

// The members of a task that make its definition, in order.
class Content {
 public:
  Content(const Doc& doc, std::uint32_t task) : doc_(doc), at_(task + 1), past_(doc.end(task)) {}
  bool next(std::uint32_t& from, std::uint32_t& to) {
    while (at_ < past_) {
      from = at_;
      at_ = to = doc_.end(at_ + 1);
      std::string_view key(doc_.at(from).text, doc_.at(from).size);
      if (key != "needs" && key != "tasks") return true;
    }
    return false;
  }

 private:
  const Doc& doc_;
  std::uint32_t at_, past_;
};

bool same_content(const Doc& doc, std::uint32_t a, std::uint32_t b) {
  Content x(doc, a), y(doc, b);
  std::uint32_t xf = 0, xt = 0, yf = 0, yt = 0;
  for (;;) {
    bool more = x.next(xf, xt);
    if (more != y.next(yf, yt)) return false;
    if (!more) return true;
    if (xt - xf != yt - yf || !same_tree(doc, xf, yf, xt - xf)) return false;
  }
}

}  // namespace

void WorkflowParser::define_task(TaskId task, DocRef value) {
  TaskId group = builder_.workflow().node(task).parent;
  std::uint32_t defaults = defaults_id(task), from = 0, to = 0;
  // Names in expressions mean what they mean from the task's group, `if` without braces too.
  bool dynamic = false;
  std::uint64_t h = is_group(task) ? 1 : 0;
  for (Content c(doc_, value.index()); c.next(from, to);) {
    h = hash_tree(doc_, from, to, h, dynamic);
    std::string_view key(doc_.at(from).text, doc_.at(from).size);
    dynamic = dynamic || key == "if";
  }
  TaskId scope = dynamic ? group : kNoTask;
  std::uint64_t where[] = {h, (std::uint64_t{scope} << 32) | defaults};
  h = hash_bytes({reinterpret_cast<const char*>(where), sizeof where});
  auto [it, past] = shared_.equal_range(h);
  for (; it != past; ++it) {
    const Shared& s = it->second;
    if (s.group != scope || s.defaults != defaults || !same_content(doc_, s.source, value.index()))
      continue;
    builder_.set_def(task, s.def);
    return;
  }
  std::size_t before = out_.error_count();
  TaskDraft draft;
  draft.node = value;
  draft.task = task;
  draft.group = group;
  read_task(draft);
  std::uint32_t def = builder_.add_def(std::move(draft.def));
  builder_.set_def(task, def);
  if (!draft.reads.empty()) reads_[def] = std::move(draft.reads);
  // One with errors is not shared: the others' errors are shown too.
  if (out_.error_count() == before) shared_.emplace(h, Shared{value.index(), scope, defaults, def});
}

void WorkflowParser::report_cycles() {
  const Workflow& w = builder_.workflow();
  auto cycles = builder_.find_cycles(20);
  graph_known_ = cycles.empty();
  for (const auto& cycle : cycles) {
    std::string path;
    std::size_t shown = 0;
    for (TaskId t : cycle) {
      if (++shown > 20) {
        path += "... -> ";
        break;
      }
      path += str(w.path(t), " -> ");
    }
    path += w.path(cycle[0]);
    // A value node's key stands right before it.
    out_.error(DocRef(doc_, sources_[cycle[0]] - 1), "cycle",
               str("tasks need each other in a circle: ", path),
               "read `->` as \"needs\"; take one of them out");
  }
}

}  // namespace pawl::core
