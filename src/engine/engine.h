#pragma once
// Engine: durable execution in one process. Commands in, decisions, one commit a batch, effects.
//
//   callers, workers --> inbox --> Loop::decide() --> Batch --> commit (own thread) -->
//   Loop::settle()
//                                  (one thread)                                        answers,
//                                  assignments
//
// Everything that changes a run passes through the inbox. A caller is answered after the commit
// that holds what it asked. While one batch is being committed the next is decided. Start-up is not
// special: the loop reads open runs in steps while it works, and what was running is reconciled as
// it is read. Thread-safe, save open() and stop(). Callbacks run on the engine's thread and must
// not block.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "core/command.h"
#include "core/event.h"
#include "core/why.h"
#include "core/worker_port.h"
#include "store/store.h"

namespace pawl::engine {

struct Options {
  store::Store* store = nullptr;  // outlives the engine; ours alone while it runs
  const Clock* clock = nullptr;   // null: the machine's
  std::uint64_t seed = 0;         // 0: from the kernel
  core::Limits limits;
  // Capacities of named resources. One that is not listed has default_resource slots.
  std::vector<std::pair<std::string, std::uint32_t>> resources;
  std::uint32_t default_resource = 1;
  std::function<Result<std::string>(std::string_view name)> secret;
  store::Retention retention;
  std::size_t cache_bytes = 32u << 20;  // runs kept decoded in memory
  std::vector<std::string> actions;     // names beside the built-in ones that files may use
  // What ran when the last engine ended waits so long for the worker that has it to join; then it
  // is lost. Zero: the first join decides, as in one process, where there is one worker.
  Duration reunion{0};
};

// A workflow as it is registered: the file's text, and what its child files were registered as.
struct Definition {
  std::string text;
  std::string file;  // path for messages and base_dir; "" none
  std::vector<std::pair<std::string, WorkflowId>> children;
};

struct SubmitRequest {
  WorkflowId workflow;
  Json inputs;  // checked against the workflow's schema here
  std::string name, job;
  Json labels;  // object of strings, or null
  std::int32_t priority = 0;
  std::string idempotency_key;  // the same key and request give the same run
  std::string hold;             // who wants it paused from the start; "" nobody
};

// What subscribers are told, after the commit.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual void on_events(RunId run, const std::vector<core::Event>& events) = 0;
  virtual void on_log(const core::LogBatch& lines) = 0;
  // Live only, never stored: progress of a running task.
  virtual void on_progress(RunId run, TaskId task, const core::Progress& progress) = 0;
};

class Engine final : public core::WorkerPort {
 public:
  static Result<std::unique_ptr<Engine>> open(Options options);
  ~Engine() override;
  // Finishes the batch in hand, stops the threads. Workers must have left.
  void stop();

  // Registers a definition, or finds the version that has the same text and children.
  // Errors: invalid_workflow with every finding rendered.
  Result<WorkflowId> register_workflow(const Definition& definition);
  Result<std::shared_ptr<const core::Plan>> plan(WorkflowId workflow);

  Result<RunId> submit(SubmitRequest request);
  void submit_async(SubmitRequest request, std::function<void(Result<RunId>)> done);
  Status pause(RunId run, std::string by);
  Status resume(RunId run, std::string by);
  Status cancel(RunId run, std::string by);
  Status retry(RunId run, core::Retry command);
  // Returns the run that goes on: the same one, or a new one where it was completed.
  Result<RunId> recover(RunId run, core::Recover command, Json inputs);
  Status approve(RunId run, core::Approve command);
  Status reject(RunId run, core::Reject command);

  // Calls read with the run as it is now (loaded where it is not in memory, also a finished one).
  Status inspect(RunId run, const std::function<void(const core::Run&)>& read);
  // What `why` must know beside the run: slots, resources, keys.
  core::Situation situation(RunId run);
  // Returns true when the run is in a final state, false when `until` passed first. Blocks.
  Result<bool> wait_for_end(RunId run, Mono until);
  // Events and lines of one run, or of all with RunId{}. Returns a number for unsubscribe().
  std::uint64_t subscribe(RunId run, std::shared_ptr<Subscriber> subscriber);
  void unsubscribe(std::uint64_t number);

  // WorkerPort
  WorkerId join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                std::vector<core::Fence> held) override;
  void offer(WorkerId worker, std::uint32_t slots) override;
  void report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) override;
  void log(WorkerId worker, core::LogBatch lines) override;
  void leave(WorkerId worker) override;

  struct Statistics {
    std::uint64_t commands = 0, commits = 0, runs_written = 0, tasks_ended = 0;
    std::uint64_t open_runs = 0, cached_runs = 0, queued = 0, cache_bytes = 0;
    bool scanning = false;  // still reading what was open at start
    Status trouble;         // the store's last error, while it lasts
  };
  Statistics statistics();

 private:
  Engine();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::engine
