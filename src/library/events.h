#pragma once
// Events for callers: what the engine tells after a commit, put into words, on a thread of its own.
//
// The engine's thread only queues; names of tasks are looked up here, since that asks the engine.
// The same thread answers whoever waits for the end of a run by a future. A queue that grows beyond
// kMost drops the live part (progress, log lines), never states.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "library/inside.h"

namespace pawl::v1 {

class Events : public std::enable_shared_from_this<Events> {
 public:
  using Callback = std::function<void(const Event&)>;
  using Ended = std::function<void(pawl::RunId)>;

  explicit Events(engine::Engine& engine) : engine_(&engine) {}
  ~Events();

  // One listener; a run of 0 means all. Returns its number.
  std::uint64_t listen(pawl::RunId run, Callback callback);
  void stop_listening(std::uint64_t number);
  // Calls once the run has ended, on the events' thread; `run` may have ended before.
  void when_ended(pawl::RunId run, Ended ended);
  // Ends the thread; nobody is called any more. The engine still runs.
  void close();
  bool inside() const;

 private:
  struct Item {
    std::uint64_t listener = 0;
    pawl::RunId run;
    TaskId task = kNoTask;
    Event event;
    bool live = false;  // may be dropped
    bool end = false;   // of the run, for waiters
  };
  class Ear;
  struct Listener {
    std::uint64_t number = 0, engine_number = 0;
    pawl::RunId run;
    Callback callback;
    std::shared_ptr<Ear> ear;
  };
  void add(Item item);
  void start();
  void deliver();
  void tell(const Item& item);
  std::string path(pawl::RunId run, TaskId task);

  engine::Engine* engine_;
  std::mutex mutex_;
  std::condition_variable more_, calm_;
  std::deque<Item> queue_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unordered_map<pawl::RunId, std::vector<Ended>> waiters_;
  std::uint64_t next_ = 1, calling_ = 0, ends_listener_ = 0;
  bool closed_ = false;
  std::thread thread_;
  // Of the events' thread: names of the run it told of last.
  pawl::RunId named_;
  std::vector<std::string> names_;
};

}  // namespace pawl::v1
