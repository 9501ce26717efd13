#pragma once
// FaultyStore: a store that fails when a test says so, around one that works. A commit can fail
// before it was done, or after (the caller sees an error and the rows are there: outcome unknown),
// can be held back until it is let go, and every read can fail for a while. Counts what it is
// asked. Thread-safe.

#include <condition_variable>
#include <functional>
#include <mutex>

#include "store/store.h"

namespace pawl::engine {

class FaultyStore : public store::Store {
 public:
  explicit FaultyStore(store::Store& inner) : inner_(inner) {}

  enum class When { before, after };
  // The n-th commit from now (1: the next) fails, and `times` - 1 after it.
  void fail_commit(std::uint64_t n, Errc code, When when = When::before, std::uint64_t times = 1);
  // The n-th read from now fails as unavailable, and `times` - 1 after it.
  void fail_read(std::uint64_t n, std::uint64_t times = 1);
  void heal();
  // Commits wait from now on; wait_held() returns when one does.
  void hold();
  void wait_held();
  void release();
  // Called with each batch that is about to be written.
  void on_commit(std::function<void(const store::Batch&)> look) { look_ = std::move(look); }

  std::uint64_t commits() const;  // asked for, also those that failed
  std::uint64_t reads() const;
  std::uint64_t faults() const;  // injected

  Status commit(const store::Batch& batch) override;
  Result<std::optional<store::RunImage>> load_run(RunId run) override;
  Result<std::vector<store::RunImage>> scan_open(RunId after, std::uint32_t limit,
                                                 bool constrained_only) override;
  Result<std::optional<store::RunRow>> find_run(RunId run) override;
  Result<std::vector<store::RunRow>> list_runs(const store::RunFilter& filter) override;
  Result<RunId> last_run_id() override;
  Result<std::vector<store::EventChunk>> read_events(RunId run, std::uint64_t after) override;
  Result<std::optional<std::string>> read_payload(RunId run, const std::string& hash) override;
  Result<std::vector<store::LogChunk>> read_logs(const store::LogQuery& query) override;
  Result<std::optional<store::WorkflowRow>> load_workflow(WorkflowId id) override;
  Result<std::optional<store::WorkflowRow>> find_workflow(const std::string& name,
                                                          std::int32_t version) override;
  Result<std::vector<store::WorkflowRow>> list_workflows() override;
  Result<WorkflowId> last_workflow_id() override;
  Result<std::optional<store::IdempotencyKey>> find_key(const std::string& key) override;
  Result<std::optional<std::string>> meta(const std::string& name) override;
  Result<std::uint32_t> purge(Time now, const store::Retention& retention) override;
  Status idle() override { return inner_.idle(); }
  Result<store::StoreInfo> info() override { return inner_.info(); }
  Result<std::vector<std::string>> check() override { return inner_.check(); }

 private:
  Status read_fault();

  store::Store& inner_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t commits_ = 0, reads_ = 0, faults_ = 0;
  std::uint64_t fail_from_ = 0, fail_to_ = 0;  // commit numbers [from, to)
  Errc code_ = Errc::unavailable;
  When when_ = When::before;
  std::uint64_t read_from_ = 0, read_to_ = 0;
  bool hold_ = false, held_ = false;
  std::function<void(const store::Batch&)> look_;
};

}  // namespace pawl::engine
