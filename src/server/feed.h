#pragma once
// Feed: one run as it happens, for whoever follows it: a snapshot first, then everything after it.
//
// The same items come from the engine in this process (EngineFeed) and over the control socket from
// the one that owns the directory, so a view is written once. Events carry the path of their task
// and, of a gate, its question. State changes are never lost: a reader too slow for the queue is
// given a new snapshot instead. Progress is merged to the latest a task; of log lines the newest
// are kept.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fs.h"
#include "core/event.h"
#include "core/worker_port.h"
#include "engine/engine.h"

namespace pawl::server {

// A task that people look at: it runs, waits for something outside, or failed.
struct LiveTask {
  TaskId task = kNoTask;
  std::string path;
  core::TaskState state = core::TaskState::pending;
  core::Reason reason = core::Reason::none;
  Attempt attempt = 0;
  std::uint32_t max_attempts = 1;
  Time started = kNoTime, finished = kNoTime;
  Time wake = kNever;  // of a retry, a sleep, a gate's timeout
  RunId child;         // of a `workflow` task
  std::string error;
  std::string question, preview;  // of a gate
  bool has_progress = false;
  core::Progress progress;
  std::vector<std::pair<std::string, double>> metrics;
};

struct Snapshot {
  RunId run, source;
  std::string workflow, name;
  std::int32_t version = 0;
  core::RunState state = core::RunState::pending;
  core::Verdict verdict = core::Verdict::none;
  Time created = kNoTime, started = kNoTime, finished = kNoTime;
  std::string pause_reason, error;
  std::uint64_t next_seq = 1;  // events before this one are in the snapshot
  std::string states;          // a letter a task; see letter_of()
  std::vector<LiveTask> tasks;
};

// 'a' + state; a capital for what only holds other tasks (groups, fan-outs), '-' for rows of a
// fan-out that was expanded anew.
char letter_of(core::TaskState state, bool holds_others);
Snapshot take_snapshot(const core::Run& run);
LiveTask live_task(const core::Run& run, TaskId task);

enum class FeedKind : std::uint8_t { snapshot, grown, event, log, progress, closed };

struct FeedItem {
  FeedKind kind = FeedKind::event;
  std::shared_ptr<const Snapshot> snapshot;
  std::string states;  // grown: letters of the tasks added at the end
  core::Event event;
  std::string path;                      // event, log, progress: of the task
  std::shared_ptr<const LiveTask> live;  // event: the task now, where people would look at it
  core::LogBatch log;
  TaskId task = kNoTask;  // log, progress
  core::Progress progress;
};
Json item_to_json(const FeedItem& item);
Result<FeedItem> item_from_json(const Json& json);

class Feed {
 public:
  virtual ~Feed() = default;
  virtual int fd() const = 0;                // readable when take() has something
  virtual std::vector<FeedItem> take() = 0;  // without waiting
};

// REQUIRES: the engine outlives the feed. Not for the engine's own thread.
class EngineFeed final : public Feed {
 public:
  static Result<std::unique_ptr<EngineFeed>> open(engine::Engine& engine, RunId run, bool logs);
  ~EngineFeed() override;
  int fd() const override;
  std::vector<FeedItem> take() override;

 private:
  class Queue;
  EngineFeed(engine::Engine& engine, RunId run) : engine_(engine), run_(run) {}
  Status snapshot();
  void enrich(std::vector<FeedItem>& items);
  void release_logs(std::vector<FeedItem>& items, TaskId task);
  void add_events(std::vector<FeedItem>& items, std::vector<core::Event>& events);

  engine::Engine& engine_;
  RunId run_;
  std::shared_ptr<Queue> queue_;
  std::uint64_t subscription_ = 0;
  std::shared_ptr<const Snapshot> pending_;  // to be handed out first
  std::uint64_t next_seq_ = 1;
  std::uint32_t known_ = 0;  // tasks the reader knows of
  std::unordered_map<TaskId, std::string> paths_;
  // Lines may be here before the commit that says their attempt runs; they are told after it.
  std::unordered_map<TaskId, Attempt> attempts_;
  std::unordered_map<TaskId, std::vector<core::LogBatch>> held_logs_;
};

}  // namespace pawl::server
