#pragma once
// TestRun: a run driven by a test, with a worker that does what it is told and a store of its own.
//
//   TestRun r("tasks: {a: {action: noop}, b: {needs: [a], action: noop}}");
//   r.start();                  // "a=queued b=pending"
//   r.claim();                  // "a=running b=pending"
//   r.complete("a");            // "a=completed b=queued"
//
// After each command everything that must hold of any run is checked (run_checks_testing.cc): what
// a store would hold decodes to an equal run, ended tasks did not change, counts and waits are
// right, leases increase, a refusal changed nothing. Moves seen are counted for the whole test
// binary.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "core/command.h"
#include "core/event.h"
#include "core/run_codec.h"
#include "core/why.h"

namespace pawl::core {

// Everything of a run that outlives a crash, and what is derived from it, as text to compare.
std::string dump_run(const Run& run);
// What must hold of every run between two commands. Each finding is a sentence.
std::vector<std::string> check_run(const Run& run);
// The state of a group or fan-out whose members are at their end, written independently.
TaskState rolled_up(const Run& run, TaskId parent);

// Moves that tests of this process took.
struct SeenMoves {
  std::set<std::pair<TaskState, TaskState>> tasks;
  std::set<std::pair<RunState, RunState>> runs;
};
SeenMoves& seen_moves();

// What a store holds of one run: only what was marked as changed reaches it.
class TestStore {
 public:
  void commit(Run& run);
  Result<Run> load(const Run& like) const;
  // The parts, to be spoilt by a test.
  std::string fixed, state;
  std::map<std::uint32_t, std::string> segments;
  std::map<TaskId, std::string> cells;
};

struct FailOptions {
  FailureClass failure_class = FailureClass::user;
  std::string message = "it broke";
  int exit_code = 1;
  bool no_retry = false, try_later = false;
};

class TestRun {
 public:
  // `text` without "pawl: 1" and "name:", which are put before it. The workflow must be valid.
  explicit TestRun(std::string_view text, Json inputs = Json::object(), std::uint64_t seed = 1);
  // A run that exists already, of the same workflow as `other`.
  TestRun(TestRun& other, Run run);

  Run run;
  ManualClock clock;
  Random random;
  Context ctx;
  Effects effects;  // of the last command
  TestStore store;
  bool checks = true;  // off: for large runs; check() still works
  std::vector<Event> history;

  // Commands. Those that return nothing expect success.
  void start();  // admit
  Status admit();
  std::uint32_t claim(std::uint32_t max = 1'000'000);  // all lanes, highest priority first
  void complete(std::string_view path, Json outputs = {});
  void fail(std::string_view path, FailOptions options = {});
  void release(std::string_view path);
  void stopped(std::string_view path, bool unconfirmed = false);  // the answer to a cancel
  void lose(std::string_view path);
  Status report(Report r, WorkerId worker = WorkerId(1));
  Status requeue(Requeue r);
  Status adopt(Adopt a);
  Status pause(std::string by = "");
  Status resume(std::string by = "");
  Status cancel(std::string by = "");
  Status retry(std::string task = "", Json set = {});
  Status recover(std::string from, Json set = {});
  Status approve(std::string task = "", std::string by = "", Json data = {});
  Status reject(std::string task = "", std::string by = "", std::string message = "");
  Status end_child(std::string_view path, RunState state, Json outputs = {}, std::string error = "",
                   Verdict verdict = Verdict::none);
  void advance(Duration d);  // through every timer on the way
  void work();               // completes what it holds, claims and completes what is queued
  void crash();              // goes on with what the store holds

  // What is seen.
  TaskId id(std::string_view path) const;
  TaskState state(std::string_view path) const;
  const TaskRow& row(std::string_view path) const { return run.rows[id(path)]; }
  const TaskExtra& extra(std::string_view path) const;
  const Assignment& held(std::string_view path) const;
  std::vector<std::string> holding() const;  // paths of live assignments, in order
  Report report_of(std::string_view path, ReportKind kind) const;
  std::string states() const;     // "list=completed clean=running clean[0]=running"
  std::string reasons() const;    // the same with reasons: "b=skipped(upstream_failed)"
  std::string run_state() const;  // "completed", "completed/warning"
  Why why(std::string_view path, const Situation& s = {});
  Why why_run(const Situation& s = {});
  void check();
  std::vector<Effects::StartChild> children;  // every child run ever asked for
  bool refuse_children = false;               // child runs cannot be started

 private:
  template <typename Command>
  Status decide_one(const Command& c, bool reopens = false);
  void before();
  void after(bool reopens);
  void read_history();
  void start_children();
  void prepare();

  std::map<TaskId, Assignment> held_;
  std::string before_;
  std::vector<TaskRow> rows_before_;
  Lease last_lease_ = 0;
  std::int64_t next_child_ = 1000;
  std::map<TaskId, TaskState> last_state_;
  RunState last_run_state_ = RunState::pending;
};

}  // namespace pawl::core
