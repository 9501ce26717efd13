#pragma once
// Orchestrator: durable execution inside of your process. It owns a data directory, carries out
// handlers on threads of its own, and after a crash goes on where it stood.
//
//   pawl::Options options;
//   options.directory = "var/jobs";
//   auto opened = pawl::Orchestrator::open(std::move(options));
//   if (!opened.ok()) return fail(opened.status().text());
//   auto& pawl = **opened;
//   if (auto s = pawl.define(workflow); !s.ok()) return fail(s.text());
//   auto done = pawl.execute("thumbnails", Codec<Folder>::encode(in), {.job = "order-17"});
//
// One process a directory. All methods are thread-safe; those that wait for a run refuse to in a
// handler (Code::misplaced), where they could wait for ever. In a child made by fork() every call
// is refused. What a call acknowledged is on disk.

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pawl/run.h"
#include "pawl/workflow.h"

namespace pawl::PAWL_V1 {

// A handler that workflow files name: `action: NAME`.
struct Action {
  std::string name;  // letters, digits, _ and -
  Handler handler;
};

// How an orchestrator is opened.
struct Options {
  std::string directory;        // made where it is missing; one process at a time
  unsigned threads = 0;         // for handlers; 0: one a core, at least two
  std::vector<Action> actions;  // for workflow files
  Millis patience{2000};        // a handler that should stop and does not is given up after this
  std::size_t max_output_bytes = 16u << 20;  // of one step; more fails it
  Millis keep{std::chrono::hours(24 * 30)};  // finished runs are removed after this
  std::string process_name;                  // for whoever finds the directory in use; "" the pid
};

// How a run is made.
struct RunOptions {
  std::string job;   // the caller's own id of what this is for
  std::string name;  // for people; "" made from the workflow's
  int version = 0;   // of the workflow; 0: the newest defined here
  int priority = 0;  // higher first, -100..100
  std::string key;   // the same key again gives the same run, not a second one
  Value labels;      // an object of strings, or null
};

// How a run is recovered.
struct RecoverOptions {
  std::string from;  // this step and all that come after it run again; "" whatever did not complete
  Value input;       // instead of the run's, where not null. Makes a new run
  std::string by;    // who asked, for the history
};

// How many runs a list holds, and which.
struct ListOptions {
  std::string workflow;  // "" any
  std::string job;       // "" any
  unsigned limit = 100;
  RunId before = 0;  // only runs with smaller numbers; 0: from the newest
};

// Ends a subscription when it goes.
class PAWL_API Subscription {
 public:
  struct Impl;  // the library's own
  Subscription() = default;
  Subscription(Subscription&&) noexcept = default;
  Subscription& operator=(Subscription&&) noexcept = default;
  // Nothing is told any more once this returns (in a callback: after it).
  void stop();
  ~Subscription();

 private:
  friend class Orchestrator;
  std::shared_ptr<Impl> impl_;
};

// The engine, embedded.
class PAWL_API Orchestrator {
 public:
  struct Impl;  // the library's own
  // Opens the directory; what an earlier process left running goes on as soon as its workflow is
  // defined. Errors: in_use (with who), newer_version, corrupt, io, disk_full, invalid.
  static Result<std::unique_ptr<Orchestrator>> open(Options options);
  ~Orchestrator();
  Orchestrator(const Orchestrator&) = delete;
  Orchestrator& operator=(const Orchestrator&) = delete;

  // Makes a workflow known, with the handlers of its steps. Steps of its runs that waited for a
  // handler go on. Errors: invalid (every problem); conflict where this version was defined with
  // other steps before. Handlers of a version that is known already are replaced.
  Status define(const Workflow& workflow);

  // A new run that waits for start(). Errors: not_found, invalid.
  Result<RunId> create(const std::string& workflow, Value input = {}, RunOptions options = {});
  // Lets a created run go.
  Status start(RunId run);
  // create() and start() in one.
  Result<RunId> start(const std::string& workflow, Value input = {}, RunOptions options = {});
  // Starts a run for each input, all acknowledged by the same writes to the disk: much faster than
  // one by one. Returns their numbers in the order of the inputs. Where one is refused, the others
  // are started all the same, and its place holds 0; where all are, the error of the first.
  Result<std::vector<RunId>> start_many(const std::string& workflow, std::vector<Value> inputs,
                                        RunOptions options = {});
  // Starts a run and waits for its end. A run that failed is a RunInfo too: look at its state.
  // Waits for ever where a handler is missing: see wait() for a bound.
  Result<RunInfo> execute(const std::string& workflow, Value input = {}, RunOptions options = {});
  // The same as a future. Closing the orchestrator answers it with unavailable.
  std::future<Result<RunInfo>> execute_async(const std::string& workflow, Value input = {},
                                             RunOptions options = {});
  // Waits for a run's end. Errors: timeout where it has not ended by then, misplaced in a handler.
  Result<RunInfo> wait(RunId run, Millis at_most = Millis::max());

  // Starts no further step; what runs, ends. Errors: conflict where it is at its end.
  Status pause(RunId run);
  // Goes on after pause().
  Status resume(RunId run);
  // Ends a run: handlers are asked to stop, no other step starts.
  Status cancel(RunId run);
  // Runs again what did not complete, or everything from one step on; earlier outputs are kept.
  // Returns the run that goes on: the same one; a new one where it had completed, or where the
  // input was edited. Errors: exhausted after max_recovery_attempts, conflict where it is not at
  // its end.
  Result<RunId> recover(RunId run, RecoverOptions options = {});

  // All there is to know of a run. Error: not_found.
  Result<RunInfo> get(RunId run);
  // The runs of a caller's job, newest first.
  Result<std::vector<RunInfo>> get_by_job(const std::string& job);
  // Runs that are not at their end, newest first.
  Result<std::vector<RunInfo>> active(const ListOptions& options = {});
  // Runs that failed.
  Result<std::vector<RunInfo>> failed(const ListOptions& options = {});
  // Runs that failed or were cancelled and may still be recovered.
  Result<std::vector<RunInfo>> recoverable(const ListOptions& options = {});
  // All runs.
  Result<std::vector<RunInfo>> list(const ListOptions& options = {});
  // What an attempt's handlers logged, line by line, oldest first. `step` "": of all steps.
  Result<std::vector<Event>> logs(RunId run, const std::string& step = {}, unsigned limit = 10000);

  // Calls back for each event of a run, or of all (run 0), in order, on a thread of its own. Slow
  // callbacks delay later events, nothing else. Calls of this API are fine in it, save wait(),
  // execute() and close().
  Result<Subscription> subscribe(RunId run, std::function<void(const Event&)> callback);

  // Asks handlers to stop, waits for them up to Options::patience, gives their attempts back, and
  // leaves the directory. Handlers that do not return keep a thread, nothing else. The destructor
  // does the same. Error: misplaced in a handler or a callback.
  Status close();

 private:
  friend struct OrchestratorAccess;
  explicit Orchestrator(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace pawl::PAWL_V1
