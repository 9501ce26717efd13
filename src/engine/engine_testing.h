#pragma once
// A bed for engine tests: a Loop without threads over a store that can fail, a clock moved by hand,
// workers that do what the test says, and a ledger of what they were given that outlives restarts.
//
//   Bed bed;
//   auto id = bed.define("pawl: 1\nname: w\ntasks: {a: {action: noop}}\n");
//   RunId run = bed.submit(id);
//   auto& w = bed.worker(1);
//   w.complete(run, "a");
//   bed.settle();
//   EXPECT_EQ(bed.state(run), core::RunState::completed);
//
// One step is decide, take, commit, land. A crash may come after each: crash_at(n) throws the Loop
// away at the n-th such boundary and starts a new one on the same store.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/fs_testing.h"
#include "engine/faulty_store_testing.h"
#include "engine/loop.h"

namespace pawl::engine {

class Bed;
using AttemptKey = std::tuple<RunId, TaskId, Attempt>;

// What all workers of a test ever saw. Kept outside of the engine, never lost.
struct Ledger {
  struct Work {
    core::Fence fence;
    std::string path;
    int given = 0;           // assignments of this very attempt
    bool completed = false;  // some worker reported it completed
    bool recorded = false;   // ... and the engine gave a receipt
  };
  std::map<AttemptKey, Work> work;
  std::vector<std::string> problems;
  std::uint64_t cancels = 0, refusals = 0;
};

class ScriptedWorker final : public core::WorkerLink {
 public:
  ScriptedWorker(Bed& bed, core::WorkerInfo info, std::uint32_t slots);

  // What it holds now, oldest first.
  std::vector<core::Fence> held() const;
  const core::Assignment* holds(RunId run, std::string_view path) const;
  std::vector<std::string> paths() const;  // of what it holds, in the order it came

  // Final reports: the lease ends and the slot is offered again. Each asks for a receipt.
  void complete(RunId run, std::string_view path, Json outputs = Json());
  void fail(RunId run, std::string_view path, core::FailureClass c = core::FailureClass::user,
            bool no_retry = false);
  void release(RunId run, std::string_view path);
  void confirm_cancel(RunId run, std::string_view path);
  void report(core::Report r, bool offer = true);
  void complete_all();
  void leave();
  void offer(std::uint32_t slots);

  // WorkerLink
  void assign(std::vector<core::Assignment> batch) override;
  void cancel(const core::Fence& fence) override;
  void refused(const core::Fence& fence) override;
  void recorded(std::vector<core::Fence> fences) override;

  WorkerId id;
  bool present = false;
  std::uint32_t slots, credits = 0;    // credits: offered and not used
  std::vector<core::Fence> cancelled;  // asked to stop, in order
  std::vector<core::Fence> refusals, receipts;

 private:
  friend class Bed;
  struct Held {
    core::Assignment a;
  };
  void join(std::vector<core::Fence> fences);
  core::Report final_report(RunId run, std::string_view path, core::ReportKind kind) const;

  Bed& bed_;
  core::WorkerInfo info_;
  std::vector<Held> held_;
  std::vector<core::Report> unrecorded_;  // evidence: final reports without a receipt
};

struct BedOptions {
  bool sqlite = false;
  std::uint64_t seed = 1;
  Options engine;  // store and clock are the bed's
};

class Bed {
 public:
  using Answer = std::shared_ptr<std::optional<Result<RunId>>>;

  explicit Bed(BedOptions options = {});
  ~Bed();

  // -- In the words of a user. These step until the answer has come.
  WorkflowId define(const std::string& text,
                    std::vector<std::pair<std::string, WorkflowId>> children = {});
  RunId submit(WorkflowId workflow, Json inputs = Json::object(), std::int32_t priority = 0);
  Result<RunId> ask(decltype(Request::body) body);
  Result<RunId> command(RunId run, RunCommand c) { return ask(CommandRun{run, std::move(c)}); }
  // -- Without stepping.
  Answer post(decltype(Request::body) body);
  Answer post_submit(SubmitRequest request);
  std::shared_ptr<std::optional<Result<WorkflowId>>> post_define(
      const std::string& text, std::vector<std::pair<std::string, WorkflowId>> children = {});

  // -- Workers.
  ScriptedWorker& worker(std::uint32_t slots, std::vector<std::string> queues = {});
  const std::vector<std::unique_ptr<ScriptedWorker>>& workers() const { return workers_; }
  // For workers of another kind; what it is told is taken at the next step. Lives as long as this.
  core::WorkerPort& port() { return port_; }

  // -- Moments. Each returns false where a crash came.
  bool decide();
  bool take();
  bool commit();
  bool land();
  bool step();
  // Steps until nothing more would happen without time, workers or people.
  void settle();
  void advance(Duration d);
  // To the loop's next wake, if there is one. Returns whether there was.
  bool wake();

  // -- Crashes. `outlive`: workers keep what they hold and join the new engine with it.
  void crash(bool outlive = false);
  void crash_at(std::uint64_t boundary, bool outlive);
  std::uint64_t boundaries() const { return boundaries_; }
  std::uint64_t crashes() const { return crashes_; }

  // -- What the store has.
  std::unique_ptr<core::Run> stored(RunId run);
  core::RunState state(RunId run);
  core::TaskState task(RunId run, std::string_view path);
  Json output(RunId run, std::string_view path);
  std::vector<core::Event> events(RunId run);  // all of them
  // Breaches of the invariants, found without the engine's help; empty where all hold.
  std::vector<std::string> audit();

  Loop& loop() { return *loop_; }
  FaultyStore& store() { return *faulty_; }
  store::Store& plain_store() { return *store_; }
  Engine::Statistics statistics() { return loop_->statistics(); }
  bool flying() const { return flight_ != nullptr; }

  ManualClock clock;
  Ledger ledger;

 private:
  friend class ScriptedWorker;
  struct Port final : core::WorkerPort {
    explicit Port(Bed& b) : bed(b) {}
    WorkerId join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                  std::vector<core::Fence> held) override;
    void offer(WorkerId worker, std::uint32_t slots) override;
    void report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) override;
    void log(WorkerId worker, core::LogBatch lines) override;
    void leave(WorkerId worker) override;
    Bed& bed;
  };
  void start();
  bool boundary();
  std::shared_ptr<const core::Plan> stored_plan(WorkflowId id);

  BedOptions options_;
  std::unique_ptr<TempDir> directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<FaultyStore> faulty_;
  std::unique_ptr<Loop> loop_;
  std::vector<Request> inbox_;
  std::unique_ptr<Flight> flight_;
  std::optional<Status> outcome_;
  std::vector<std::unique_ptr<ScriptedWorker>> workers_;
  std::map<WorkflowId, std::shared_ptr<const core::Plan>> plans_;
  std::uint32_t next_worker_ = 1;
  std::uint64_t boundaries_ = 0, crash_at_ = 0, crashes_ = 0;
  bool outlive_ = false;
  Port port_{*this};
};

}  // namespace pawl::engine
