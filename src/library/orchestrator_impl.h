#pragma once
// What an Orchestrator holds: store, engine, crew, events, and what was defined here.
//
// Order of life: the crew reports to the engine, events ask it, the engine writes to the store. A
// call holds `life` shared while it uses any of them; close() stops the engine first, which answers
// everyone who waits, and then takes `life` alone.

#include <map>
#include <shared_mutex>

#include "engine/engine.h"
#include "library/crew.h"
#include "library/definition.h"
#include "library/events.h"
#include "store/store.h"

namespace pawl::v1 {

struct Orchestrator::Impl {
  // One version of one workflow, as it is known here.
  struct Defined {
    WorkflowId id;
    std::shared_ptr<const HandlerSet> handlers;
  };
  // A call that is under way, or why it is refused.
  struct Call {
    std::shared_lock<std::shared_mutex> hold;
    Status status;
  };

  ~Impl();
  // Opens on a store that is open already.
  static Result<std::shared_ptr<Impl>> open(Options options, std::shared_ptr<store::Store> store,
                                            std::shared_ptr<const Clock> clock, bool simulated);
  Call enter();
  // ... for calls that wait for a run.
  Call enter_waiting(const char* what);
  Status close();
  // As a crash would.
  void halt();

  Status define_in_code(const Workflow::Impl& w);
  Status define_file(const Workflow::Impl& w);
  Result<std::optional<store::WorkflowRow>> find_version(const Workflow::Impl& w);
  void define_handlers(const Workflow::Impl& w, WorkflowId id);

  Result<RunId> submit(const std::string& workflow, const Value& input, const RunOptions& options,
                       bool hold);
  Result<std::vector<RunId>> submit_many(const std::string& workflow,
                                         const std::vector<Value>& inputs,
                                         const RunOptions& options);
  Result<engine::SubmitRequest> request_of(const std::string& workflow, const Value& input,
                                           const RunOptions& options);
  bool is_file(const std::string& workflow);
  Result<RunInfo> get(pawl::RunId run, bool with_reasons);
  Result<RunInfo> wait(pawl::RunId run, Millis at_most);
  Result<RunId> recover(pawl::RunId run, const RecoverOptions& options);
  Result<std::vector<RunInfo>> list(const ListOptions& options, std::uint32_t states,
                                    const std::function<bool(const RunInfo&)>& wanted);
  Result<std::shared_ptr<const Traits>> traits_of(WorkflowId id);
  // How often a run was recovered, by its history and that of the runs it came from.
  Result<int> recoveries(pawl::RunId run);
  core::Context reading_context();

  Options options;
  std::shared_ptr<const Clock> clock;
  std::uint64_t generation = 0;
  int lock_number = -1;
  std::shared_mutex life;
  std::shared_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  std::shared_ptr<Crew> crew;
  std::shared_ptr<Events> events;
  std::shared_ptr<const HandlerSet> actions;
  std::mutex closing;
  std::atomic<bool> closed{false};

  std::mutex mutex;  // guards what follows
  std::map<std::string, std::map<int, Defined>> defined;
  std::map<std::string, WorkflowId> files;  // workflows read from files, by name
  std::unordered_map<WorkflowId, std::shared_ptr<const Traits>> traits;
};

struct OrchestratorAccess {
  static std::unique_ptr<Orchestrator> make(std::shared_ptr<Orchestrator::Impl> impl) {
    return std::unique_ptr<Orchestrator>(new Orchestrator(std::move(impl)));
  }
  static Orchestrator::Impl& of(Orchestrator& o) { return *o.impl_; }
  static void replace(Orchestrator& o, std::shared_ptr<Orchestrator::Impl> impl) {
    o.impl_ = std::move(impl);
  }
};

}  // namespace pawl::v1
