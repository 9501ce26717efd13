#pragma once
// Workflow: a definition, compiled and immutable, shared by all its runs.
//
// Built for a million tasks: a task is a 16-byte node, its edges are two CSR arrays of 32-bit
// indices, its name lies in one character pool, and everything else about it (the TaskDef) is
// shared between tasks whose text is the same. Groups are nodes with children; `finally` tasks are
// nodes with a flag. Order: nodes stand in the order of the file, a group before its members.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "core/expr.h"
#include "core/failure.h"

namespace pawl::core {

struct RetryPolicy {
  std::uint32_t max_attempts = 1;  // counts the first one
  Duration first = std::chrono::seconds(1);
  Duration max = std::chrono::seconds(60);
  double factor = 2.0;
  double jitter = 0.2;  // the wait is drawn from [1 - jitter, 1] of the computed one
  bool operator==(const RetryPolicy&) const = default;
};

struct Timeouts {
  Duration attempt{0};  // 0: none. From claim to completion; the worker kills the attempt
  Duration queue{0};    // from queued to claimed
  Duration start{0};    // from claimed to running on its machine
  Duration heartbeat{
      0};  // longest silence of a running attempt (output and events are signs of life)
  bool operator==(const Timeouts&) const = default;
};

enum class RecoverAction : std::uint8_t {
  retry,  // another attempt, with backoff; the rule's own bound counts, not max_attempts
  pause,  // the run pauses and its `why` says what a person must do
  fail,   // no further attempt
};
enum class Resume : std::uint8_t {
  checkpoint,       // the next attempt finds the last checkpoint (the default)
  best_checkpoint,  // ... the one marked best
  scratch,          // ... none
};

struct RecoverRule {
  std::uint32_t on = 0;  // bit set of 1 << FailureClass
  RecoverAction action = RecoverAction::retry;
  Template set;  // an object: params of the next attempt; null: unchanged
  Resume resume = Resume::checkpoint;
  std::uint32_t max = 0;  // how often this rule may apply to one task; 0: no limit of its own
  std::string run;  // shell text run on the worker before the next attempt (clean up); "" none
  bool matches(FailureClass c) const { return (on >> static_cast<unsigned>(c)) & 1u; }
};

// Who carries the action out.
enum class Executor : std::uint8_t {
  worker,    // a worker claims it: shell, http, noop, whatever an app registers
  sleep,     // the engine itself: waits until a time; holds no worker
  gate,      // ... until a person decides
  workflow,  // ... until the child run has ended
  group,     // ... until its members have ended
};

struct Resource {
  std::string name;
  std::uint32_t amount = 1;
  bool operator==(const Resource&) const = default;
};

struct InputDef {
  std::string name;
  Json schema;  // JSON Schema keywords as written (type, default, minimum, pattern, enum, ...)
  bool required = false;
  bool secret = false;
};

// The action of steps that are functions of the process that embeds the engine.
inline constexpr const char* kFunctionAction = "handler";

// Everything about a task that other tasks may share with it.
struct TaskDef {
  Executor executor = Executor::worker;
  std::string
      action;  // "shell", "http", "noop", "sleep", "gate", "workflow", an app's own; "" group
  std::string title;
  // shell
  std::string run;    // script text, never holds an expression
  std::string shell;  // interpreter of `run`; "" means sh
  Template args;      // an array of strings: the argument vector instead of `run`
  Template env;       // an object
  Template cwd;       // a string or null
  Duration kill_after = std::chrono::seconds(10);
  // any action
  Template with;    // an object or null
  Template params;  // an object or null: what recovery and a person's retry may change
  std::optional<Expr> condition;  // `if`
  std::optional<Template> for_each;
  std::uint32_t max_parallel = 0;  // 0: no limit
  bool allow_failure = false;
  RetryPolicy retry;
  Timeouts timeout;
  std::vector<RecoverRule> recover;
  std::string queue = "default";
  std::int32_t priority = 0;  // higher first, -100..100
  std::vector<Resource> resources;
  std::vector<InputDef> form;  // gates: what the answer carries
  Template outputs;            // groups: an object made of members' outputs; null: none
};

struct TaskNode {
  std::uint32_t name_at = 0;  // offset of the NUL-terminated own name in the pool
  TaskId parent = kNoTask;    // the group it belongs to
  std::uint32_t def = 0;
  std::uint32_t line : 31 = 0;  // where the file defines it
  std::uint32_t is_finally : 1 = 0;
};
static_assert(sizeof(TaskNode) == 16);

enum class OnConflict : std::uint8_t { queue, reject, cancel_older };

struct Concurrency {
  Template key;
  std::uint32_t limit = 1;
  OnConflict on_conflict = OnConflict::queue;
};

// A workflow file named by a `workflow` action (with.file), which whoever loads the file must
// supply.
struct ChildFile {
  std::string file;
  std::uint32_t line = 0;
};

class Workflow {
 public:
  std::string name;
  std::string title;
  Template run_name;  // a string or null
  std::vector<InputDef> inputs;
  std::optional<Concurrency> concurrency;
  Template outputs;  // an object or null
  std::optional<Expr> verdict;
  std::int32_t priority = 0;  // added to each task's
  std::vector<TaskDef> defs;
  std::vector<ChildFile> child_files;

