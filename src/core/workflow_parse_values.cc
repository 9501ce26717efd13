// Readers of single values, and of expressions wherever they stand.

#include <algorithm>

#include "base/text.h"
#include "core/workflow_parse.h"

namespace pawl::core {

std::string WorkflowParser::found(DocRef v) const {
  switch (v.type()) {
    case DocType::string: {
      std::string_view s = v.text();
      if (s.size() > 60) return "a long string";
      return str("the string ", Json(std::string(s)).dump());
    }
    case DocType::integer:
    case DocType::number:
      return str("the number ", v.text());
    case DocType::boolean:
      return str("the boolean ", v.text());
    default:
      return describe(v.type());
  }
}

void WorkflowParser::wrong_type(DocRef v, std::string_view expected, std::string hint) {
  out_.error(v, "wrong_type", str("expected ", expected, ", found ", found(v)), std::move(hint));
}

bool WorkflowParser::is_map(DocRef v, std::string_view expected) {
  if (v.is_object()) return true;
  wrong_type(v, expected);
  return false;
}

bool WorkflowParser::is_list(DocRef v, std::string_view expected) {
  if (v.is_array()) return true;
  wrong_type(v, expected);
  return false;
}

namespace {

// Words of other tools for what a field here is called.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {
    {"depends_on", "needs"},
    {"depends", "needs"},
    {"dependsOn", "needs"},
    {"dependencies", "needs"},
    {"after", "needs"},
    {"command", "run"},
    {"cmd", "run"},
    {"script", "run"},
    {"bash", "run"},
    {"type", "action"},
    {"uses", "action"},
    {"executor", "action"},
    {"environment", "env"},
    {"when", "if"},
    {"condition", "if"},
    {"runIf", "if"},
    {"preconditions", "if"},
    {"retries", "retry"},
    {"retry_policy", "retry"},
    {"retryStrategy", "retry"},
    {"max_retries", "retry"},
    {"timeout_sec", "timeout"},
    {"timeout-minutes", "timeout"},
    {"working_directory", "cwd"},
    {"working-directory", "cwd"},
    {"dir", "cwd"},
    {"workdir", "cwd"},
    {"foreach", "for_each"},
    {"withItems", "for_each"},
    {"matrix", "for_each"},
    {"continue_on_error", "allow_failure"},
    {"continue-on-error", "allow_failure"},
    {"allowFailure", "allow_failure"},
    {"steps", "tasks"},
    {"jobs", "tasks"},
    {"max_concurrent", "max_parallel"},
    {"max-parallel", "max_parallel"},
    {"concurrency", "max_parallel"},
    {"parameters", "params"},
    {"description", "title"},
    {"on_failure", "recover"},
    {"onExit", "finally"},
    {"handler_on", "finally"},
    {"version", "pawl"},
};

std::string other_tools_word(std::string_view name, std::span<const std::string_view> fields) {
  for (auto [theirs, ours] : kSynonyms)
    if (theirs == name && std::find(fields.begin(), fields.end(), ours) != fields.end())
      return str("here it is called `", ours, "`");
  return {};
}

}  // namespace

DocRef WorkflowParser::choose_fields(DocRef object, std::string_view what,
                                     std::span<const std::string_view> names,
                                     std::span<DocRef> values) {
  for (auto [key, value] : object.members()) {
    std::string_view name = key.text();
    auto it = std::find(names.begin(), names.end(), name);
    if (it != names.end()) {
      values[static_cast<std::size_t>(it - names.begin())] = value;
      continue;
    }
    if (name.substr(0, 2) == "x-" || name == "<<") continue;  // `<<` was reported with the document
    std::string hint;
    if (!out_.full()) {
      hint = other_tools_word(name, names);
      if (hint.empty()) hint = did_you_mean(nearest_name_of(name, {names.begin(), names.end()}));
      if (hint.empty()) {
        for (auto n : names)
          hint += str(hint.empty() ? "" : ", ", n);
        hint = str("fields of ", what, ": ", hint, "; x-... is free");
      }
    }
    out_.error(key, "unknown_field", str(what, " has no field \"", name, "\""), std::move(hint));
  }
  return object;
}

bool WorkflowParser::dynamic(DocRef v) {
  return v.is_string() && v.text().find("${{") != std::string_view::npos;
}

bool WorkflowParser::text(DocRef v, std::string& into, std::size_t max) {
  if (!v.is_string()) {
    bool scalar = !v.is_null() && !v.is_array() && !v.is_object();
    wrong_type(v, "a string", scalar ? str("quote it: \"", v.text(), "\"") : "");
    return false;
  }
  if (v.size() > max) {
    out_.error(v, "too_large", str("a text of ", v.size(), " bytes, more than ", max));
    return false;
  }
  into = std::string(v.text());
  return true;
}

