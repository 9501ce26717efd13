// parse_workflow(): the root of the file.

#include "core/workflow_parse.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::core {

WorkflowParser::WorkflowParser(const Doc& doc, std::span<const std::string> actions,
                               const WorkflowLimits& limits, Findings& findings)
    : doc_(doc), actions_(actions), limits_(limits), out_(findings), defaults_(1) {}

// Order matters: inputs before whatever reads them, defaults before tasks.
struct RootTables {
  using P = WorkflowParser;
  static constexpr P::Field<Workflow> root[] = {
      {"pawl", &P::root_version},      {"$schema", &P::root_schema},
      {"name", &P::root_name},         {"title", &P::root_title},
      {"priority", &P::root_priority}, {"inputs", &P::root_inputs},
      {"run_name", &P::root_run_name}, {"concurrency", &P::root_concurrency},
      {"defaults", &P::root_defaults}, {"tasks", &P::root_tasks},
      {"finally", &P::root_finally},   {"outputs", &P::root_outputs},
      {"verdict", &P::root_verdict},
  };
  static constexpr P::Field<Concurrency> concurrency[] = {
      {"key", &P::concurrency_key},
      {"limit", &P::concurrency_limit},
      {"on_conflict", &P::concurrency_on_conflict},
  };
};

std::shared_ptr<const Workflow> WorkflowParser::read() {
  DocRef root = doc_.root();
  if (!is_map(root, "a map with `pawl`, `name` and `tasks`")) return nullptr;
  Workflow& w = builder_.workflow();
  auto missing = [&](std::string_view field, std::string hint) {
    if (!root.find(field))
      out_.error(root, "missing_field", str("the workflow has no `", field, "`"), std::move(hint));
  };
  missing("pawl", "begin the file with `pawl: 1`, the version of its format");
  missing("name", "give it a name, such as `name: nightly`");
  missing("tasks", "a workflow is made of `tasks:`");
  fields<Workflow>(root, "a workflow", RootTables::root, w);
  read_tasks();
  read_results();
  if (!out_.ok()) return nullptr;
  auto done = builder_.finish();
  if (done.ok()) return *done;
  out_.error(root, "cycle", done.error().message);
  return nullptr;
}

void WorkflowParser::root_version(DocRef v, Workflow&) {
  std::int64_t version = 0;
  if (!v.is(DocType::integer) || !parse_integer(v.text(), version)) {
    wrong_type(v, "the number 1, the version of the file's format",
               v.is_string() && v.text() == "1" ? "without the quotes" : "");
  } else if (version != 1) {
    out_.error(v, "unsupported_version",
               str("the file has format version ", version, "; this Pawl reads version 1"),
               version > 1 ? "a newer Pawl may read it" : "write `pawl: 1`");
  }
}

void WorkflowParser::root_name(DocRef v, Workflow& w) {
  if (!text(v, w.name)) return;
  std::string good;
  for (char c : lower(w.name)) {
    bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    good.push_back(fine ? c : '-');
  }
  while (!good.empty() && (good[0] == '-' || good[0] == '_'))
    good.erase(0, 1);
  good.resize(std::min<std::size_t>(good.size(), 63));
  if (good == w.name && !good.empty()) return;
  while (!good.empty() && good.back() == '-')
    good.pop_back();
  out_.error(v, "bad_name", str(found(v), " cannot be the name of a workflow"),
             str("up to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
                 good.empty() ? "" : ": ", good));
}

void WorkflowParser::root_title(DocRef v, Workflow& w) { read_title(v, w.title); }

void WorkflowParser::read_title(DocRef v, std::string& into) {
  if (!text(v, into, 1000)) return;
  auto at = into.find("${{");
  if (at != into.npos)
    error_in_text(v, at, "expression_not_allowed", "a title is plain text",
                  "what differs from run to run stands in `run_name`");
}

void WorkflowParser::root_schema(DocRef v, Workflow&) {
  std::string ignored;
  text(v, ignored);
}

