#pragma once
// WorkflowParser: from a Doc to a Workflow. Inside of parse_workflow(); nobody else includes it.
//
// Every kind of object has a table: field name -> reader. A table's order is the order of reading,
// whatever the file's order is. Nothing stops at an error: each reader reports what it finds and
// leaves a default, so that all errors of a file are shown at once.
//
// Passes: the root's fields; the tasks' names (a tree of groups); then for each task its needs and
// its definition, which is shared with the first task whose text is the same (needs apart); cycles;
// what expressions read; the run's own outputs.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/doc.h"
#include "core/findings.h"
#include "core/workflow.h"
#include "core/workflow_builder.h"

namespace pawl::core {

// What an expression may read at the place where it stands.
struct ExprRules {
  std::string_view where;  // "`if`", for messages
  bool tasks = true;
  bool params = false;
  bool item = false;  // in a fan-out
  bool secrets = false;
};

// A task that an expression reads: checked once the graph is known.
struct TaskRead {
  TaskId task;
  std::string pointer;  // of the string, below the task that holds the expression
  std::size_t offset;   // in that string
  std::string text;     // as written
};

// `defaults:` of the file or of a group, with what it inherits folded in.
struct Defaults {
  RetryPolicy retry;
  Timeouts timeout;
  std::string queue = "default";
  std::string shell;
  std::int32_t priority = 0;
  Duration kill_after = std::chrono::seconds(10);
  std::vector<DocRef> env;  // outermost first
  DocRef cwd;
  std::vector<Resource> resources;
  std::vector<RecoverRule> recover;
};

// What a task is decides which fields it may have.
enum TaskKind : unsigned {
  kShell = 1,
  kHttp = 2,
  kNoop = 4,
  kApp = 8,
  kSleep = 16,
  kGate = 32,
  kChild = 64,
  kGroup = 128,
  kWorkerKinds = kShell | kHttp | kNoop | kApp,
  kLeafKinds = kWorkerKinds | kSleep | kGate | kChild,
  kAnyKind = kLeafKinds | kGroup,
};

// A task while it is read.
struct TaskDraft {
  TaskDef def;
  DocRef node;
  TaskId task = kNoTask;   // the first one with this text
  TaskId group = kNoTask;  // it stands in
  unsigned kind = kShell;
  bool fan_out = false;
  bool has_run = false, has_args = false;
  std::vector<std::string_view> params;
  std::vector<TaskRead> reads;
};

class WorkflowParser {
 public:
  WorkflowParser(const Doc& doc, std::span<const std::string> actions, const WorkflowLimits& limits,
                 Findings& findings);
  // Null where there were errors.
  std::shared_ptr<const Workflow> read();

 private:
  friend struct RootTables;  // the tables of fields, each beside its readers
  friend struct PolicyTables;
  friend struct TaskTables;
  friend struct WithTables;
  template <typename Target>
  struct Field {
    std::string_view name;
    void (WorkflowParser::*read)(DocRef value, Target& into);
    unsigned kinds = kAnyKind;
  };
  struct None {};

  // -- Reading values: workflow_parse_values.cc
  template <typename Target>
  void fields(DocRef object, std::string_view what, std::span<const Field<Target>> table,
              Target& into);
  DocRef choose_fields(DocRef object, std::string_view what,
                       std::span<const std::string_view> names, std::span<DocRef> found);
  bool is_map(DocRef v, std::string_view expected);
  bool is_list(DocRef v, std::string_view expected);
  void wrong_type(DocRef v, std::string_view expected, std::string hint = {});
  static bool dynamic(DocRef v);  // a string that holds an expression
  bool text(DocRef v, std::string& into, std::size_t max = 1u << 20);
  bool literal(DocRef v, std::string& into);
  bool integer(DocRef v, std::int64_t low, std::int64_t high, std::int64_t& into);
  bool number(DocRef v, double low, double high, double& into);
  bool boolean(DocRef v, bool& into);
  bool duration(DocRef v, Duration& into);
  bool choice(DocRef v, std::span<const std::string_view> names, std::size_t& into);
  bool name_like(DocRef key, std::string_view what, bool may_begin_with_digit);
  std::string found(DocRef v) const;

  // -- Expressions
  bool expression(DocRef v, const ExprRules& rules, TaskDraft* task, std::optional<Expr>& into);
  bool make_template(DocRef v, const Json& value, const ExprRules& rules, TaskDraft* task,
                     Template& into);
  bool make_template(DocRef v, const ExprRules& rules, TaskDraft* task, Template& into);
  void warn_lost_zeros(DocRef v);
  void check_reads(const Expr& e, DocRef v, std::size_t offset, const ExprRules& rules,
                   TaskDraft* task);
  void error_in_text(DocRef v, std::size_t offset, std::string code, std::string message,
                     std::string hint);
  // Values of an argument vector or environment: scalars become the text as it is written.
  Json scalar_texts(DocRef v, std::string_view what);

