// After the commit: answers, assignments, events.
#include <map>

#include "base/failpoint.h"
#include "base/mutant.h"
#include "engine/loop.h"

namespace pawl::engine {
namespace {

// A flight larger than this is not kept: a burst must not hold its memory for ever.
constexpr std::size_t kSpareRoom = 16'384;

}  // namespace

void Loop::settle(std::unique_ptr<Flight> flight, const Status& outcome) {
  if (!outcome.ok() && !PAWL_MUTANT(failed_commit_ignored)) return fail(*flight, outcome);
  if (!flight->batch.empty()) {
    ++stats_.commits;
    stats_.runs_written += flight->batch.runs.size();
    if (!stalled_) {  // else it is reads that fail
      trouble_ = Status{};
      stalls_ = 0;
    }
  }
  payloads_out_.clear();
  for (RunId id : flight->touched) {
    Entry& entry = entries_.at(id);
    --entry.pins;
    if (entry.pins > 0) continue;
    if (is_final(entry.run->state)) {
      forget(id);
    } else {
      admit_to_cache(entry);
    }
  }
  for (const auto& key : flight->batch.keys)
    keys_in_flight_.erase(key.key);
  for (const auto& row : flight->batch.workflows) {
    auto newest = workflows_in_flight_.find(row.name);
    if (newest->second.id == row.id) workflows_in_flight_.erase(newest);
  }
  failpoint("engine.settle.begin");
  deliver(*flight);
  if (!flight->batch.empty()) failpoint("engine.flight.settled");
  if (flight->batch.runs.capacity() <= kSpareRoom) {
    flight->clear();
    spare_ = std::move(flight);
  }
}

void Loop::deliver(Flight& flight) {
  for (auto& call : flight.outcomes)
    call(Status{});
  for (auto& [done, result] : flight.answers)
    done(std::move(result));
  failpoint("engine.settle.answered");
  auto link_of = [&](WorkerId id) {
    auto w = workers_.find(id);
    return w == workers_.end() ? nullptr : w->second.link;
  };
  std::map<WorkerId, std::vector<core::Fence>> receipts;
  for (const auto& [worker, fence] : flight.receipts)
    receipts[worker].push_back(fence);
  for (auto& [worker, fences] : receipts) {
    if (auto link = link_of(worker)) link->recorded(std::move(fences));
  }
  for (const auto& r : flight.effects.refused) {
    if (auto link = link_of(r.worker)) link->refused(r.fence);
  }
  failpoint("engine.settle.receipts");
  assign(flight);
  failpoint("engine.settle.assigned");
  for (const auto& c : flight.effects.cancels) {
    if (auto link = link_of(c.worker)) link->cancel(c.fence);
  }
  auto subscriptions = subscriptions_;
  for (const auto& s : subscriptions) {
    for (const auto& lines : flight.logs) {
      if (!s.run || s.run == lines.fence.run) s.subscriber->on_log(lines);
    }
    for (const auto& p : flight.progress) {
      if (!s.run || s.run == p.run) s.subscriber->on_progress(p.run, p.task, p.progress);
    }
    for (const auto& [run, events] : flight.events) {
      if (!s.run || s.run == run) s.subscriber->on_events(run, events);
    }
  }
  for (auto& call : flight.calls)
    call();
  for (auto& [run, call] : flight.ends)
    call();
}

// Each worker's in one call, in the order they were given. A worker that left meanwhile gets
// nothing: what it was given came back when it left.
void Loop::assign(Flight& flight) {
  std::map<WorkerId, std::vector<core::Assignment>> batches;
  for (auto& [worker, assignment] : flight.effects.assignments) {
    auto& batch = batches[worker];
    if (batch.empty()) batch.reserve(flight.effects.assignments.size());
    batch.push_back(std::move(assignment));
  }
  for (auto& [worker, batch] : batches) {
    auto w = workers_.find(worker);
    if (w != workers_.end()) w->second.link->assign(std::move(batch));
  }
}

}  // namespace pawl::engine
