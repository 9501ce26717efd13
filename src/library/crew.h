#pragma once
// Crew: the threads that carry out handlers, as a worker of the engine.
//
//   engine --assign--> queue --> thread: handler --> done --report, batched--> engine
//                                  ^ stop
//   keeper: timeouts, heartbeats, handlers that do not return, reports that wait
//
// One lock per attempt: a thread that has finished one puts its report down and takes the next
// under it. Reports go out when nothing is left to take, when many have gathered, or within a
// millisecond. The quicker handlers are, the more attempts the crew asks for ahead (Link::wanted).
//
// Each workflow version is a queue of its own, joined as a worker of its own (Link), so that what
// nobody has a handler for stays queued. A thread whose handler does not stop when told to is given
// up: its attempt ends without it, another thread takes its place, and what it still says is
// dropped. It keeps the crew's memory alive; that is all that is lost.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "core/worker_port.h"
#include "library/definition.h"
#include "library/inside.h"

namespace pawl::v1 {

// Handlers by name: of steps, or of actions.
struct HandlerSet {
  bool in_code = false;  // steps of a definition in code; else actions that files name
  std::string words;     // 'workflow "w" version 2', for messages
  std::unordered_map<std::string, Handler> handlers;
  std::unordered_map<std::string, Lists> lists;  // of steps that are handed such
};

struct StepAccess;

class Crew : public std::enable_shared_from_this<Crew> {
 public:
  struct Options {
    unsigned threads = 2;
    Duration patience = std::chrono::seconds(2);
    std::shared_ptr<const Clock> clock;
    bool simulated = false;  // the clock moves only when poke() is called
    std::uint64_t generation = 0;
    // Returns when what was told of a run before is on disk.
    std::function<Status(RunId)> settled;
  };

  // `port` outlives every call until halt() or leave() has returned.
  static std::shared_ptr<Crew> start(core::WorkerPort& port, Options options);

  // Offers to carry out what stands in this queue; the set of handlers may be replaced later.
  void serve(const std::string& queue, std::shared_ptr<const HandlerSet> handlers);
  // Asks handlers to stop, waits for them, gives back what they do not end, leaves. Blocks.
  void leave();
  // Ends at once, without a word to the engine, as a crash would.
  void halt();

  // Whether nothing can happen without time passing: no handler computes, none is due.
  bool quiet();
  // When a wait, a timeout or a heartbeat is due; Mono::max() where none is.
  Mono next_due();
  // The simulated clock was moved.
  void poke();
  // Threads whose handlers never returned.
  unsigned lost_threads();
  // Whether this thread is in one of this crew's handlers.
  bool inside() const;

 private:
  friend class v1::Step;
  friend struct v1::Step::Impl;
  class Link;
  struct Job {
    core::Assignment assignment;
    std::shared_ptr<Link> link;
    std::shared_ptr<const HandlerSet> set;
    const Handler* handler = nullptr;
  };
  // A thread's own place: what it works on, and what it should hear.
  struct Slot {
    std::thread thread;
    // Guarded by mutex_.
    bool busy = false;
    bool given_up = false;  // the thread is nobody's any more
    core::Fence fence;
    std::shared_ptr<Link> link;
    std::atomic<Stop> stop{Stop::none};  // written under it
    Mono stopped_at{}, deadline = Mono::max(), last_sign{}, wait_until = Mono::max();
    bool waiting = false;
    Duration heartbeat{0}, timeout_of{0};
    std::string timeout_words;
    std::uint64_t lines = 0;
    std::condition_variable changed;
  };
  using Lock = std::unique_lock<std::mutex>;
  static constexpr Duration kReportHold = std::chrono::milliseconds(1);  // the longest one waits

  Crew(core::WorkerPort& port, Options options) : port_(&port), options_(options) {}
  void add_thread(Lock&);
  void work(const std::shared_ptr<Slot>& slot);
  void begin(Slot& slot, const Job& job, Mono now);
  void end(Slot& slot, core::Report report, Mono began, Mono now);
  core::Report carry_out(Slot& slot, Job& job);
  core::Report report_of(Slot& slot, const Job& job, const Result<Value>& outcome, Stop stop);
  void put(const std::shared_ptr<Link>& link, core::Report report);
  void flush(Lock& lock);
  void keep();
  void look_after(Lock& lock, const std::shared_ptr<Slot>& slot, Mono at);
  void give_up(Lock& lock, const std::shared_ptr<Slot>& slot);
  void ask_to_stop(Slot& slot, Stop why, Mono now);
  void wake_keeper_by(Mono due);
  void take(const std::shared_ptr<Link>& link, std::vector<core::Assignment> batch);
  void cancel(const core::Fence& fence);
  std::uint32_t wanted() const;
  Mono now() const { return options_.clock->mono(); }

  core::WorkerPort* port_;  // null once it must not be called
  const Options options_;
  std::mutex mutex_;
  std::condition_variable work_, keeper_wake_, idle_;
  std::deque<Job> queue_;
  std::vector<std::shared_ptr<Slot>> slots_;
  std::vector<std::shared_ptr<Link>> links_;
  std::vector<std::shared_ptr<Link>> done_links_;  // that have reports to send
  std::size_t done_ = 0;                           // so many in all
  Mono oldest_done_{};
  std::thread keeper_;
  Mono keeper_due_ = Mono::max();
  bool closing_ = false, halted_ = false, keeper_stop_ = false;
  unsigned lost_ = 0, sleeping_ = 0, sending_ = 0;
  double mean_us_ = 20'000;  // of a handler, moving
};

// What a Step is made of.
struct Step::Impl {
  Crew& crew;
  Crew::Slot& slot;
  const Crew::Job& job;
  const core::Assignment& assignment() const { return job.assignment; }
  // Sends a report of something that is not the end; false where the attempt was given up.
  bool tell(core::Report report);
};

struct StepAccess {
  static Step make(Step::Impl* impl) { return Step(impl); }
};

}  // namespace pawl::v1