  // -- The root: workflow_parse.cc
  void root_version(DocRef v, Workflow& w);
  void root_name(DocRef v, Workflow& w);
  void root_title(DocRef v, Workflow& w);
  void root_schema(DocRef v, Workflow& w);
  void root_priority(DocRef v, Workflow& w);
  void root_run_name(DocRef v, Workflow& w);
  void root_inputs(DocRef v, Workflow& w);
  void root_concurrency(DocRef v, Workflow& w);
  void root_defaults(DocRef v, Workflow& w);
  void root_tasks(DocRef v, Workflow& w);
  void root_finally(DocRef v, Workflow& w);
  void root_outputs(DocRef v, Workflow& w) {
    (void)w;
    outputs_ = v;
  }
  void root_verdict(DocRef v, Workflow& w) {
    (void)w;
    verdict_ = v;
  }
  void concurrency_key(DocRef v, Concurrency& c);
  void concurrency_limit(DocRef v, Concurrency& c);
  void concurrency_on_conflict(DocRef v, Concurrency& c);
  void read_title(DocRef v, std::string& into);
  void read_results();

  // -- Inputs: workflow_parse_inputs.cc
  void read_inputs(DocRef v, std::vector<InputDef>& into, bool gate_form);
  void read_input_entry(DocRef key, DocRef v, InputDef& into, bool gate_form);

  // -- Policies: workflow_parse_policy.cc
  void defaults_retry(DocRef v, Defaults& d) { read_retry(v, d.retry); }
  void defaults_timeout(DocRef v, Defaults& d) { read_timeout(v, d.timeout); }
  void defaults_queue(DocRef v, Defaults& d) { read_queue(v, d.queue); }
  void defaults_shell(DocRef v, Defaults& d) { literal(v, d.shell); }
  void defaults_priority(DocRef v, Defaults& d) { read_priority(v, d.priority); }
  void defaults_kill_after(DocRef v, Defaults& d) { duration(v, d.kill_after); }
  void defaults_env(DocRef v, Defaults& d);
  void defaults_cwd(DocRef v, Defaults& d);
  void defaults_resources(DocRef v, Defaults& d) { read_resources(v, d.resources); }
  void defaults_recover(DocRef v, Defaults& d);
  void read_defaults(DocRef v, Defaults& into);
  void read_retry(DocRef v, RetryPolicy& into);
  void retry_max_attempts(DocRef v, RetryPolicy& r);
  void retry_backoff(DocRef v, RetryPolicy& r);
  void backoff_first(DocRef v, RetryPolicy& r);
  void backoff_factor(DocRef v, RetryPolicy& r);
  void backoff_max(DocRef v, RetryPolicy& r);
  void backoff_jitter(DocRef v, RetryPolicy& r);
  void read_timeout(DocRef v, Timeouts& into);
  void timeout_attempt(DocRef v, Timeouts& t) { duration(v, t.attempt); }
  void timeout_queue(DocRef v, Timeouts& t) { duration(v, t.queue); }
  void timeout_start(DocRef v, Timeouts& t) { duration(v, t.start); }
  void timeout_heartbeat(DocRef v, Timeouts& t) { duration(v, t.heartbeat); }
  void read_queue(DocRef v, std::string& into);
  void read_priority(DocRef v, std::int32_t& into);
  void read_resources(DocRef v, std::vector<Resource>& into);
  struct RuleDraft {
    RecoverRule rule;
    TaskDraft* task;
    bool has_action = false, has_change = false;
  };
  void read_recover(DocRef v, TaskDraft* task, std::vector<RecoverRule>& into);
  void rule_on(DocRef v, RuleDraft& r);
  void rule_set(DocRef v, RuleDraft& r);
  void rule_resume(DocRef v, RuleDraft& r);
  void rule_action(DocRef v, RuleDraft& r);
  void rule_max(DocRef v, RuleDraft& r);
  void rule_run(DocRef v, RuleDraft& r);

  // -- The tasks' tree, needs, sharing: workflow_parse_tasks.cc
  void add_tasks(DocRef map, TaskId group, bool is_finally, std::uint32_t depth,
                 std::uint32_t defaults);
  bool add_one_task(DocRef key, DocRef value, TaskId group, bool is_finally, std::uint32_t depth,
                    std::uint32_t defaults);
  void read_tasks();
  void read_needs(TaskId task, DocRef value);
  void read_need(TaskId task, DocRef need);
  std::string elsewhere(TaskId task, std::string_view name) const;
  std::string nearest_task(TaskId group, std::string_view name);
  void define_task(TaskId task, DocRef value);
  void report_cycles();
  bool is_group(TaskId task) const;
  const Defaults& defaults_of(TaskId task) const;
  std::uint32_t defaults_id(TaskId task) const;

