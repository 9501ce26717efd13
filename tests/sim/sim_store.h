#pragma once
// SimStore: a node's disk. A store in memory that one engine at a time may open, whose reads may
// fail for a while. Commits go past the engine's own thread: the node applies them at the moment it
// chooses (node.cc), so that a crash can fall before and after.

#include <memory>

#include "store/sqlite/sqlite_store.h"
#include "store/store.h"
#include "tests/sim/stage.h"

namespace pawl::sim {

class SimStore final : public store::Store {
 public:
  SimStore(Stage& stage, std::uint32_t node)
      : stage_(stage),
        random_(Random::stream(stage.scenario.seed * 31 + node, "disk")),
        inner_(store::open_memory()) {}

  // As the lock of a data directory. Error: in_use.
  Status open(std::uint32_t life);
  void close() { owner_ = 0; }
  void fail_reads(Duration how_long, double share) {
    reads_fail_until_ = stage_.now() + how_long;
    share_ = share;
  }
  void fill(Duration how_long) { full_until_ = stage_.now() + how_long; }
  bool full() const { return stage_.now() < full_until_; }
  void heal() { reads_fail_until_ = full_until_ = Duration{0}; }
  store::Store& plain() { return *inner_; }

  // What the loop reads. It never commits by itself.
  Status commit(const store::Batch& batch) override;
  Result<std::optional<store::RunImage>> load_run(RunId run) override {
    TRY(read());
    return inner_->load_run(run);
  }
  Result<std::vector<store::RunImage>> scan_open(RunId after, std::uint32_t limit,
                                                 bool constrained_only) override {
    TRY(read());
    return inner_->scan_open(after, limit, constrained_only);
  }
  Result<std::optional<store::RunRow>> find_run(RunId run) override {
    TRY(read());
    return inner_->find_run(run);
  }
  Result<std::vector<store::RunRow>> list_runs(const store::RunFilter& filter) override {
    TRY(read());
    return inner_->list_runs(filter);
  }
  Result<RunId> last_run_id() override {
    TRY(read());
    return inner_->last_run_id();
  }
  Result<std::vector<store::EventChunk>> read_events(RunId run, std::uint64_t after) override {
    TRY(read());
    return inner_->read_events(run, after);
  }
  Result<std::optional<std::string>> read_payload(RunId run, const std::string& hash) override {
    TRY(read());
    return inner_->read_payload(run, hash);
  }
  Result<std::vector<store::LogChunk>> read_logs(const store::LogQuery& query) override {
    TRY(read());
    return inner_->read_logs(query);
  }
  Result<std::optional<store::WorkflowRow>> load_workflow(WorkflowId id) override {
    TRY(read());
    return inner_->load_workflow(id);
  }
  Result<std::optional<store::WorkflowRow>> find_workflow(const std::string& name,
                                                          std::int32_t version) override {
    TRY(read());
    return inner_->find_workflow(name, version);
  }
  Result<std::vector<store::WorkflowRow>> list_workflows() override {
    TRY(read());
    return inner_->list_workflows();
  }
  Result<WorkflowId> last_workflow_id() override {
    TRY(read());
    return inner_->last_workflow_id();
  }
  Result<std::optional<store::IdempotencyKey>> find_key(const std::string& key) override {
    TRY(read());
    return inner_->find_key(key);
  }
  Result<std::optional<std::string>> meta(const std::string& name) override {
    TRY(read());
    return inner_->meta(name);
  }
  Result<std::uint32_t> purge(Time now, const store::Retention& retention) override {
    return inner_->purge(now, retention);
  }
  Status idle() override { return inner_->idle(); }
  Result<store::StoreInfo> info() override { return inner_->info(); }
  Result<std::vector<std::string>> check() override { return inner_->check(); }

 private:
  Status read();

  Stage& stage_;
  Random random_;
  std::unique_ptr<store::Store> inner_;
  std::uint32_t owner_ = 0;  // the life that has it open
  Duration reads_fail_until_{0}, full_until_{0};
  double share_ = 1;
};

}  // namespace pawl::sim
