// After the commit: answers, assignments, events. Or after its failure: back to what the store has.
#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "engine/loop.h"
#include "engine/run_io.h"

namespace pawl::engine {
namespace {

// A flight larger than this is not kept: a burst must not hold its memory for ever.
constexpr std::size_t kSpareRoom = 16'384;

}  // namespace

void Loop::settle(std::unique_ptr<Flight> flight, const Status& outcome) {
  if (!outcome.ok()) return fail(*flight, outcome);
  if (!flight->batch.empty()) {
    ++stats_.commits;
    stats_.runs_written += flight->batch.runs.size();
    trouble_ = Status{};
    stalls_ = 0;
  }
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
  for (const auto& key : flight->batch.keys) keys_in_flight_.erase(key.key);
  deliver(*flight);
  if (flight->batch.runs.capacity() <= kSpareRoom) {
    flight->clear();
    spare_ = std::move(flight);
  }
}

void Loop::deliver(Flight& flight) {
  for (auto& call : flight.outcomes) call(Status{});
  for (auto& [done, result] : flight.answers) done(std::move(result));
  auto link_of = [&](WorkerId id) {
    auto w = workers_.find(id);
    return w == workers_.end() ? nullptr : w->second.link;
  };
  std::map<WorkerId, std::vector<core::Fence>> receipts;
  for (const auto& [worker, fence] : flight.receipts) receipts[worker].push_back(fence);
  for (auto& [worker, fences] : receipts) {
    if (auto link = link_of(worker)) link->recorded(std::move(fences));
  }
  for (const auto& r : flight.effects.refused) {
    if (auto link = link_of(r.worker)) link->refused(r.fence);
  }
  auto& given = flight.effects.assignments;
  if (workers_.size() == 1) {
    std::vector<core::Assignment> batch;
    batch.reserve(given.size());
    for (auto& [worker, assignment] : given) batch.push_back(std::move(assignment));
    if (!batch.empty()) {
      if (auto link = link_of(given[0].first)) link->assign(std::move(batch));
    }
  } else {
    std::map<WorkerId, std::vector<core::Assignment>> batches;
    for (auto& [worker, assignment] : given) batches[worker].push_back(std::move(assignment));
    for (auto& [worker, batch] : batches) {
      if (auto link = link_of(worker)) link->assign(std::move(batch));
    }
  }
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
  for (auto& call : flight.calls) call();
}

void Loop::fail(Flight& flight, const Status& outcome) {
  log_warning("the store refused a commit; nothing of it was acknowledged",
              {{"error", outcome.error().message}});
  trouble_ = outcome;
  // The open flight was decided on top of this one: both go.
  auto dropped = std::move(open_);
  open_ = std::make_unique<Flight>();
  std::vector<RunId> ids;
  for (Flight* f : {&flight, dropped.get()}) {
    for (RunId id : f->touched) ids.push_back(id);
    for (const auto& [worker, assignment] : f->effects.assignments) {
      if (auto w = workers_.find(worker); w != workers_.end()) {
        ++w->second.credits;
        if (w->second.busy > 0) --w->second.busy;
      }
    }
    for (Request& r : f->replay) replay_.push_back(std::move(r));
    for (const auto& chunk : f->batch.logs) {
      core::LogBatch lines{{chunk.run, chunk.task, chunk.attempt, 0}, chunk.first_line, chunk.lines};
      replay_.push_back({TakeLog{std::move(lines)}, {}});
    }
    for (const auto& [name, value] : f->batch.meta) open_->batch.meta.emplace_back(name, value);
    for (const auto& row : f->batch.workflows) plans_.erase(row.id);
    for (const auto& key : f->batch.keys) keys_in_flight_.erase(key.key);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (RunId id : ids) drop(id);
  stall();
  Error error = outcome.error();
  for (Flight* f : {&flight, dropped.get()}) {
    for (auto& call : f->outcomes) call(outcome);
    for (auto& [done, result] : f->answers) {
      done(result.ok() ? Result<RunId>(error) : std::move(result));
    }
    for (auto& call : f->calls) call();
  }
}

// Nothing is tried on the engine's own account for a while, longer each time.
void Loop::stall() {
  stalled_ = true;
  auto wait = std::chrono::milliseconds(std::min(5000u, 100u << std::min(stalls_, 6u)));
  ++stalls_;
  stalled_until_ = clock_.mono() + wait;
}

// Back to what the store has of a run: everything derived from the lost state is taken back.
void Loop::drop(RunId id) {
  Entry* found = find(id);
  if (!found) return;
  Entry& entry = *found;
  core::Run& lost = *entry.run;
  for (std::size_t i = 0; entry.leased && i < entry.leased->size(); ++i) {
    resources_.count(id, lost.plan->lanes[i].resources, (*entry.leased)[i], 0);
  }
  if (!lost.key.empty()) {
    Keys::State& key = keys_.at(lost);
    std::erase(key.holders, id);
    std::erase(key.waiting, id);
  }
  forget(id);
  told_.erase(id);
  read_again(id);
}

void Loop::read_again(RunId id) {
  auto run = read(id);
  if (!run.ok()) {
    if (run.error().code != Errc::not_found) unread_.insert(id);
    return;
  }
  Entry& again = entries_[id];
  again.run = std::move(*run);
  admit_to_cache(again);
  core::Run& r = *again.run;
  if (is_final(r.state)) return forget(id);
  if (!r.key.empty()) r.admitted ? keys_.hold(r) : keys_.wait(r);
  count_resources(again);
  arm(again);
  list_lanes(again);
}

Engine::Statistics Loop::statistics() const {
  Engine::Statistics s = stats_;
  s.open_runs = entries_.size();
  entries_.for_each([&](RunId, const Entry& entry) { s.cached_runs += entry.run != nullptr; });
  s.queued = ready_.size();
  s.cache_bytes = cache_kib_ * 1024;
  s.scanning = scanning_;
  s.trouble = trouble_;
  return s;
}

core::Situation Loop::situation(RunId id) {
  core::Situation s;
  auto e = load(id);
  if (e.ok()) {
    const core::Run& run = *(*e)->run;
    s.resources = resources_.use(*run.plan);
    for (const core::LaneKey& lane : run.plan->lanes) {
      core::Situation::QueueUse use{lane.queue, 0, 0};
      for (const auto& [worker, w] : workers_) {
        if (!w.serves(lane.queue)) continue;
        use.slots += w.credits + w.busy;
        use.busy += w.busy;
      }
      s.queues.push_back(std::move(use));
    }
    if (!run.key.empty()) {
      if (const Keys::State* key = keys_.find(run)) {
        s.key_holders = key->holders;
        s.key_limit = key->limit;
      }
    }
  }
  s.store_trouble = !trouble_.ok();
  if (s.store_trouble) s.trouble = trouble_.error().message;
  return s;
}

std::uint64_t Loop::subscribe(RunId run, std::shared_ptr<Subscriber> subscriber) {
  subscriptions_.push_back({next_subscription_, run, std::move(subscriber)});
  if (run) {
    if (Entry* entry = find(run); entry && entry->run) {
      const core::Run& r = *entry->run;
      told_[run] = {r.next_seq - 1, r.tail_first, r.tail.size(), r.tail_time};
    }
  }
  return next_subscription_++;
}

void Loop::unsubscribe(std::uint64_t number) {
  std::erase_if(subscriptions_, [&](const Subscription& s) { return s.number == number; });
}

void Loop::when_ended(RunId id, std::function<void()> call) {
  auto e = load(id);
  if (!e.ok() || is_final((*e)->run->state)) {
    open_->calls.push_back(std::move(call));
    return;
  }
  end_calls_[id].push_back(std::move(call));
}

}  // namespace pawl::engine
