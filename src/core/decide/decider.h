#pragma once
// Decider: one decision on one run, while it is being made.
//
// A command's decide() builds one, makes its own change, and calls drain(), which carries the
// change through the graph: an ended task settles its dependants and its group, those open, and so
// on, by a worklist (no recursion: a chain of a million tasks is a loop). move() is the only writer
// of a task's state and move_run() of a run's; both assert the move is in the table, keep the
// counters, mark what must be written and append the event.
//
//   decider.cc  moves, events, timers, lanes      open.cc    a task whose needs are met
//   settle.cc   what the end of a task causes     fail.cc    retry, recovery rules, giving up
//   finish.cc   the end of a run                  reset.cc   reopening ended tasks
//   wait.cc     sleeps, gates, child runs         render.cc  an attempt's expressions

#include <string>
#include <string_view>
#include <vector>

#include "core/command.h"
#include "core/event.h"
#include "core/run.h"

namespace pawl::core {

// How an attempt ended badly.
struct Failure {
  FailureClass failure_class = FailureClass::user;
  std::string message;
  int exit_code = 0;
  bool no_retry = false;
  bool try_later = false;
};

class Decider {
 public:
  Decider(Run& run, Context& ctx);

  // Moves. REQUIRES: the table allows it.
  void move(TaskId t, TaskState to, Reason reason = Reason::none, std::string_view text = {},
            Cause cause = Cause::progress);
  void move_run(RunState to, std::string_view text = {}, Cause cause = Cause::progress);
  void event(EventKind kind, TaskId t, std::string_view text);
  void changed() { run_.dirty = true; }
  void touch(TaskId t);           // its row must be written
  TaskExtra& extra(TaskId t);     // to be changed: its cell will be written
  void arm(TaskId t, Time wake);  // sets extra.wake; kNever disarms
  void enqueue(TaskId t, Reason reason = Reason::slot);

  // Graph.
  void open_roots();
  void open_later(TaskId t) { ctx_.scratch.opening.push_back(t); }
  void settle_later(TaskId t) { ctx_.scratch.settled.push_back(t); }
  void drain();
  bool parent_open(TaskId t) const;
  void end_members(TaskId group, TaskState to, Reason reason);  // silently, with their group
  void end_elements(TaskId parent);  // those that a fan-out left open when it ended unopened
  void begin_wait(TaskId t);         // sleep, gate, child run
  void cancel_open_tasks(bool finals);
  void carry_on();  // with what a pause held up
  void finish_if_done();

  // Failures.
  void fail_attempt(TaskId t, const Failure& f);
  void lose_attempt(TaskId t);
  void forget_failure(TaskId t);  // of earlier attempts, since this one succeeded
  void give_up(TaskId t, Reason reason, FailureClass c, std::string_view message);

  // Reopening: `from` and everything downstream; without completed tasks save where chosen or
  // with_completed.
  std::vector<TaskId> downstream(const std::vector<TaskId>& from, bool with_completed) const;
  void reopen(const std::vector<TaskId>& tasks);

  Run& run() { return run_; }
  Context& ctx() { return ctx_; }
  const TaskRow& row(TaskId t) const { return run_.rows[t]; }
  bool holds_others(TaskId t) const {  // a group or fan-out: its state rolls up
    return run_.is_fan_out(t) || run_.def(t).executor == Executor::group;
  }
  bool good(TaskId t) const;    // completed, or its failure is allowed
  bool failed(TaskId t) const;  // failed for real, or skipped because of a failure
  bool status(TaskId t, StatusFunction f) const;

 private:
  void settle(TaskId t);
  void open(TaskId t);
  bool passes_condition(TaskId t);
  void open_group(TaskId t);
  void expand(TaskId t);
  FanOut& make_elements(TaskId t, std::uint32_t count);
  void drop_elements(FanOut& f);
  void rows_added(std::uint32_t before);
  void open_children(FanOut& f);
  void begin_child_run(TaskId t, const Json& with);
  bool in_finally(TaskId t) const;
  void finish_parent(TaskId parent);
  void begin_finals();
  void end_run();
  void evaluate_end(RunState& end);
  TaskId first_failure(TaskId from) const;
  Reason skip_reason(TaskId t) const;
  const RecoverRule* choose_rule(TaskId t, FailureClass c);
  bool apply_rule(TaskId t, const RecoverRule& rule, const Failure& f);
  void postpone(TaskId t, const Failure& f);
  void call_person(TaskId t, const Failure& f);
  void reset(TaskId t);
  void reset_finals();
  void reopen_parents(const std::vector<TaskId>& tasks, const std::vector<bool>& chosen);
  void recount_waits();

  Run& run_;
  Context& ctx_;
};

// A run as an expression of task t sees it; kNoTask for the run's own outputs and verdict.
class RunScope : public Scope {
 public:
  RunScope(const Run& run, TaskId t, const Context& ctx, const Decider* decider = nullptr)
      : run_(run), task_(t), ctx_(ctx), decider_(decider) {}
  Result<Json> inputs() const override { return run_.inputs; }
  Result<Json> params() const override;
  Result<Json> run() const override;
  Result<Json> item() const override;
  Result<Json> index() const override;
  Result<Json> secret(std::string_view name) const override;
  Result<Json> task(TaskId t, TaskField field) const override;
  bool status(StatusFunction f) const override;
  // Secrets that were read, for masking.
  std::vector<std::pair<std::string, std::string>> secrets_read() const { return secrets_; }

 private:
  const Run& run_;
  TaskId task_;
  const Context& ctx_;
  const Decider* decider_;
  mutable std::vector<std::pair<std::string, std::string>> secrets_;
  mutable bool in_params_ = false;
};

// Evaluates the concurrency key that the run's inputs give.
Status render_key(Run& run, const Context& ctx);
// The outputs of a task as expressions see them: its own, or those of its members or elements.
Result<Json> outputs_of(const Run& run, TaskId t, const Context& ctx);
// Everything a worker needs for the next attempt of t. REQUIRES: its row is already that attempt's.
Result<Assignment> render_attempt(const Run& run, TaskId t, const Context& ctx);

}  // namespace pawl::core
