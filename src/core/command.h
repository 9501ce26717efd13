#pragma once
// Commands: everything that can be asked of a run. decide() is the only way to change one.
//
// Each command's rules stand in core/decide/<command>.cc with its test beside it. decide() is pure:
// time and chance come through the Context, and what must follow in the world comes out as Effects,
// to be done after the commit. A refusal is an Error and leaves the run as it was.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/run.h"

namespace pawl::core {

// What follows from decisions, after the commit (assignments, cancels) or in the same one
// (children).
struct Effects {
  struct CancelAttempt {
    WorkerId worker;
    Fence fence;
  };
  struct StartChild {
    TaskId task;
    std::string workflow;
    std::string file;
    Json inputs;
  };
  struct Refused {
    WorkerId worker;
    Fence fence;
  };
  std::vector<std::pair<WorkerId, Assignment>> assignments;
  std::vector<CancelAttempt> cancels;
  std::vector<StartChild> children;  // of the run decided last; the engine takes them at once
  std::vector<RunId> cancel_children;
  std::vector<Refused> refused;
};

struct Limits {
  std::size_t max_output_bytes = 16u << 20;
  std::size_t inline_bytes = 64u << 10;
  std::uint32_t max_fan_out = 1'000'000;
  std::uint16_t max_losses = 10;
};

// Reused between decisions, so that a plain step allocates nothing.
struct Scratch {
  std::vector<TaskId> settled, opening;
  std::string text;
};

struct Context {
  Time now = kNoTime;
  Random* random = nullptr;
  Effects* effects = nullptr;
  // Outputs above the inline limit, by hash. Pure: the same hash gives the same value.
  std::function<Result<Json>(RunId, const std::string& hash)> payload;
  std::function<Result<std::string>(std::string_view name)> secret;
  Limits limits;
  Scratch scratch;
};

struct SubmitOptions {
  RunId id;
  Json inputs;       // already checked by check_inputs()
  std::string name;  // "" : from run_name
  std::string job, labels;
  std::int32_t priority = 0;
  RunId parent, source;
  TaskId parent_task = kNoTask;
};

// A new run, pending; admit() starts it. Error: its run_name or concurrency key cannot be
// evaluated.
Result<Run> submit(std::shared_ptr<const Plan> plan, const SubmitOptions& options, Context& ctx);

struct Admit {};
struct Claim {
  std::uint32_t lane = 0;
  WorkerId worker;
  std::uint32_t max = 1;
};
struct Complete {
  WorkerId worker;
  const Report& report;
};  // every kind of report
struct Requeue {
  std::vector<Fence> fences;
  bool lost = true;
};  // a worker vanished, or gave back
struct Adopt {
  Fence fence;
  WorkerId worker;
};                 // an attempt that outlived its worker's life
struct Expire {};  // timers due at ctx.now
struct Pause {
  std::string by;
};
struct Resume_ {
  std::string by;
};
struct Cancel {
  std::string by;
};
struct Retry {
  std::string task;
  Json set;
  std::string by;
};  // "" : everything that failed
struct Recover {
  std::string from;
  Json set;
  std::string by;
};
struct Approve {
  std::string task;
  Json data;
  std::string by, message;
};  // task "" : the only open gate
struct Reject {
  std::string task;
  std::string by, message;
};
struct ChildStarted {
  TaskId task;
  RunId child;
  std::string error;
};  // error: it could not start
struct ChildEnded {
  TaskId task;
  RunId child;
  RunState state;
  Verdict verdict;
  Json outputs;
  std::string error;
};

Status decide(Run& run, const Admit& c, Context& ctx);
// Returns how many attempts were given out (assignments in ctx.effects); fewer than asked where the
// lane holds no more.
std::uint32_t decide(Run& run, const Claim& c, Context& ctx);
Status decide(Run& run, const Complete& c, Context& ctx);
Status decide(Run& run, const Requeue& c, Context& ctx);
// Errc::stale_attempt where the fence is not live.
Status decide(Run& run, const Adopt& c, Context& ctx);
Status decide(Run& run, const Expire& c, Context& ctx);
Status decide(Run& run, const Pause& c, Context& ctx);
Status decide(Run& run, const Resume_& c, Context& ctx);
Status decide(Run& run, const Cancel& c, Context& ctx);
Status decide(Run& run, const Retry& c, Context& ctx);
Status decide(Run& run, const Recover& c, Context& ctx);
Status decide(Run& run, const Approve& c, Context& ctx);
Status decide(Run& run, const Reject& c, Context& ctx);
Status decide(Run& run, const ChildStarted& c, Context& ctx);
Status decide(Run& run, const ChildEnded& c, Context& ctx);

// A run that is at its end, recovered as a new one, linked to `old`: what is upstream of `from` is
// kept. One that did not complete needs new inputs, and what ended badly in it runs again, too.
// `inputs` null: as before.
Result<Run> recover_as_new(Run old, const Recover& c, RunId id, const Json& inputs, Context& ctx);

// The attempts of `worker` (any, where none is given) that are live.
std::vector<Fence> live_attempts(const Run& run, WorkerId worker = {});

}  // namespace pawl::core
