#pragma once
// Loop: the engine without threads. decide() takes requests and due timers and changes runs in
// memory; take_flight() gathers every changed row once into a batch; after its commit settle() does
// what follows in the world. A simulator steps it by hand; engine.cc drives it with two threads.
//
// At most one flight is between take_flight() and settle(). Decisions made meanwhile gather in the
// next. If a commit fails, every run that either flight touched is dropped from memory, callers are
// told, and the loop stalls. When it tries again it reads those runs and decides workers' reports
// anew: nothing that was acknowledged depended on the flight. Whether its commit was done after all
// shows in the runs.
//
//   loop.cc            requests, the flight, after a decision      loop_dispatch.cc  who gets which
//   task loop_start.cc      reading what was open, reconciliation       loop_cache.cc     runs in
//   and out of memory loop_workers.cc    workers, their reports and logs             loop_settle.cc
//   after the commit loop_trouble.cc    after its failure                           loop_tell.cc
//   subscribers and onlookers

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
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
  std::uint64_t listed = 0;        // bit i: its lane i stands in the ready index (lanes 0..63)
  std::unique_ptr<std::vector<bool>> listed_more;  // ... its lanes from 64 on
  std::uint32_t pins = 0;                          // flights that hold changes of it
  bool fresh = false;                              // not in the store yet
  bool touched = false;                            // changed since the last flight
  bool in_lru = false;
  std::uint32_t bytes_kib = 0;  // what it adds to the cache
  // Of a constrained run: its leases per lane, as counted in Resources.
  std::unique_ptr<std::vector<std::uint32_t>> leased;
};

