// When the store fails. A flight that could not be committed is undone: what it touched is dropped
// from memory, callers are told, and the loop stalls. While it stalls nothing is decided: workers'
// requests wait in order. After a while, or when a caller asks for something, it tries again: it
// reads the dropped runs, and so learns whether the commit was done after all, and goes on from
// what they say.
#include <algorithm>

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"
#include "engine/loop.h"

namespace pawl::engine {
namespace {

// Whether the same may succeed later. What is damaged or missing stays so.
bool passes(const Error& e) {
  return e.code != Errc::not_found && e.code != Errc::corrupt && e.code != Errc::newer_version;
}

bool by_worker(const Request& r) {
  return std::holds_alternative<JoinWorker>(r.body) || std::holds_alternative<OfferSlots>(r.body) ||
         std::holds_alternative<TakeReports>(r.body) || std::holds_alternative<TakeLog>(r.body) ||
         std::holds_alternative<LeaveWorker>(r.body);
}

}  // namespace

void Loop::fail(Flight& flight, const Status& outcome) {
  log_warning("the store refused a commit; nothing of it was acknowledged",
              {{"error", outcome.error().message}});
  // The open flight was decided on top of this one: both go.
  auto dropped = std::move(open_);
  open_ = std::make_unique<Flight>();
  doomed_ = Status{};
  payloads_out_.clear();
  undo(flight);
  undo(*dropped);
  trouble_reading_ = false;
  probe_ = true;
  numbers_doubtful_ = true;
  stall(outcome.error());
  for (Flight* f : {&flight, dropped.get()}) {
    for (auto& call : f->outcomes)
      call(outcome);
    for (auto& [done, result] : f->answers) {
      done(result.ok() ? Result<RunId>(outcome.error()) : std::move(result));
    }
    for (auto& call : f->calls)
      call();
  }
}

void Loop::undo(Flight& f) {
  for (auto& [worker, assignment] : f.effects.assignments) {
    if (auto w = workers_.find(worker); w != workers_.end()) {
      ++w->second.credits;
      --w->second.busy;
    }
    // Also where it is delivered for the second time, and touches nothing.
    drop(assignment.fence.run);
    doubtful_[assignment.fence.run].emplace_back(worker, std::move(assignment));
  }
  for (const auto& c : f.effects.cancels)
    drop(c.fence.run);
  for (const auto& [worker, fence] : f.adopted) {
    auto w = workers_.find(worker);
    if (w == workers_.end()) continue;
    --w->second.busy;
    drop(fence.run);
    held_[fence.run].emplace_back(fence, worker);
  }
  for (const auto& run : f.batch.runs)
    written_[run.header.id] = run.header.version;
  for (Request& r : f.replay) {
    if (auto* t = std::get_if<TakeReports>(&r.body)) {
      t->doubtful = !f.batch.runs.empty();
      if (auto w = workers_.find(t->worker); w != workers_.end())
        w->second.busy += static_cast<std::int32_t>(t->ended);
    }
    if (!PAWL_MUTANT(replay_dropped)) replay_.push_back(std::move(r));
  }
  for (const auto& chunk : f.batch.logs) {
    core::LogBatch lines{{chunk.run, chunk.task, chunk.attempt, 0}, chunk.first_line, chunk.lines};
    replay_.push_back({TakeLog{std::move(lines)}, {}});
  }
  for (const auto& row : f.batch.workflows) {
    plans_.erase(row.id);
    workflows_in_flight_.erase(row.name);
  }
  for (const auto& key : f.batch.keys)
    keys_in_flight_.erase(key.key);
  for (const auto& [run, events] : f.events) {
    missed_.try_emplace(run, events.front().seq - 1);  // the first flight's count
    // Also where the flight only told them, and touched nothing.
    if (!PAWL_MUTANT(missed_events_forgotten)) unread_.insert(run);
  }
  for (auto& [run, call] : f.ends) {
    end_calls_[run].push_back(std::move(call));
    unread_.insert(run);
  }
  for (RunId id : f.touched) {
    if (!PAWL_MUTANT(failed_commit_kept)) drop(id);
  }
}

// Back to what the store has of a run: everything derived from the lost state is taken back.
void Loop::drop(RunId id) {
  unread_.insert(id);
  Entry* entry = find(id);
  if (!entry) return;
  core::Run& lost = *entry->run;
  for (std::size_t i = 0; entry->leased && i < entry->leased->size(); ++i) {
    if (PAWL_MUTANT(resource_kept_by_drop)) continue;
    resources_.count(id, lost.plan->lanes[i].resources, (*entry->leased)[i], 0);
  }
  if (!lost.key.empty()) keys_.release(Keys::name_of(lost), id);
  forget(id);
}

// Nothing is tried on the engine's own account for a while, longer each time.
void Loop::stall(const Error& why) {
  trouble_ = why;
  stalled_ = true;
  auto wait = std::chrono::milliseconds(std::min(5000u, 100u << std::min(stalls_, 6u)));
  ++stalls_;
  stalled_until_ = clock_.mono() + wait;
}

void Loop::doom(const Error& why) {
  if (doomed_.ok()) doomed_ = why;
}

void Loop::try_again() {
  stalled_ = false;
  ctx_.effects = &open_->effects;
  while (!unread_.empty()) {
    if (PAWL_MUTANT(keys_given_too_soon)) give_keys();
    Status read = restore(*unread_.begin());
    if (read.ok()) continue;
    trouble_reading_ = true;
    return stall(read.error());
  }
  doubtful_.clear();
  // Keys whose holders turned out to be gone: who holds one is known when every run is.
  give_keys();
  if (trouble_reading_) trouble_ = Status{};
  trouble_reading_ = false;
  if (std::exchange(probe_, false)) {  // whether the store works shows in a commit only
    open_->batch.meta.emplace_back("next_worker", str(next_worker_id_));
  }
  auto again = std::move(replay_);
  replay_.clear();
  spare_recorded(again);
  take_all(again);
  if (!stalled_ && any_joined_) reconcile_orphans();
}

// Where the commit was done all the same, progress is not decided again: no fence keeps a warning
// from being recorded twice. (The end of an attempt has one.)
void Loop::spare_recorded(std::vector<Request>& replay) {
  for (Request& r : replay) {
    auto* t = std::get_if<TakeReports>(&r.body);
    if (!t || !std::exchange(t->doubtful, false)) continue;
    std::erase_if(t->reports, [this](const core::Report& report) {
      bool last = report.kind >= core::ReportKind::completed;
      return !last && recorded_.count(report.fence.run) > 0 && !PAWL_MUTANT(progress_taken_twice);
    });
  }
  written_.clear();
  recorded_.clear();
}

// Error: it cannot be read now.
Status Loop::restore(RunId id) {
  auto e = load(id);  // takes it back where it is open
  if (!e.ok() && passes(e.error())) return e.error();
  unread_.erase(id);
  if (!e.ok()) {  // it never came into being, or is damaged: nobody can wait for it
    doubtful_.erase(id);
    missed_.erase(id);
  } else {
    core::Run& run = *(*e)->run;
    auto written = written_.find(id);
    if (written != written_.end() && run.version >= written->second) recorded_.insert(id);
    tell_missed(run);
    bool ended = is_final(run.state);
    if (ended && (*e)->pins == 0) forget(id);
    if (!ended) return {};
  }
  if (auto it = end_calls_.find(id); it != end_calls_.end()) {
    for (auto& call : it->second)
      open_->ends.emplace_back(id, std::move(call));
    end_calls_.erase(it);
  }
  if (!scanning_) refuse_held(id);
  return {};
}

// Called instead of take() while the store is not to be touched.
void Loop::postpone(Request& request) {
  if (by_worker(request)) {
    replay_.push_back(std::move(request));
  } else if (auto* call = std::get_if<CallLoop>(&request.body)) {
    call->call(*this);
  } else if (auto* inspect = std::get_if<InspectRun>(&request.body)) {
    take_inspect(*inspect, std::move(request.done));
  } else if (auto* define = std::get_if<RegisterWorkflow>(&request.body)) {
    open_->calls.push_back(
        [f = std::move(define->registered), error = trouble_.error()] { f(error); });
  } else {
    answer(std::move(request.done), trouble_.error());
  }
}

Result<Entry*> Loop::need(RunId id) {
  auto e = load(id);
  if (!e.ok() && passes(e.error())) doom(e.error());
  return e;
}

}  // namespace pawl::engine
