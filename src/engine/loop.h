#pragma once
// Loop: the engine without threads. decide() takes requests and due timers and changes runs in memory;
// take_flight() gathers every changed row once into a batch; after its commit settle() does what follows
// in the world. A simulator steps it by hand; engine.cc drives it with two threads.
//
// At most one flight is between take_flight() and settle(). Decisions made meanwhile gather in the next.
// If a commit fails, every run that either flight touched is dropped from memory and read again, callers
// are told, and workers' reports are decided anew once the store has recovered: nothing that was
// acknowledged depended on it.
//
//   loop.cc            requests, the flight, after a decision      loop_dispatch.cc  who gets which task
//   loop_start.cc      reading what was open, reconciliation       loop_cache.cc     runs in and out of memory
//   loop_workers.cc    workers, their reports and logs             loop_settle.cc    after the commit, or its failure

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "engine/holds.h"
#include "engine/ready.h"
#include "engine/request.h"
#include "engine/run_table.h"

namespace pawl::engine {

// A run that is open, or was touched and is not yet settled.
struct Entry {
  std::unique_ptr<core::Run> run;  // null: evicted, the store has it
  Time armed = kNever;             // its entry in the timer heap
  std::uint64_t listed = 0;        // bit i: its lane i stands in the ready index (lanes 0..62)
  std::uint32_t pins = 0;          // flights that hold changes of it
  bool fresh = false;              // not in the store yet
  bool touched = false;            // changed since the last flight
  bool in_lru = false;
  std::uint32_t bytes_kib = 0;     // what it adds to the cache
  // Of a constrained run: its leases per lane, as counted in Resources.
  std::unique_ptr<std::vector<std::uint32_t>> leased;
};

struct Flight {
  store::Batch batch;
  core::Effects effects;
  std::vector<RunId> touched;
  std::vector<std::pair<Done, Result<RunId>>> answers;
  std::vector<std::function<void()>> calls;         // after the commit
  std::vector<std::function<void(const Status&)>> outcomes;
  std::vector<Request> replay;                      // decided again if the commit fails
  std::vector<std::pair<WorkerId, core::Fence>> receipts;
  std::vector<std::pair<RunId, std::vector<core::Event>>> events;
  std::vector<core::LogBatch> logs;
  struct LiveProgress { RunId run; TaskId task; core::Progress progress; };
  std::vector<LiveProgress> progress;
  std::size_t commands = 0;
  std::size_t weight() const { return commands + batch.runs.size() + effects.assignments.size(); }
  bool empty() const {
    return batch.empty() && answers.empty() && calls.empty() && outcomes.empty() &&
           effects.assignments.empty() && effects.cancels.empty() && effects.refused.empty() &&
           events.empty() && progress.empty() && logs.empty() && touched.empty() && receipts.empty();
  }
  // Empties it; the room of its vectors stays.
  void clear();
};

class Loop {
 public:
  Loop(const Options& options, const Clock& clock, std::uint64_t seed);

  // Reads what must be known before the first decision. Error: the store cannot be read.
  Status start();
  // Takes the requests (they are left empty), due timers, and a step of the start-up scan.
  void decide(std::vector<Request>& requests);
  // What must be committed and answered, or null. REQUIRES: no flight is out.
  std::unique_ptr<Flight> take_flight();
  void settle(std::unique_ptr<Flight> flight, const Status& outcome);

  bool scanning() const { return scanning_; }
  // When decide() must be called even without requests; kNever: not by time.
  Time next_wake() const;
  bool stalled() const { return stalled_; }
  std::size_t flight_size() const { return open_->touched.size() + open_->commands; }

  Engine::Statistics statistics() const;
  core::Situation situation(RunId run);
  std::uint64_t subscribe(RunId run, std::shared_ptr<Subscriber> subscriber);
  void unsubscribe(std::uint64_t number);
  void when_ended(RunId run, std::function<void()> call);
  Result<std::shared_ptr<const core::Plan>> plan(WorkflowId id);

 private:
  struct Worker {
    core::WorkerInfo info;
    std::shared_ptr<core::WorkerLink> link;
    std::uint32_t credits = 0;
    std::uint32_t busy = 0;
    bool serves(const std::string& queue) const;
  };