bool WorkflowParser::literal(DocRef v, std::string& into) {
  if (!text(v, into, 4096)) return false;
  if (!dynamic(v)) return true;
  out_.error(v, "expression_not_allowed", "an expression cannot stand here",
             "it must be known before the run begins");
  return false;
}

bool WorkflowParser::integer(DocRef v, std::int64_t low, std::int64_t high, std::int64_t& into) {
  std::int64_t i = 0;
  if (!v.is(DocType::integer) || !parse_integer(v.text(), i)) {
    bool quoted = v.is_string() && parse_integer(v.text(), i);
    wrong_type(v, "an integer",
               quoted ? "without the quotes"
               : dynamic(v)
                   ? "an expression cannot stand here: it must be known before the run begins"
                   : "");
    return false;
  }
  if (i < low || i > high) {
    out_.error(v, "out_of_range",
               str("expected an integer from ", low, " to ", high, ", found ", i));
    return false;
  }
  into = i;
  return true;
}

bool WorkflowParser::number(DocRef v, double low, double high, double& into) {
  double d = 0;
  std::int64_t i = 0;
  if (v.is(DocType::integer) && parse_integer(v.text(), i))
    d = static_cast<double>(i);
  else if (!v.is(DocType::number) || !parse_double(v.text(), d)) {
    wrong_type(v, "a number");
    return false;
  }
  if (d < low || d > high) {
    out_.error(v, "out_of_range",
               str("expected a number from ", low, " to ", high, ", found ", v.text()));
    return false;
  }
  into = d;
  return true;
}

bool WorkflowParser::boolean(DocRef v, bool& into) {
  if (!v.is(DocType::boolean)) {
    std::string_view s = v.is_string() ? v.text() : std::string_view{};
    bool yes = s == "yes" || s == "on", no = s == "no" || s == "off";
    wrong_type(
        v, "true or false",
        yes || no ? str("in YAML 1.2, ", s, " is a string; write ", yes ? "true" : "false") : "");
    return false;
  }
  into = v.text()[0] == 't' || v.text()[0] == 'T';
  return true;
}

bool WorkflowParser::duration(DocRef v, Duration& into) {
  constexpr Duration kLongest = std::chrono::hours(24 * 3650);
  if (v.is(DocType::integer) || v.is(DocType::number)) {
    out_.error(v, "no_unit",
               str("expected a duration, found the number ", v.text(), " without a unit"),
               str("write ", v.text(), "s for seconds, ", v.text(), "m for minutes"));
    return false;
  }
  if (!v.is_string()) {
    wrong_type(v, "a duration such as 30s or 1h30m");
    return false;
  }
  auto d = parse_duration(v.text());
  if (!d.ok()) {
    out_.error(v, "bad_duration", d.error().message);
    return false;
  }
  if (*d > kLongest) {
    out_.error(v, "out_of_range", str(v.text(), " is longer than 3650d"));
    return false;
  }
  into = *d;
  return true;
}