struct Flight {
  store::Batch batch;
  core::Effects effects;
  std::vector<RunId> touched;
  std::vector<std::pair<Done, Result<RunId>>> answers;
  std::vector<std::function<void()>> calls;                   // after the commit, or its failure
  std::vector<std::pair<RunId, std::function<void()>>> ends;  // who waits for the end of a run
  std::vector<std::function<void(const Status&)>> outcomes;
  std::vector<Request> replay;  // decided again if the commit fails
  std::vector<std::pair<WorkerId, core::Fence>> receipts;
  std::vector<std::pair<WorkerId, core::Fence>> adopted;
  std::vector<std::pair<RunId, std::vector<core::Event>>> events;
  std::vector<core::LogBatch> logs;
  struct LiveProgress {
    RunId run;
    TaskId task;
    core::Progress progress;
  };
  std::vector<LiveProgress> progress;
  std::size_t commands = 0;
  std::size_t weight() const { return commands + batch.runs.size() + effects.assignments.size(); }
  bool empty() const {
    return batch.empty() && answers.empty() && calls.empty() && outcomes.empty() &&
           effects.assignments.empty() && effects.cancels.empty() && effects.refused.empty() &&
           events.empty() && progress.empty() && logs.empty() && touched.empty() &&
           receipts.empty() && ends.empty();
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

  // decide() has more to do at once.
  bool scanning() const { return scanning_ && !stalled_; }
  // When decide() must be called even without requests; kNever: not by time.
  Time next_wake() const;
  bool stalled() const { return stalled_; }
  std::size_t flight_size() const { return open_->touched.size() + open_->commands; }

  Engine::Statistics statistics() const;
  core::Situation situation(RunId run);
  std::uint64_t subscribe(RunId run, std::shared_ptr<Subscriber> subscriber);
  void unsubscribe(std::uint64_t number);
  void when_ended(RunId run, std::function<void()> call);
  // Calls after everything that was decided before is durable, or has failed.
  void after_commit(std::function<void()> call) { open_->calls.push_back(std::move(call)); }
  Result<std::shared_ptr<const core::Plan>> plan(WorkflowId id);

 private:
  struct Worker {
    core::WorkerInfo info;
    std::shared_ptr<core::WorkerLink> link;
    std::uint32_t credits = 0;
    std::int32_t busy = 0;  // leases; below 0 only while a failed flight is undone
    bool serves(const std::string& queue) const;
  };

  // loop.cc
  void take_all(std::vector<Request>& requests);
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
  void give_key(const std::string& name);
  void give_keys();  // all of them
  void start_child(RunId parent, const core::Effects::StartChild& child);
  bool reacquire_key(const core::Run& run, Status& refusal);
  Status bring_payloads(core::Run& run);

  // loop_dispatch.cc
  void dispatch();
  bool dispatch_pass();
  void pass_over(const ReadyLane& lane);
  const ReadyLane* out_of_patience() const;
  bool claim_front(ReadyLane& lane, WorkerId to, std::uint32_t room);
  void list_lanes(Entry& entry);
  void unlist(Entry& entry, std::uint32_t lane);
  void count_resources(Entry& entry);
  WorkerId pick_worker(const std::string& queue);
  void arm(Entry& entry);
  void expire_due();

  // loop_cache.cc
  Result<Entry*> load(RunId id);
  // As load(), for what the open flight cannot be right without: where the store cannot be read
  // now, the flight fails as a whole.
  Result<Entry*> need(RunId id);
  // Reads a run without taking it into memory.
  Status look(RunId id, const std::function<void(const core::Run&)>& read);
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
  // A run that is open and was not known: what it holds, and what ran of it.
  void take_back(Entry& entry);
  void reconcile(Entry& entry);
  WorkerId held_by(const core::Fence& fence, WorkerId only);
  void refuse_held(RunId run);

  // loop_workers.cc
  void meet(JoinWorker& j);
  void take_join(JoinWorker& j);
  void take_reports(TakeReports& r);
  void take_leave(LeaveWorker& l);
  void reconcile_orphans();
  void end_reunion();
  void reconcile_now(RunId run);

  // loop_settle.cc
  void deliver(Flight& flight);
  void assign(Flight& flight);

  // loop_trouble.cc
  void fail(Flight& flight, const Status& outcome);
  void undo(Flight& flight);
  void drop(RunId id);
  Status restore(RunId id);
  void try_again();
  void spare_recorded(std::vector<Request>& replay);
  void postpone(Request& request);
  void stall(const Error& why);
  void doom(const Error& why);

  // loop_tell.cc
  bool wanted(RunId run) const;
  void gather_events(const core::Run& run, Flight& flight);
  void tell_missed(const core::Run& run);

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
  std::vector<std::pair<Time, RunId>>
      timers_;  // a heap, earliest first; stale entries are passed over
  ReadyIndex ready_;
  Resources resources_;
  Keys keys_;
  std::unordered_map<WorkflowId, std::shared_ptr<const core::Plan>> plans_;
  std::unordered_map<std::string, Json> payloads_;  // recent large outputs, by hash
  std::size_t payload_bytes_ = 0;
  std::unordered_map<std::string, const std::string*> payloads_out_;  // of the flight that is out
  std::deque<std::function<void()>> followups_;  // decisions that others cause, in the same flight
  bool draining_ = false;

  std::unordered_map<WorkerId, Worker> workers_;
  std::vector<WorkerId> worker_order_;
  std::size_t next_worker_ = 0;
  std::unordered_map<RunId, std::vector<std::pair<core::Fence, WorkerId>>> held_;
  std::set<RunId> orphans_;  // runs with leases of earlier lives, no worker yet
  bool any_joined_ = false;
  bool reuniting_ = false;  // workers of earlier lives may still come back, until:
  Mono reunion_ends_{};

  struct Subscription {
    std::uint64_t number;
    RunId run;
    std::shared_ptr<Subscriber> subscriber;
  };
  std::vector<Subscription> subscriptions_;
  std::uint64_t next_subscription_ = 1;
  std::unordered_map<RunId, std::uint64_t> missed_;  // the last event told before a flight failed
  std::unordered_map<RunId, std::vector<std::function<void()>>> end_calls_;
  struct KeyInFlight {
    RunId run;
    std::string fingerprint;
  };
  std::unordered_map<std::string, KeyInFlight> keys_in_flight_;
  std::unordered_map<std::string, store::WorkflowRow> workflows_in_flight_;  // the newest, by name

  RunId last_run_, scan_cursor_, scan_end_;
  WorkflowId last_workflow_;
  std::uint32_t next_worker_id_ = 1;
  bool numbers_doubtful_ = false;  // the flight that was to write the last one has failed
  bool scanning_ = true;
  bool stalled_ = false;
  Mono stalled_until_{};
  std::uint32_t stalls_ = 0;
  Status trouble_;
  bool trouble_reading_ = false;  // it was a read that failed
  Status doomed_;                 // why the open flight cannot be committed
  std::vector<Request> replay_;   // decided once the store works again
  std::set<RunId> unread_;        // dropped, and not read again yet
  // Given out in a flight that failed: where the store has them all the same, they are delivered.
  std::unordered_map<RunId, std::vector<std::pair<WorkerId, core::Assignment>>> doubtful_;
  std::unordered_map<RunId, std::uint64_t> written_;  // versions that the failed flight wrote ...
  std::set<RunId> recorded_;                          // ... and which of them the store has
  bool probe_ = false;                                // a commit failed: try one
  Engine::Statistics stats_;
  friend class Engine;
};

}  // namespace pawl::engine