  std::uint32_t task_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  // REQUIRES (each): task < task_count().
  const TaskNode& node(TaskId task) const { return nodes_[task]; }
  const TaskDef& def(TaskId task) const { return defs[nodes_[task].def]; }
  std::string_view own_name(TaskId task) const { return names_.data() + nodes_[task].name_at; }
  std::string path(TaskId task) const;  // "checks.rows"
  std::span<const TaskId> needs(TaskId task) const { return row(needs_at_, needs_, task); }
  std::span<const TaskId> dependents(TaskId task) const {
    return row(dependents_at_, dependents_, task);
  }
  std::span<const TaskId> members(TaskId group) const;        // direct members, in file order
  std::span<const TaskId> roots() const { return roots_; }    // top-level tasks, without finally
  std::span<const TaskId> finals() const { return finals_; }  // top-level finally tasks
  std::optional<TaskId> find(std::string_view path) const;
  std::size_t edge_count() const { return needs_.size(); }
  // Bytes of heap this definition holds, for the memory budget.
  std::size_t footprint() const;
  // Any task names resources, or runs are limited by a key: dispatch must know all holders first.
  bool constrained() const { return constrained_; }

 private:
  friend class WorkflowBuilder;  // core/workflow_builder.h, which upholds the invariants
  static std::span<const TaskId> row(const std::vector<std::uint32_t>& at,
                                     const std::vector<TaskId>& flat, TaskId task) {
    return std::span(flat).subspan(at[task], at[task + 1] - at[task]);
  }
  std::vector<TaskNode> nodes_;
  std::string names_;
  std::vector<std::uint32_t> needs_at_, dependents_at_;  // task_count() + 1 each
  std::vector<TaskId> needs_, dependents_;
  std::vector<std::uint32_t> members_at_;  // by group ordinal
  std::vector<TaskId> members_;
  std::vector<TaskId> groups_;  // sorted group ids, their ordinal by position
  std::vector<TaskId> roots_, finals_;
  std::vector<std::uint32_t> by_path_;  // task ids sorted by path hash, for find()
  bool constrained_ = false;
};

// One finding in a file. All of a file's are reported at once.
struct Diagnostic {
  std::string file;
  std::uint32_t line = 0, column = 0;  // from 1
  std::string pointer;                 // JSON pointer into the document
  std::string code;     // stable: unknown_field, duplicate_key, cycle, wrong_type, ...
  std::string message;  // what was found, what was expected
  std::string hint;     // the nearest known name, the fix; may be empty
  bool warning = false;
};

struct WorkflowLimits {
  std::size_t max_file_bytes = 64u << 20;
  std::uint32_t max_tasks = 1'000'000;
  std::uint32_t max_nesting = 16;
  std::uint32_t max_alias_nodes = 100'000;
  std::uint32_t max_expression_bytes = 4096;
  std::uint32_t max_diagnostics = 200;  // then one line says how many more
};

struct ParsedWorkflow {
  std::shared_ptr<const Workflow> workflow;  // null where there are errors
  std::vector<Diagnostic> findings;          // errors and warnings, in file order
};

// Reads a workflow file. JSON where the first byte that is not blank is `{`, else YAML 1.2 core.
// `actions` are the names a task may use beside the built-in ones (shell http noop sleep gate
// workflow).
ParsedWorkflow parse_workflow(std::string_view text, std::string_view file,
                              std::span<const std::string> actions = {},
                              const WorkflowLimits& limits = {});

// Checks what a caller gave against `inputs:` and fills defaults in. All violations in one message,
// each with the input's name, what was found, what is expected. Errc::invalid_workflow.
Result<Json> check_inputs(const Workflow& workflow, const Json& given);
// The same for a gate's form.
Result<Json> check_form(const std::vector<InputDef>& form, const Json& given);
// `-i k=v`: reads v as the input's declared type ("12" -> 12 for an integer, "a,b"? no: JSON for
// arrays).
Result<Json> read_input(const Workflow& workflow, std::string_view name, std::string_view text);
Result<Json> read_form_field(const std::vector<InputDef>& form, std::string_view name,
                             std::string_view text);

// As the command line shows it: file:line:column, the line itself with a caret, the hint.
std::string render_diagnostic(const Diagnostic& d, std::string_view file_text);
Json diagnostic_to_json(const Diagnostic& d);

}  // namespace pawl::core