bool WorkflowParser::choice(DocRef v, std::span<const std::string_view> names, std::size_t& into) {
  std::string all;
  for (auto n : names)
    all += str(all.empty() ? "" : ", ", n);
  if (!v.is_string()) {
    wrong_type(v, str("one of ", all));
    return false;
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if (v.text() == names[i]) {
      into = i;
      return true;
    }
  out_.error(v, "unknown_value", str("expected one of ", all, ", found ", found(v)),
             did_you_mean(nearest_name_of(v.text(), {names.begin(), names.end()})));
  return false;
}

bool WorkflowParser::name_like(DocRef key, std::string_view what, bool may_begin_with_digit) {
  std::string_view s = key.text();
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  bool good =
      !s.empty() && s.size() <= 63 && (letter(s[0]) || (may_begin_with_digit && digit(s[0])));
  for (char c : s)
    good = good && (letter(c) || digit(c) || c == '-');
  if (good) return true;
  std::string shown = s.size() > 80 ? str(s.substr(0, 60), "...") : std::string(s);
  out_.error(
      key, "bad_name",
      s.size() > 63 ? str("the name of ", what, " has ", s.size(), " characters, more than 63")
                    : str("\"", to_valid_utf8(shown), "\" cannot be the name of ", what),
      may_begin_with_digit ? "names are letters, digits, _ and -, and begin with no -"
                           : "names are letters, digits, _ and -, and begin with a letter or _");
  return false;
}

namespace {

// Task names as seen from inside a group: its own members first, then those around it.
class ScopeNames : public TaskNames {
 public:
  ScopeNames(const WorkflowBuilder& builder, const std::vector<bool>& groups, Findings& out,
             TaskId group, bool may_read)
      : builder_(builder), groups_(groups), out_(out), group_(group), may_read_(may_read) {}

  Result<Found> resolve(std::span<const std::string> path) const override {
    // Where no task may be read, any name will do: the reading itself is the error.
    if (!may_read_) return Found{0, path.size()};
    const Workflow& w = builder_.workflow();
    TaskId task = kNoTask;
    for (TaskId g = group_;; g = w.node(g).parent) {
      task = builder_.find(g, path[0]);
      if (task != kNoTask || g == kNoTask) break;
    }
    if (task == kNoTask) return unknown(path[0], group_, "");
    std::size_t used = 1;
    for (; groups_[task] && used < path.size(); ++used) {
      TaskId member = builder_.find(task, path[used]);
      if (member == kNoTask) return unknown(path[used], task, w.path(task));
      task = member;
    }
    return Found{task, used};
  }

 private:
  Error unknown(const std::string& name, TaskId group, const std::string& of) const {
    const Workflow& w = builder_.workflow();
    std::vector<std::string_view> names;
    std::string other;
    bool search = out_.can_search(w.task_count());
    for (TaskId t = 0; search && t < w.task_count(); ++t) {
      TaskId parent = w.node(t).parent;
      bool visible = parent == group;
      for (TaskId g = group; of.empty() && !visible && g != kNoTask; g = w.node(g).parent)
        visible = parent == w.node(g).parent;
      if (visible && names.size() < 10'000) names.push_back(w.own_name(t));
      if (other.empty() && w.own_name(t) == name) other = w.path(t);
    }
    std::string hint = other.empty() ? did_you_mean(out_.nearest_name(name, names))
                                     : str("it is written tasks.", other);
    if (hint.empty() && !names.empty() && names.size() <= 20)
      hint = str("tasks: ", join({names.begin(), names.end()}, ", "));
    return {Errc::not_found,
            str("there is no task \"", name, "\"", of.empty() ? "" : " in the group ", of,
                hint.empty() ? "" : "\n", hint)};
  }

  const WorkflowBuilder& builder_;
  const std::vector<bool>& groups_;
  Findings& out_;
  TaskId group_;
  bool may_read_;
};

}  // namespace

void WorkflowParser::error_in_text(DocRef v, std::size_t offset, std::string code,
                                   std::string message, std::string hint) {
  std::uint8_t lead = v.node().lead;
  if (lead == kBlockLead) {
    std::string_view above = v.text().substr(0, offset);
    auto lines = static_cast<std::uint32_t>(std::count(above.begin(), above.end(), '\n'));
    return out_.error_on_line(v, v.line() + 1 + lines, v.text().substr(offset, 3), std::move(code),
                              std::move(message), std::move(hint));
  }
  if (lead == kNoLead) return out_.error(v, std::move(code), std::move(message), std::move(hint));
  std::string_view before = v.text().substr(0, offset);
  auto characters = std::count_if(before.begin(), before.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  out_.error_inside(v, lead + static_cast<std::size_t>(characters), std::move(code),
                    std::move(message), std::move(hint));
}

bool WorkflowParser::expression(DocRef v, const ExprRules& rules, TaskDraft* task,
                                std::optional<Expr>& into) {
  std::string_view code;
  if (v.is(DocType::boolean)) {
    code = v.text()[0] == 't' || v.text()[0] == 'T' ? "true" : "false";
  } else if (v.is_string()) {
    code = v.text();
  } else {
    wrong_type(v, "an expression");
    return false;
  }
  std::size_t offset = 0;
  if (auto inner = whole_expression(code)) {
    offset = static_cast<std::size_t>(inner->data() - code.data());
    code = *inner;
  } else if (code.find("${{") != code.npos) {
    out_.error(v, "bad_expression", str(rules.where, " takes one expression, not text around it"),
               "write \"${{ a == b }}\", with everything inside");
    return false;
  }
  ScopeNames names(builder_, groups_, out_, task != nullptr ? task->group : kNoTask, rules.tasks);
  ExprError error;
  auto e = Expr::compile(code, names, error, limits_.max_expression_bytes);
  if (!e) {
    error_in_text(v, offset + error.offset, error.code, error.message, error.hint);
    return false;
  }
  check_reads(*e, v, offset, rules, task);
  into = std::move(e);
  return true;
}

// 3.10 is 3.1 to whoever reads it as a number: said where the text is not kept.
void WorkflowParser::warn_lost_zeros(DocRef v) {
  if (doc_.is_json()) return;
  for (std::uint32_t i = v.index(); i < doc_.end(v.index()); ++i) {
    const DocNode& n = doc_.at(i);
    if (n.type != DocType::number) continue;
    std::string_view s(n.text, n.size);
    if (s.back() != '0' || s.find('.') + 2 >= s.size() || s.find_first_of("eE") != s.npos) continue;
    out_.warning(DocRef(doc_, i), "number_loses_zero",
                 str(s, " is a number: its last zero is lost"),
                 str("quote it if it is a name or a version: \"", s, "\""));
  }
}

bool WorkflowParser::make_template(DocRef v, const ExprRules& rules, TaskDraft* task,
                                   Template& into) {
  warn_lost_zeros(v);
  return make_template(v, v.to_json(), rules, task, into);
}

bool WorkflowParser::make_template(DocRef v, const Json& value, const ExprRules& rules,
                                   TaskDraft* task, Template& into) {
  ScopeNames names(builder_, groups_, out_, task != nullptr ? task->group : kNoTask, rules.tasks);
  std::vector<TemplateError> errors;
  auto visit = [&](const Template::Located& l) {
    check_reads(*l.expr, v.locate(l.pointer), l.offset, rules, task);
  };
  auto t = Template::compile(value, names, errors, limits_.max_expression_bytes, visit);
  for (TemplateError& e : errors)
    error_in_text(v.locate(e.pointer), e.error.offset, e.error.code, e.error.message, e.error.hint);
  if (!t) return false;
  into = std::move(*t);
  return true;
}

void WorkflowParser::check_reads(const Expr& e, DocRef v, std::size_t offset,
                                 const ExprRules& rules, TaskDraft* task) {
  static constexpr std::string_view kRunFields[] = {"id",         "name",  "workflow",   "version",
                                                    "started_at", "state", "created_at", "attempt"};
  for (const ExprRef& r : e.references()) {
    auto error = [&](std::string code, std::string message, std::string hint = {}) {
      error_in_text(v, offset + r.offset, std::move(code), std::move(message), std::move(hint));
    };
    auto unknown = [&](std::string_view what, std::span<const std::string_view> known) {
      if (r.name.empty() || std::find(known.begin(), known.end(), r.name) != known.end()) return;
      std::string near = out_.nearest_name(r.name, known), all;
      for (auto k : known)
        if (all.size() < 200) all += str(all.empty() ? "" : ", ", k);
      error(str("unknown_", what == "field of `run`" ? "run_field" : what),
            str("there is no ", what, " \"", r.name, "\""),
            !near.empty() ? did_you_mean(near)
            : all.empty() ? str("nothing is declared under `", what, "s:`")
                          : str("there are: ", all));
    };
    switch (r.kind) {
      case ExprRef::Kind::inputs:
        unknown("input", input_names_);
        break;
      case ExprRef::Kind::run:
        unknown("field of `run`", kRunFields);
        break;
      case ExprRef::Kind::params:
        if (!rules.params)
          error("not_available", str("`params` cannot be read in ", rules.where),
                "params are worked out when the task begins, after `if` and `for_each`");
        else if (task != nullptr)
          unknown("param", task->params);
        break;
      case ExprRef::Kind::item:
      case ExprRef::Kind::index:
        if (rules.item && task != nullptr && task->fan_out) break;
        error(
            "not_available",
            str("`", r.text, "` stands for an element of `for_each`",
                task != nullptr && task->fan_out ? str("; it cannot be read in ", rules.where)
                                                 : std::string(", which this task does not have")),
            task != nullptr && task->fan_out ? "" : "give the task `for_each: \"${{ ... }}\"`");
        break;
      case ExprRef::Kind::secret:
        if (!rules.secrets)
          error("secret_leak", str("a secret cannot stand in ", rules.where),
                "secrets go into `env` or `with`, where they are masked and not stored");
        break;
      case ExprRef::Kind::status:
        if (!rules.tasks)
          error("not_available", str("`", r.name, "()` cannot be asked in ", rules.where));
        break;
      case ExprRef::Kind::task:
        if (!rules.tasks) {
          error("not_available", str("`", r.text, "` cannot be read in ", rules.where),
                "no task has run when it is worked out");
        } else if (task != nullptr) {
          task->reads.push_back(
              {r.task, doc_.pointer(v.index(), task->node.index()), offset + r.offset, r.text});
        }
        break;
    }
  }
}

Json WorkflowParser::scalar_texts(DocRef v, std::string_view what) {
  auto one = [&](DocRef e) {
    if (e.is_array() || e.is_object() || e.is_null())
      wrong_type(e, str("a string in ", what),
                 e.is_null() ? "the empty string is written \"\"" : "");
    else
      return Json(std::string(e.text()));
    return Json("");
  };
  if (v.is_array()) {
    Json::Array out;
    for (DocRef e : v.elements())
      out.push_back(one(e));
    return Json::array(std::move(out));
  }
  Json::Object out;
  for (auto [key, value] : v.members())
    out.emplace_back(std::string(key.text()), one(value));
  return Json::object(std::move(out));
}

}  // namespace pawl::core
