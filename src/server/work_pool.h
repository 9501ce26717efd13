#pragma once
// WorkPool: a few threads and a bounded queue, for handlers that wait for the disk. Where the queue
// is full the caller is told at once: a server that takes more than it can do answers nobody.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pawl::server {

class WorkPool {
 public:
  WorkPool(unsigned threads, std::size_t queue);
  // Finishes what runs; what is queued is dropped.
  ~WorkPool();
  // False: the queue is full. Thread-safe.
  bool post(std::function<void()> job);
  // Both: how busy it is now.
  std::size_t queued() const;
  std::size_t running() const;

 private:
  void run();
  mutable std::mutex mutex_;  // guards all below it, but the threads
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::size_t most_, running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pawl::server
