#include "server/work_pool.h"

#include <pthread.h>

#include <algorithm>

namespace pawl::server {

WorkPool::WorkPool(unsigned threads, std::size_t queue) : most_(queue) {
  for (unsigned i = 0; i < std::max(1u, threads); ++i)
    threads_.emplace_back([this] { run(); });
}

WorkPool::~WorkPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

bool WorkPool::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (jobs_.size() >= most_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

std::size_t WorkPool::queued() const {
  std::lock_guard lock(mutex_);
  return jobs_.size();
}

std::size_t WorkPool::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

void WorkPool::run() {
  ::pthread_setname_np(::pthread_self(), "pawl-http-pool");
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes before it counts as done
    lock.lock();
    --running_;
  }
}

}  // namespace pawl::server
