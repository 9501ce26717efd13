#pragma once
// GatewayBell: sessions whose waiting claims can be answered, for the gateway's thread. The engine
// rings it from its own thread, and must not write a worker's answer itself: that is a few
// microseconds for each assignment, which would be taken from everybody else.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace pawl::server {

class WorkerSession;

class GatewayBell {
 public:
  void ring(std::shared_ptr<WorkerSession> session) {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      rung_.push_back(std::move(session));
    }
    heard_.notify_one();
  }
  // Blocks until it rings, the time is up, or it is stopped: then false.
  template <typename Time>
  bool wait(Time longest) {
    std::unique_lock lock(mutex_);
    heard_.wait_for(lock, longest, [&] { return stopped_ || !rung_.empty(); });
    return !stopped_;
  }
  std::vector<std::shared_ptr<WorkerSession>> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(rung_, {});
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      rung_.clear();
    }
    heard_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  std::vector<std::shared_ptr<WorkerSession>> rung_;
  bool stopped_ = false;
};

}  // namespace pawl::server
