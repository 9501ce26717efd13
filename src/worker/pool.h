#pragma once
// A few threads for functions that block (http, an app's own). Grows to its size as work comes;
// idle threads stay. PoolAction makes a PoolFunction look like any other Action.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actions/action.h"
#include "worker/inbox.h"

namespace pawl::worker {

class Pool {
 public:
  explicit Pool(unsigned threads) : most_(threads) {}
  ~Pool();  // waits for what runs; what has not begun is dropped
  void run(std::function<void()> work);

 private:
  void work();
  const unsigned most_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

// `control` lives on in the thread that runs; news come back through the inbox.
class PoolAction : public actions::Action {
 public:
  PoolAction(actions::Sink& sink, const actions::PoolFunction& function, Pool& pool,
             std::shared_ptr<Inbox> inbox, const Clock& clock);
  ~PoolAction() override;
  // REQUIRES: the assignment outlives the action.
  void start(const core::Assignment& assignment) override;
  void stop(actions::StopReason reason) override;
  void receive(PoolNews news);  // on the loop thread

 private:
  class Talk;
  actions::Sink& sink_;
  const actions::PoolFunction& function_;
  Pool& pool_;
  std::shared_ptr<Inbox> inbox_;
  const Clock& clock_;
  std::shared_ptr<Talk> talk_;
};

}  // namespace pawl::worker
