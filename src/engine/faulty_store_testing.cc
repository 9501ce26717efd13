#include "engine/faulty_store_testing.h"

namespace pawl::engine {

void FaultyStore::fail_commit(std::uint64_t n, Errc code, When when, std::uint64_t times) {
  std::lock_guard lock(mutex_);
  fail_from_ = commits_ + n;
  fail_to_ = fail_from_ + times;
  code_ = code;
  when_ = when;
}

void FaultyStore::fail_read(std::uint64_t n, std::uint64_t times) {
  std::lock_guard lock(mutex_);
  read_from_ = reads_ + n;
  read_to_ = read_from_ + times;
}

void FaultyStore::heal() {
  std::lock_guard lock(mutex_);
  fail_from_ = fail_to_ = read_from_ = read_to_ = 0;
}

void FaultyStore::hold() {
  std::lock_guard lock(mutex_);
  hold_ = true;
}

void FaultyStore::wait_held() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return held_; });
}

void FaultyStore::release() {
  std::lock_guard lock(mutex_);
  hold_ = false;
  changed_.notify_all();
}

std::uint64_t FaultyStore::commits() const {
  std::lock_guard lock(mutex_);
  return commits_;
}
std::uint64_t FaultyStore::reads() const {
  std::lock_guard lock(mutex_);
  return reads_;
}
std::uint64_t FaultyStore::faults() const {
  std::lock_guard lock(mutex_);
  return faults_;
}

Status FaultyStore::commit(const store::Batch& batch) {
  bool fails;
  Errc code;
  When when;
  {
    std::unique_lock lock(mutex_);
    ++commits_;
    if (hold_) {
      held_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !hold_; });
      held_ = false;
    }
    fails = commits_ >= fail_from_ && commits_ < fail_to_;
    code = code_;
    when = when_;
    faults_ += fails;
  }
  if (look_) look_(batch);
  if (fails && when == When::before) return {code, "a test made this commit fail"};
  TRY(inner_.commit(batch));
  if (fails) return {code, "a test made this commit fail after it was done"};
  return {};
}

Status FaultyStore::read_fault() {
  std::lock_guard lock(mutex_);
  ++reads_;
  if (reads_ < read_from_ || reads_ >= read_to_) return {};
  ++faults_;
  return {Errc::unavailable, "a test made this read fail"};
}

Result<std::optional<store::RunImage>> FaultyStore::load_run(RunId run) {
  TRY(read_fault());
  return inner_.load_run(run);
}
Result<std::vector<store::RunImage>> FaultyStore::scan_open(RunId after, std::uint32_t limit,
                                                            bool constrained_only) {
  TRY(read_fault());
  return inner_.scan_open(after, limit, constrained_only);
}
Result<std::optional<store::RunRow>> FaultyStore::find_run(RunId run) {
  TRY(read_fault());
  return inner_.find_run(run);
}
Result<std::vector<store::RunRow>> FaultyStore::list_runs(const store::RunFilter& filter) {
  TRY(read_fault());
  return inner_.list_runs(filter);
}
Result<RunId> FaultyStore::last_run_id() {
  TRY(read_fault());
  return inner_.last_run_id();
}
Result<std::vector<store::EventChunk>> FaultyStore::read_events(RunId run, std::uint64_t after) {
  TRY(read_fault());
  return inner_.read_events(run, after);
}
Result<std::optional<std::string>> FaultyStore::read_payload(RunId run, const std::string& hash) {
  TRY(read_fault());
  return inner_.read_payload(run, hash);
}
Result<std::vector<store::LogChunk>> FaultyStore::read_logs(const store::LogQuery& query) {
  TRY(read_fault());
  return inner_.read_logs(query);
}
Result<std::optional<store::WorkflowRow>> FaultyStore::load_workflow(WorkflowId id) {
  TRY(read_fault());
  return inner_.load_workflow(id);
}
Result<std::optional<store::WorkflowRow>> FaultyStore::find_workflow(const std::string& name,
                                                                     std::int32_t version) {
  TRY(read_fault());
  return inner_.find_workflow(name, version);
}
Result<std::vector<store::WorkflowRow>> FaultyStore::list_workflows() {
  TRY(read_fault());
  return inner_.list_workflows();
}
Result<WorkflowId> FaultyStore::last_workflow_id() {
  TRY(read_fault());
  return inner_.last_workflow_id();
}
Result<std::optional<store::IdempotencyKey>> FaultyStore::find_key(const std::string& key) {
  TRY(read_fault());
  return inner_.find_key(key);
}
Result<std::optional<std::string>> FaultyStore::meta(const std::string& name) {
  TRY(read_fault());
  return inner_.meta(name);
}
Result<std::uint32_t> FaultyStore::purge(Time now, const store::Retention& retention) {
  TRY(read_fault());
  return inner_.purge(now, retention);
}

}  // namespace pawl::engine
