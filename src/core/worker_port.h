#pragma once
// What a worker sees of the engine, and the engine of a worker. In one process these are called
// directly; over the network the same calls travel as HTTP and JSON.
//
// Flow is by credit: a worker offers slots, the engine pushes at most so many assignments, each
// after the commit that leased it. A final report (completed, failed, released, cancelled) ends the
// lease; the worker offers the slot again when it is free. Every report names (run, task, attempt,
// lease): the fence. One that is no longer the live one changes nothing and comes back through
// refused().

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "core/failure.h"
#include "core/workflow.h"

namespace pawl::core {

struct Fence {
  RunId run;
  TaskId task = kNoTask;
  Attempt attempt = 0;
  Lease lease = 0;
  bool operator==(const Fence&) const = default;
};

// One attempt, ready to be carried out: every expression is evaluated.
struct Assignment {
  Fence fence;
  std::shared_ptr<const Workflow> workflow;  // keeps `def` alive
  const TaskDef* def = nullptr;
  std::string path;  // "clean[0]", "checks.rows"
  Json with;         // rendered; null where the task has none
  Json env;          // object of strings, secrets included: never stored, never logged
  Json args;         // array of strings, or null where `run` text is used
  std::string cwd;   // "" where none is given
  Json input;        // PAWL_INPUT: {"inputs", "params", "tasks": {NAME: outputs of needs}, "item"?,
                     // "index"?}
  std::string
      base_dir;  // directory of the workflow file, where `cwd` and relative paths start; "" none
  Resume resume = Resume::checkpoint;
  std::string before;      // shell text a recovery rule wants run first; "" none
  std::string checkpoint;  // bytes the last attempt left, where it ran elsewhere; "" none
  std::vector<std::pair<std::string, std::string>> secrets;  // name, value: for masking
};

struct Progress {
  double current = 0;
  double total = 0;  // 0: unknown
  std::string unit;
};

enum class ReportKind : std::uint8_t {
  started,    // running on its machine
  progress,   // a sign of life, with any of progress, metrics, warnings, checkpoint
  completed,  // final: `outputs`
  failed,     // final: failure_class, message
  released,   // final: given back unharmed (drain); costs no attempt
  cancelled,  // final: a cancel reached every process of it
  lost,       // final: gone, with whatever held it; says nothing about the task
};

struct Report {
  Fence fence;
  ReportKind kind = ReportKind::progress;
  Json outputs;  // completed: an object, or null
  FailureClass failure_class = FailureClass::none;
  std::string message;       // failed: what happened, with the last lines of stderr
  int exit_code = 0;         // failed: of the process, or -signal
  bool no_retry = false;     // exit 78
  bool try_later = false;    // exit 75: retried even where attempts are spent
  bool unconfirmed = false;  // cancelled, but some process may be alive
  bool has_progress = false;
  Progress progress;
  std::vector<std::pair<std::string, double>> metrics;
  std::vector<std::string> warnings;
  bool has_checkpoint = false;
  std::string checkpoint;  // bytes
  bool best_checkpoint = false;
  bool receipt = false;  // final: the worker keeps its evidence until recorded() names the fence
};

enum class Stream : std::uint8_t { out, err, pawl };  // pawl: the engine's and worker's own remarks

struct LogLine {
  Time time;
  Stream stream = Stream::out;
  std::string text;  // one line, no newline, valid UTF-8
};

// Lines of one attempt, in order. `first_line` counts from 0 without gap; a repeat is dropped.
struct LogBatch {
  Fence fence;
  std::uint64_t first_line = 0;
  std::vector<LogLine> lines;
};

// The engine's hold on a worker. Called on the engine's thread, after the commit: must not block.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual void assign(std::vector<Assignment> batch) = 0;
  virtual void cancel(const Fence& fence) = 0;
  // The report was late: its lease is no longer the live one. The worker stops that work.
  virtual void refused(const Fence& fence) = 0;
  // Final reports that asked for a receipt are durable, and all log lines before them: the worker
  // forgets what it kept so that a crash of the engine could not lose them.
  virtual void recorded(std::vector<Fence> fences) { std::move(fences).clear(); }
};

struct WorkerInfo {
  std::string name;                  // for people: host and pid
  std::vector<std::string> queues;   // empty: every queue
  std::vector<std::string> actions;  // what it can carry out; empty: everything
  std::vector<std::pair<std::string, std::string>> labels;
};

// Thread-safe. None of these blocks on the disk.
class WorkerPort {
 public:
  virtual ~WorkerPort() = default;
  // `held` are attempts that outlived an earlier life of this worker and that it still carries: the
  // engine keeps their leases where they are still live, and answers refused() where they are not.
  // Attempts of earlier lives that nobody holds are then known to be lost.
  virtual WorkerId join(WorkerInfo info, std::shared_ptr<WorkerLink> link,
                        std::vector<Fence> held) = 0;
  // `slots` more attempts are wanted; 0: none, what was offered and not used is taken back.
  virtual void offer(WorkerId worker, std::uint32_t slots) = 0;
  // Reports, in order, and slots that they free: complete(n) and start(n+1) share one commit.
  virtual void report(WorkerId worker, std::vector<Report> reports, std::uint32_t slots) = 0;
  virtual void log(WorkerId worker, LogBatch lines) = 0;
  // Takes back all offers; unfinished attempts must have been released before.
  virtual void leave(WorkerId worker) = 0;
};

}  // namespace pawl::core
