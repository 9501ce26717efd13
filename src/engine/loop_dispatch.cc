// Who gets which task, and when timers fire.
#include <algorithm>

#include "base/mutant.h"
#include "engine/loop.h"

namespace pawl::engine {
namespace {

// A run hands out so many at a turn while other runs of its lane wait.
constexpr std::uint32_t kTurn = 16;
// A lane whose wish did not fit is passed over so often; then the others leave it room.
constexpr std::uint32_t kPatience = 16;

bool later(const std::pair<Time, RunId>& a, const std::pair<Time, RunId>& b) { return a > b; }

// Whether `lane` should leave a resource to `other`: both want it, and it comes no earlier.
bool yields(const ReadyLane& lane, const ReadyLane& other) {
  if (lane.key.priority > other.key.priority) return false;
  for (const auto& mine : lane.key.resources) {
    for (const auto& theirs : other.key.resources)
      if (mine.name == theirs.name && mine.amount > 0 && theirs.amount > 0) return true;
  }
  return false;
}

}  // namespace

bool Loop::Worker::serves(const std::string& queue) const {
  return info.queues.empty() ||
         std::find(info.queues.begin(), info.queues.end(), queue) != info.queues.end();
}

WorkerId Loop::pick_worker(const std::string& queue) {
  for (std::size_t i = 0; i < worker_order_.size(); ++i) {
    std::size_t at = (next_worker_ + i) % worker_order_.size();
    const Worker& w = workers_.at(worker_order_[at]);
    if (w.credits > 0 && w.serves(queue)) {
      next_worker_ = at;
      return worker_order_[at];
    }
  }
  return {};
}

void Loop::list_lanes(Entry& entry) {
  core::Run& run = *entry.run;
  if (run.counts[static_cast<std::size_t>(core::TaskState::queued)] == 0) return;
  if (run.state == core::RunState::paused) return;
  const auto& lanes = ready_.lanes_of(*run.plan, run.priority);
  for (std::uint32_t i = 0; i < run.lanes.size(); ++i) {
    if (run.lanes[i].live == 0) continue;
    if (i < 64) {
      std::uint64_t bit = std::uint64_t{1} << i;
      if (entry.listed & bit) continue;
      entry.listed |= bit;
    } else {
      if (!entry.listed_more) entry.listed_more = std::make_unique<std::vector<bool>>();
      entry.listed_more->resize(run.lanes.size() - 64);
      if ((*entry.listed_more)[i - 64]) continue;
      (*entry.listed_more)[i - 64] = true;
    }
    lanes[i]->items.push_back({run.id, i});
  }
}

void Loop::unlist(Entry& entry, std::uint32_t lane) {
  if (lane < 64) {
    entry.listed &= ~(std::uint64_t{1} << lane);
  } else if (entry.listed_more && lane - 64 < entry.listed_more->size()) {
    (*entry.listed_more)[lane - 64] = false;
  }
}

void Loop::count_resources(Entry& entry) {
  core::Run& run = *entry.run;
  if (!run.workflow().constrained()) return;
  if (!entry.leased) entry.leased = std::make_unique<std::vector<std::uint32_t>>();
  auto& leased = *entry.leased;
  leased.resize(run.lanes.size());
  for (std::size_t i = 0; i < run.lanes.size(); ++i) {
    std::uint32_t now = is_final(run.state) ? 0 : run.lanes[i].leased;
    if (leased[i] == now) continue;
    bool failed = run.counts[static_cast<std::size_t>(core::TaskState::failed)] > 0;
    if (now < leased[i] && failed && PAWL_MUTANT(resource_leaked)) continue;
    resources_.count(run.id, run.plan->lanes[i].resources, leased[i], now);
    leased[i] = now;
  }
}

void Loop::dispatch() {
  std::size_t wanted = 0;
  for (const auto& [id, worker] : workers_)
    wanted += worker.credits;
  auto& given_out = open_->effects.assignments;
  if (std::size_t most = given_out.size() + std::min(wanted, ready_.size());
      most > given_out.capacity()) {
    given_out.reserve(most);
  }
  // A claim can bring tasks to lanes that were passed: an expression fails, and others go on for
  // it.
  while (dispatch_pass()) {
  }
}

// Returns whether lanes must be looked at again.
bool Loop::dispatch_pass() {
  // By index: a decision may list a run of a workflow whose lanes are new here.
  const auto& lanes = ready_.lanes();
  bool again = false;
  const ReadyLane* first = out_of_patience();
  for (std::size_t at = 0; at < lanes.size(); ++at) {
    ReadyLane* lane = lanes[at];
    std::size_t known = lanes.size();
    while (!lane->items.empty() && !stalled_) {
      WorkerId to = pick_worker(lane->key.queue);
      if (!to) break;
      std::uint32_t room = resources_.room(lane->key.resources);
      if (room == 0 || (first && first != lane && yields(*lane, *first))) break;
      if (claim_front(*lane, to, room)) again = true;
      if (lane->key.resources.empty()) continue;
      lane->passed = 0;
      pass_over(*lane);
      first = out_of_patience();
    }
    again |= lanes.size() != known;
    if (stalled_) return false;
  }
  return again;
}

// `lane` has just taken resources: those that want the same, and more than is left, were passed.
void Loop::pass_over(const ReadyLane& lane) {
  for (ReadyLane* other : ready_.lanes()) {
    if (other == &lane || other->items.empty() || !yields(lane, *other)) continue;
    if (resources_.room(other->key.resources) == 0 && resources_.fits(other->key.resources)) {
      ++other->passed;
    }
  }
}

const ReadyLane* Loop::out_of_patience() const {
  for (const ReadyLane* lane : ready_.lanes()) {
    if (lane->passed < kPatience || lane->items.empty()) continue;
    for (const auto& [id, worker] : workers_)
      if (worker.serves(lane->key.queue)) return lane;
  }
  return nullptr;
}

// Gives tasks of the lane's first run to the worker. Returns whether more happened than that.
bool Loop::claim_front(ReadyLane& lane, WorkerId to, std::uint32_t room) {
  ReadyItem item = lane.items.front();
  Entry* known = find(item.run);
  if (known && !known->run) prefetch(lane);
  lane.items.pop_front();
  if (!known) return false;
  auto e = load(item.run);
  if (!e.ok() && e.error().code == Errc::corrupt) {  // it stays shut; the others go on
    trouble_ = e.error();
    return false;
  }
  if (!e.ok()) {  // the store cannot be read now: the run keeps its place
    lane.items.push_front(item);
    trouble_reading_ = true;
    stall(e.error());
    return false;
  }
  Entry& entry = **e;
  unlist(entry, item.lane);
  core::Run& run = *entry.run;
  bool held_up = run.state == core::RunState::paused && !PAWL_MUTANT(claim_while_paused);
  if (run.lanes[item.lane].live == 0 || held_up) {
    list_lanes(entry);
    return false;
  }
  Worker& worker = workers_.at(to);
  std::uint32_t n = std::min(worker.credits, room);
  if (!lane.items.empty()) n = std::min(n, kTurn);
  std::uint32_t there = std::min(n, run.lanes[item.lane].live);
  ctx_.effects = &open_->effects;
  std::uint32_t given = core::decide(run, core::Claim{item.lane, to, n}, ctx_);
  worker.credits -= given;
  worker.busy += static_cast<std::int32_t>(given);
  after(entry);
  drain_followups();
  return given < there;
}

void Loop::arm(Entry& entry) {
  Time wake = entry.run->next_wake();
  if (wake == kNever || (entry.armed != kNever && entry.armed <= wake)) return;
  if (entry.armed != kNever && PAWL_MUTANT(rearm_forgotten)) return;
  entry.armed = wake;
  timers_.emplace_back(wake, entry.run->id);
  std::push_heap(timers_.begin(), timers_.end(), later);
}

void Loop::expire_due() {
  if (timers_.size() > 4096 && timers_.size() > 2 * entries_.size()) {  // mostly stale
    timers_.clear();
    entries_.for_each([&](RunId id, const Entry& entry) {
      if (entry.armed != kNever) timers_.emplace_back(entry.armed, id);
    });
    std::make_heap(timers_.begin(), timers_.end(), later);
  }
  while (!timers_.empty() && timers_.front().first <= ctx_.now) {
    auto [wake, id] = timers_.front();
    std::pop_heap(timers_.begin(), timers_.end(), later);
    timers_.pop_back();
    Entry* entry = find(id);
    if (!entry || entry->armed != wake) continue;
    entry->armed = kNever;
    auto e = load(id);
    if (!e.ok()) {
      entry->armed = ctx_.now + std::chrono::seconds(1);
      timers_.emplace_back(entry->armed, id);
      std::push_heap(timers_.begin(), timers_.end(), later);
      return;
    }
    if (is_final((*e)->run->state)) continue;
    ctx_.effects = &open_->effects;
    auto expired = core::decide(*(*e)->run, core::Expire{}, ctx_);
    PAWL_ASSERT(expired.ok());
    after(**e);
    drain_followups();
  }
}

Time Loop::next_wake() const {
  if (stalled_) return clock_.now() + (stalled_until_ - clock_.mono());
  Time wake = timers_.empty() ? kNever : timers_.front().first;
  if (reuniting_ && !orphans_.empty()) {
    wake = std::min(wake, clock_.now() + std::max(reunion_ends_ - clock_.mono(), Duration{0}));
  }
  return wake;
}

}  // namespace pawl::engine
