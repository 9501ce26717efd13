// Who watches: subscribers, those who wait for an end, and what `why` and statistics are told.
#include <algorithm>

#include "engine/loop.h"

namespace pawl::engine {

bool Loop::wanted(RunId run) const {
  return std::any_of(subscriptions_.begin(), subscriptions_.end(),
                     [&](const Subscription& s) { return !s.run || s.run == run; });
}

// What happened to a run since it was last written.
void Loop::gather_events(const core::Run& run, Flight& flight) {
  if (!wanted(run.id)) return;
  auto fresh = std::string_view(run.tail).substr(run.written.tail);
  auto events = core::decode_events(fresh, run.written.seq + 1, run.written.time);
  PAWL_ASSERT(events.ok());
  if (!events->empty()) flight.events.emplace_back(run.id, std::move(*events));
}

// A flight failed, and the store has it all the same: its events are told now.
void Loop::tell_missed(const core::Run& run) {
  auto it = missed_.find(run.id);
  if (it == missed_.end()) return;
  std::uint64_t told = it->second;
  missed_.erase(it);
  // Decisions made since it was read are told with their own flight.
  if (run.written.seq <= told) return;
  std::vector<core::Event> events;
  auto take = [&](std::string_view bytes, std::uint64_t first) {
    auto decoded = core::decode_events(bytes, first, run.created);
    if (!decoded.ok()) return;
    for (auto& e : *decoded) {
      if (e.seq > told && e.seq <= run.written.seq) events.push_back(std::move(e));
    }
  };
  if (run.tail_first > told + 1) {
    auto chunks = store_.read_events(run.id, told);
    if (!chunks.ok()) return doom(chunks.error());
    for (const auto& c : *chunks)
      take(c.bytes, c.first_seq);
  }
  take(run.tail, run.tail_first);
  if (!events.empty()) open_->events.emplace_back(run.id, std::move(events));
}

std::uint64_t Loop::subscribe(RunId run, std::shared_ptr<Subscriber> subscriber) {
  subscriptions_.push_back({next_subscription_, run, std::move(subscriber)});
  return next_subscription_++;
}

void Loop::unsubscribe(std::uint64_t number) {
  std::erase_if(subscriptions_, [&](const Subscription& s) { return s.number == number; });
}

void Loop::when_ended(RunId id, std::function<void()> call) {
  bool open = true;
  Status seen = look(id, [&](const core::Run& run) { open = !is_final(run.state); });
  if (!seen.ok() &&
      seen.error().code != Errc::not_found) {  // it is read when the store works again
    unread_.insert(id);
    stall(seen.error());
    trouble_reading_ = true;
  } else if (!seen.ok() || !open) {  // an end that is not durable yet is told with its flight
    open_->ends.emplace_back(id, std::move(call));
    return;
  }
  end_calls_[id].push_back(std::move(call));
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
  (void)look(id, [&](const core::Run& run) {
    s.resources = resources_.use(*run.plan);
    for (const core::LaneKey& lane : run.plan->lanes) {
      core::Situation::QueueUse use{lane.queue, 0, 0};
      for (const auto& [worker, w] : workers_) {
        if (!w.serves(lane.queue)) continue;
        auto busy = static_cast<std::uint32_t>(std::max(w.busy, 0));
        use.slots += w.credits + busy;
        use.busy += busy;
      }
      s.queues.push_back(std::move(use));
    }
    if (run.key.empty()) return;
    if (const Keys::State* key = keys_.find(run)) {
      s.key_holders = key->holders;
      s.key_limit = key->limit;
    }
  });
  s.store_trouble = !trouble_.ok();
  if (s.store_trouble) s.trouble = trouble_.error().message;
  return s;
}

}  // namespace pawl::engine
