#pragma once
// RecordingPort: an engine's side of the worker interface for tests. It keeps what a Worker sends,
// hands out assignments within the credit it was offered, and lets a test wait for a condition. It
// checks the contract as it goes: log lines without a gap, nothing after a final report.
//
// A test binary that uses Worker has a main() like worker/main_test.cc: the spawner is this binary.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/worker_port.h"
#include "worker/worker.h"

namespace pawl::worker {

// What became of one attempt.
struct Seen {
  std::vector<core::Report> reports;  // without the final one
  core::Report last;                  // the final one
  bool ended = false;
  std::vector<core::LogLine> log;
  std::string text(core::Stream stream) const;  // its lines, each with '\n'
};

class RecordingPort : public core::WorkerPort {
 public:
  bool keep_logs = true;  // else only counted
  bool give_receipts = true;

  WorkerId join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                std::vector<core::Fence> held) override;
  void offer(WorkerId worker, std::uint32_t slots) override;
  void report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) override;
  void log(WorkerId worker, core::LogBatch lines) override;
  void leave(WorkerId worker) override;

  void submit(core::Assignment assignment);
  void submit(std::vector<core::Assignment> batch);
  void cancel(const core::Fence& fence);
  void refuse(const core::Fence& fence);
  // Waits until the predicate holds, looked at after every call; fails the test after a minute.
  void wait(const std::function<bool()>& predicate);
  const Seen& wait_for_end(const core::Fence& fence);
  // ... until its log holds this text in a line.
  void wait_for_line(const core::Fence& fence, std::string_view text);
  // REQUIRES (each): nothing runs, or it is called in wait()'s predicate.
  Seen& seen(const core::Fence& fence) { return seen_[key(fence)]; }
  std::size_t ended() const { return ended_; }
  std::vector<core::Fence> held;
  std::uint64_t log_lines = 0, log_bytes = 0;
  bool left = false;
  std::int64_t credit = 0;

 private:
  using Key = std::pair<std::int64_t, std::pair<std::uint32_t, std::uint32_t>>;
  static Key key(const core::Fence& f) { return {f.run.value, {f.task, f.attempt}}; }
  void push();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<core::WorkerLink> link_;
  std::map<Key, Seen> seen_;
  std::map<Key, std::uint64_t> next_line_;
  std::deque<core::Assignment> queue_;
  std::size_t ended_ = 0;
};

// A directory that goes with the test.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const;

 private:
  std::string path_;
};

core::Fence fence_of(std::int64_t run, TaskId task = 0, Attempt attempt = 1, Lease lease = 1);
// A shell task of its own definition; `change` may edit that before use.
core::Assignment shell_task(const core::Fence& fence, std::string run,
                            const std::function<void(core::TaskDef&)>& change = {});
core::Assignment task_with(const core::Fence& fence, std::string action, Json with = {},
                           const std::function<void(core::TaskDef&)>& change = {});

// The number that a text holds, 0 where it holds none.
long number(std::string_view text);
// The process is there and no zombie.
bool alive(long pid);
// Waits until it is not.
bool gone(long pid);
// Waits until the file is there and holds a whole first line; returns it.
std::string wait_for_file(const std::string& path);
// Pids of the spawner of a data directory, from /proc.
std::vector<long> spawners_of(const std::string& data_dir);

}  // namespace pawl::worker
