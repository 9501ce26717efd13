#pragma once
// The embedded store put together: who may write (lock file), the writing connection and its parts,
// readers, logs, and what is done when the disk is full or lies.
//
// A commit is one transaction; before its end the log lines are made durable in their own file. A
// full disk costs the batch, not the store: a reserve file is given up so that the next small
// commits (pause, cancel) fit. A failed fsync ends the store: what the disk holds is unknown and a
// second fsync may lie, so everything is refused until Pawl is started again and recovers from what
// is really there.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/sqlite/connection.h"
#include "store/sqlite/lock_file.h"
#include "store/sqlite/log_store.h"
#include "store/sqlite/purge.h"
#include "store/sqlite/run_writer.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store.h"

namespace pawl::store::sqlite {

class SqliteStore : public Store {
 public:
  explicit SqliteStore(const SqliteOptions& options);
  ~SqliteStore() override;
  Status open();

  Status commit(const Batch& batch) override;
  Result<std::optional<RunImage>> load_run(RunId run) override;
  Result<std::vector<RunImage>> scan_open(RunId after, std::uint32_t limit,
                                          bool constrained_only) override;
  Result<std::optional<RunRow>> find_run(RunId run) override;
  Result<std::vector<RunRow>> list_runs(const RunFilter& filter) override;
  Result<RunId> last_run_id() override;
  Result<std::vector<EventChunk>> read_events(RunId run, std::uint64_t after_seq) override;
  Result<std::optional<std::string>> read_payload(RunId run, const std::string& hash) override;
  Result<std::vector<LogChunk>> read_logs(const LogQuery& query) override;
  Result<std::optional<WorkflowRow>> load_workflow(WorkflowId id) override;
  Result<std::optional<WorkflowRow>> find_workflow(const std::string& name,
                                                   std::int32_t version) override;
  Result<std::vector<WorkflowRow>> list_workflows() override;
  Result<WorkflowId> last_workflow_id() override;
  Result<std::optional<IdempotencyKey>> find_key(const std::string& key) override;
  Result<std::optional<std::string>> meta(const std::string& name) override;
  Result<std::uint32_t> purge(Time now, const Retention& retention) override;
  Status idle() override;
  Result<StoreInfo> info() override;
  Result<std::vector<std::string>> check() override;

 private:
  // The parts that exist while this process owns the directory.
  struct Writer {
    explicit Writer(std::unique_ptr<Db> connection)
        : db(std::move(connection)), checkpointer(*db), runs(*db), purge(*db) {}
    std::unique_ptr<Db> db;
    Checkpointer checkpointer;
    RunWriter runs;
    Purge purge;
  };

  bool on_real_files() const { return options_.vfs == nullptr; }
  Status open_writing();
  Status create_file();
  Status refused() const;  // after a failed fsync, and for writes of a read-only store
  Status writable() const;
  Status write(const Batch& batch);
  Status write_lost(const std::vector<LogChunk>& chunks);
  // After an error of the writing connection: rolls back, and draws the consequences.
  Error failed(Error error);
  void fill_reserve();
  Status add_lost_lines(const LogQuery& query, std::vector<LogChunk>& chunks);

  template <typename F>
  auto read(F f) -> decltype(f(std::declval<Db&>())) {
    TRY(refused());
    return read_on(readers_, std::move(f));
  }

  const SqliteOptions options_;
  const FileOptions main_;
  LockFile lock_;
  Readers readers_;
  LogStore logs_;
  std::mutex writing_;  // commit, purge and idle, one at a time
  std::unique_ptr<Writer> writer_;
  std::atomic<bool> fsync_failed_{false};
  bool reserve_missing_ = true;
};

}  // namespace pawl::store::sqlite
