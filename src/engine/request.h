#pragma once
// Requests: what callers and workers put into the engine's inbox. Each is decided on the loop's
// thread; `done` is called once, after the commit that holds the outcome, or with the refusal.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/command.h"
#include "engine/engine.h"

namespace pawl::engine {

using Done = std::function<void(Result<RunId>)>;

struct SubmitRun {
  SubmitRequest request;
  std::shared_ptr<const core::Plan> plan;
  Json inputs;  // checked
};
using RunCommand = std::variant<core::Pause, core::Resume_, core::Cancel, core::Retry,
                                core::Approve, core::Reject>;
struct CommandRun {
  RunId run;
  RunCommand command;
};
struct RecoverRun {
  RunId run;
  core::Recover command;
  Json inputs;
};
struct RegisterWorkflow {
  store::WorkflowRow row;  // id and version are given here
  std::shared_ptr<const core::Workflow> workflow;
  std::string base_dir;
  std::vector<std::pair<std::string, WorkflowId>> children;
  std::function<void(Result<WorkflowId>)> registered;
};
struct JoinWorker {
  WorkerId worker;
  core::WorkerInfo info;
  std::shared_ptr<core::WorkerLink> link;
  std::vector<core::Fence> held;
};
struct OfferSlots {
  WorkerId worker;
  std::uint32_t slots = 0;
};
struct TakeReports {
  WorkerId worker;
  std::vector<core::Report> reports;
  std::uint32_t slots = 0;
  std::uint32_t ended = 0;  // leases that they ended, when last decided
  bool doubtful = false;    // a commit of theirs failed, and may have been done all the same
};
struct TakeLog {
  core::LogBatch lines;
};
struct LeaveWorker {
  WorkerId worker;
};
// Reads with the loop's own eyes; answered after what was decided before is durable.
struct InspectRun {
  RunId run;
  std::function<void(const core::Run&)> read;
};
struct CallLoop {
  std::function<void(class Loop&)> call;
};

struct Request {
  std::variant<SubmitRun, CommandRun, RecoverRun, RegisterWorkflow, JoinWorker, OfferSlots,
               TakeReports, TakeLog, LeaveWorker, InspectRun, CallLoop>
      body;
  Done done;
};

}  // namespace pawl::engine