  // loop.cc
  void take(Request& request);
  void take_submit(SubmitRun& s, Done done);
  void take_command(CommandRun& c, Done done);
  void take_recover(RecoverRun& r, Done done);
  void take_register(RegisterWorkflow& r);
  void take_inspect(InspectRun& r, Done done);
  Result<RunId> create(core::Run run);
  Result<RunId> submit_child(const core::Run& parent, const core::Effects::StartChild& child);
  Status admit_or_wait(Entry& entry);
  void answer(Done done, Result<RunId> result);
  void touch(Entry& entry);
  // What every decision on a run is followed by: children, timers, lanes, resources, its end.
  void after(Entry& entry);
  void ended(Entry& entry);
  void drain_followups();
  void gather_events(const core::Run& run, Flight& flight);
  bool reacquire_key(const core::Run& run, Status& refusal);

  // loop_dispatch.cc
  void dispatch();
  void list_lanes(Entry& entry);
  void unlist(Entry& entry, std::uint32_t lane);
  void count_resources(Entry& entry);
  WorkerId pick_worker(const std::string& queue);
  void arm(Entry& entry);
  void expire_due();

  // loop_cache.cc
  Result<Entry*> load(RunId id);
  Entry* find(RunId id);
  Result<std::unique_ptr<core::Run>> read(RunId id);
  void admit_to_cache(Entry& entry);
  void evict();
  void prefetch(const ReadyLane& lane);
  void forget(RunId id);
  Result<Json> payload(RunId run, const std::string& hash);

  // loop_start.cc
  void scan_step();
  Status take_image(const store::RunImage& image);
  void reconcile(Entry& entry);

  // loop_workers.cc
  void take_join(JoinWorker& j);
  void take_reports(TakeReports& r);
  void take_leave(LeaveWorker& l);

  // loop_settle.cc
  void deliver(Flight& flight);
  void fail(Flight& flight, const Status& outcome);
  void drop(RunId id);
  void read_again(RunId id);
  void stall();

  Options options_;
  const Clock& clock_;
  Random random_;
  store::Store& store_;
  core::Context ctx_;
  std::unique_ptr<Flight> open_, spare_;  // spare_: a landed one, kept for its vectors' room
  core::Effects scratch_effects_;

  RunTable<Entry> entries_;
  std::deque<RunId> lru_;
  std::size_t cache_kib_ = 0;
  std::vector<std::pair<Time, RunId>> timers_;  // a heap, earliest first; stale entries are passed over
  ReadyIndex ready_;
  Resources resources_;
  Keys keys_;
  std::unordered_map<WorkflowId, std::shared_ptr<const core::Plan>> plans_;
  std::unordered_map<std::string, Json> payloads_;  // recent large outputs, by hash
  std::size_t payload_bytes_ = 0;
  std::deque<std::function<void()>> followups_;     // decisions that others cause, in the same flight

  std::unordered_map<WorkerId, Worker> workers_;
  std::vector<WorkerId> worker_order_;
  std::size_t next_worker_ = 0;
  std::unordered_map<RunId, std::vector<std::pair<core::Fence, WorkerId>>> held_;
  std::unordered_set<RunId> orphans_;               // runs with leases of earlier lives, no worker yet
  bool any_joined_ = false;

  struct Subscription { std::uint64_t number; RunId run; std::shared_ptr<Subscriber> subscriber; };
  std::vector<Subscription> subscriptions_;
  std::uint64_t next_subscription_ = 1;
  struct Told {  // up to where a run's subscribers have been told
    std::uint64_t seq = 0;       // the last event
    std::uint64_t tail_first = 0;
    std::size_t offset = 0;      // its end in the tail that begins at tail_first
    Time time = kNoTime;
  };
  std::unordered_map<RunId, Told> told_;
  std::unordered_map<RunId, std::vector<std::function<void()>>> end_calls_;
  std::unordered_map<std::string, RunId> keys_in_flight_;

  RunId last_run_, scan_cursor_, scan_end_;
  WorkflowId last_workflow_;
  std::uint32_t next_worker_id_ = 1;
  bool scanning_ = true;
  bool stalled_ = false;
  Mono stalled_until_{};
  std::uint32_t stalls_ = 0;
  Status trouble_;
  std::vector<Request> replay_;
  std::unordered_set<RunId> unread_;                // dropped, and not read again yet
  Engine::Statistics stats_;
  friend class Engine;
};

}  // namespace pawl::engine