  // -- What expressions read: workflow_parse_reads.cc
  void check_task_reads();
  void check_task_read(TaskId task, const TaskRead& read);
  bool is_upstream(TaskId task, TaskId read);

  // -- One task's fields: workflow_parse_task.cc
  void read_task(TaskDraft& t);
  bool read_kind(TaskDraft& t);
  void apply_defaults(TaskDraft& t);
  void finish_task(TaskDraft& t);
  void task_ignored(DocRef, TaskDraft&) {}
  void task_title(DocRef v, TaskDraft& t) { read_title(v, t.def.title); }
  void task_params(DocRef v, TaskDraft& t);
  void task_for_each(DocRef v, TaskDraft& t);
  void task_max_parallel(DocRef v, TaskDraft& t);
  void task_if(DocRef v, TaskDraft& t);
  void task_allow_failure(DocRef v, TaskDraft& t) { boolean(v, t.def.allow_failure); }
  void task_retry(DocRef v, TaskDraft& t) { read_retry(v, t.def.retry); }
  void task_timeout(DocRef v, TaskDraft& t) { read_timeout(v, t.def.timeout); }
  void task_recover(DocRef v, TaskDraft& t);
  void task_resources(DocRef v, TaskDraft& t);
  void task_queue(DocRef v, TaskDraft& t) { read_queue(v, t.def.queue); }
  void task_priority(DocRef v, TaskDraft& t) { read_priority(v, t.def.priority); }
  void task_run(DocRef v, TaskDraft& t);
  void task_shell(DocRef v, TaskDraft& t) { literal(v, t.def.shell); }
  void task_args(DocRef v, TaskDraft& t);
  void task_env(DocRef v, TaskDraft& t);
  void task_cwd(DocRef v, TaskDraft& t);
  void task_kill_after(DocRef v, TaskDraft& t) { duration(v, t.def.kill_after); }
  void task_with(DocRef v, TaskDraft& t);
  void task_outputs(DocRef v, TaskDraft& t);
  void shell_text(DocRef v, std::string& into, std::string_view field);
  bool environment(DocRef v, TaskDraft* task, Json& into);

  // -- `with`, by action: workflow_parse_with.cc
  void read_with(TaskDraft& t, DocRef v);
  struct WithDraft {
    TaskDraft* task;
    unsigned seen = 0;
  };
  void with_any(DocRef, WithDraft&) {}
  void with_text(DocRef v, WithDraft&);
  void with_flag(DocRef v, WithDraft&);
  void with_duration(DocRef v, WithDraft&);
  void with_method(DocRef v, WithDraft&);
  void with_url(DocRef v, WithDraft&);
  void with_headers(DocRef v, WithDraft&);
  void with_expect(DocRef v, WithDraft&);
  void with_redirects(DocRef v, WithDraft&);
  void with_until(DocRef v, WithDraft&);
  void with_on_timeout(DocRef v, WithDraft&);
  void with_form(DocRef v, WithDraft&);
  void with_file(DocRef v, WithDraft& w);
  void with_workflow(DocRef v, WithDraft&);
  void with_inputs(DocRef v, WithDraft&);

  const Doc& doc_;
  std::span<const std::string> actions_;
  const WorkflowLimits& limits_;
  Findings& out_;
  WorkflowBuilder builder_;
  DocRef outputs_, verdict_;
  std::vector<std::string_view> input_names_;
  std::vector<Defaults> defaults_;                            // 0: the file's
  std::unordered_map<TaskId, std::uint32_t> group_defaults_;  // where a group has its own
  std::vector<std::uint32_t> sources_;                        // by task: its node in the Doc
  std::vector<bool> groups_;
  std::vector<bool> needs_unknown_;  // by task: its needs have errors
  std::vector<TaskId> needs_buffer_;
  std::vector<TaskId> last_needed_by_;  // by task: finds duplicate needs
  struct Shared {
    std::uint32_t source;
    TaskId group;
    std::uint32_t defaults, def;
  };
  std::unordered_multimap<std::uint64_t, Shared> shared_;
  std::unordered_map<std::uint32_t, std::vector<TaskRead>> reads_;  // by def
  bool too_many_tasks_ = false, graph_known_ = false;
  std::vector<std::uint32_t> visited_;
  std::uint32_t visit_ = 0;
  std::size_t visits_left_ = 100'000'000;
};

template <typename Target>
void WorkflowParser::fields(DocRef object, std::string_view what,
                            std::span<const Field<Target>> table, Target& into) {
  std::string_view names[40];
  DocRef values[40];
  PAWL_ASSERT(table.size() <= 40);
  for (std::size_t i = 0; i < table.size(); ++i)
    names[i] = table[i].name;
  choose_fields(object, what, {names, table.size()}, {values, table.size()});
  for (std::size_t i = 0; i < table.size(); ++i)
    if (values[i]) (this->*table[i].read)(values[i], into);
}

}  // namespace pawl::core