void WorkflowParser::root_priority(DocRef v, Workflow& w) { read_priority(v, w.priority); }

void WorkflowParser::root_run_name(DocRef v, Workflow& w) {
  if (!v.is_string()) return wrong_type(v, "a string");
  make_template(v, {"`run_name`", false}, nullptr, w.run_name);
}

void WorkflowParser::root_inputs(DocRef v, Workflow& w) {
  if (v.is_null()) return;
  if (!is_map(v, "a map of inputs")) return;
  for (auto [key, value] : v.members())
    input_names_.push_back(key.text());
  read_inputs(v, w.inputs, false);
}

void WorkflowParser::root_concurrency(DocRef v, Workflow& w) {
  if (!is_map(v, "a map such as {key: \"...\", limit: 1, on_conflict: queue}")) return;
  Concurrency c;
  fields<Concurrency>(v, "concurrency", RootTables::concurrency, c);
  if (!v.find("key"))
    out_.error(v, "missing_field", "concurrency has no `key`",
               "runs with the same key count together; a constant counts all of them");
  w.concurrency = std::move(c);
}

void WorkflowParser::concurrency_key(DocRef v, Concurrency& c) {
  if (!v.is_string()) return wrong_type(v, "a string");
  make_template(v, {"`concurrency.key`", false}, nullptr, c.key);
}

void WorkflowParser::concurrency_limit(DocRef v, Concurrency& c) {
  std::int64_t n = 1;
  integer(v, 1, 1'000'000, n);
  c.limit = static_cast<std::uint32_t>(n);
}

void WorkflowParser::concurrency_on_conflict(DocRef v, Concurrency& c) {
  static constexpr std::string_view kNames[] = {"queue", "reject", "cancel_older"};
  std::size_t which = 0;
  choice(v, kNames, which);
  c.on_conflict = static_cast<OnConflict>(which);
}

void WorkflowParser::root_defaults(DocRef v, Workflow&) {
  if (!v.is_null()) read_defaults(v, defaults_[0]);
}

void WorkflowParser::root_tasks(DocRef v, Workflow& w) {
  if (!is_map(v, "a map of tasks")) return;
  if (v.size() == 0) out_.error(v, "missing_field", "there are no tasks");
  (void)w;
  builder_.reserve(v.size(), v.size() * std::size_t{12});
  sources_.reserve(v.size());
  add_tasks(v, kNoTask, false, 1, 0);
}

void WorkflowParser::root_finally(DocRef v, Workflow&) {
  if (v.is_null() || !is_map(v, "a map of tasks")) return;
  add_tasks(v, kNoTask, true, 1, 0);
}

void WorkflowParser::read_results() {
  Workflow& w = builder_.workflow();
  if (outputs_ && !outputs_.is_null() && is_map(outputs_, "a map of the run's outputs")) {
    for (auto [key, value] : outputs_.members())
      name_like(key, "an output", true);
    make_template(outputs_, {"the run's `outputs`"}, nullptr, w.outputs);
  }
  if (verdict_) {
    expression(verdict_, {"`verdict`"}, nullptr, w.verdict);
  }
}

ParsedWorkflow parse_workflow(std::string_view text, std::string_view file,
                              std::span<const std::string> actions, const WorkflowLimits& limits) {
  Findings findings(file, text, limits.max_diagnostics);
  DocLimits doc_limits;
  doc_limits.max_bytes = limits.max_file_bytes;
  doc_limits.max_alias_nodes = limits.max_alias_nodes;
  // A group takes two levels; what a task holds inside itself has 64 of its own.
  doc_limits.max_depth = 2 * limits.max_nesting + 68;
  Doc doc = Doc::read(text, doc_limits);
  findings.add_document(doc);
  ParsedWorkflow out;
  if (!doc.broken()) {
    WorkflowParser parser(doc, actions, limits, findings);
    out.workflow = parser.read();
  }
  out.findings = findings.take(doc);
  return out;
}

}  // namespace pawl::core
