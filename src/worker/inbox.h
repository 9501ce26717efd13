#pragma once
// Inbox: what other threads want of the worker's loop, in order. It is the WorkerLink that the
// engine holds, and may outlive the worker: then it swallows what comes. One lock a batch, and a
// wake-up only where the loop sleeps.

#include <functional>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "core/worker_port.h"

namespace pawl::worker {

struct CancelAttempt {
  core::Fence fence;
};
struct RefuseAttempt {
  core::Fence fence;
};
struct RecordAttempts {
  std::vector<core::Fence> fences;
};
// What a pool thread saw: progress, or the end. Lines come before the report.
struct PoolNews {
  core::Fence fence;
  core::Report report;
  std::vector<core::LogLine> lines;
  bool final = false;
};
struct DrainWorker {
  Duration grace{0};
};
struct StopWorker {};

using Command = std::variant<std::vector<core::Assignment>, CancelAttempt, RefuseAttempt,
                             RecordAttempts, PoolNews, DrainWorker, StopWorker>;

class Inbox : public core::WorkerLink {
 public:
  // `wake` is called without the lock's protection of the loop's own state: it writes an eventfd.
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void assign(std::vector<core::Assignment> batch) override { put(std::move(batch)); }
  void cancel(const core::Fence& fence) override { put(CancelAttempt{fence}); }
  void refused(const core::Fence& fence) override { put(RefuseAttempt{fence}); }
  void recorded(std::vector<core::Fence> fences) override {
    put(RecordAttempts{std::move(fences)});
  }

  template <typename T>
  void put(T&& command) {
    std::lock_guard lock(mutex_);
    if (!wake_) return;
    commands_.emplace_back(std::forward<T>(command));
    if (!std::exchange(asleep_, false)) return;
    wake_();
  }

  // Swaps what is there into `into`, which is empty.
  void take(std::vector<Command>& into) {
    std::lock_guard lock(mutex_);
    asleep_ = false;
    into.swap(commands_);
  }
  // Returns false where something came in: then the loop must not sleep.
  bool may_sleep() {
    std::lock_guard lock(mutex_);
    asleep_ = commands_.empty();
    return asleep_;
  }
  // The worker is gone.
  void close() {
    std::lock_guard lock(mutex_);
    wake_ = nullptr;
    commands_.clear();
  }

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<Command> commands_;
  bool asleep_ = false;
};

}  // namespace pawl::worker
