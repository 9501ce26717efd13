// Workers: their coming and going, and what they report.
#include <algorithm>

#include "base/failpoint.h"
#include "base/mutant.h"
#include "base/text.h"
#include "engine/loop.h"

namespace pawl::engine {

// Those whose joining came together are all heard before it is decided what nobody holds. From here
// on attempts may be written as theirs, so the number is never given again, whatever becomes of the
// rest of the joining.
void Loop::meet(JoinWorker& j) {
  next_worker_id_ = std::max(next_worker_id_, j.worker.value + 1);
  if (!PAWL_MUTANT(worker_number_dropped)) {
    open_->batch.meta.emplace_back("next_worker", str(next_worker_id_));
  }
  auto [at, fresh] = workers_.try_emplace(j.worker);
  if (!fresh) return;  // its joining was put off since
  at->second.info = std::move(j.info);
  at->second.link = std::move(j.link);
  worker_order_.push_back(j.worker);
  for (const core::Fence& f : j.held) {
    if (scanning_ || !PAWL_MUTANT(late_joiner_loses)) held_[f.run].emplace_back(f, j.worker);
  }
}

void Loop::take_join(JoinWorker& j) {
  meet(j);
  any_joined_ = true;
  failpoint("engine.worker.joined");
  reconcile_orphans();
  if (scanning_) return;
  for (const core::Fence& f : j.held)
    reconcile_now(f.run);  // runs that were read before it came
}

void Loop::reconcile_orphans() {
  auto orphans = std::move(orphans_);
  orphans_.clear();
  for (RunId id : orphans)
    reconcile_now(id);
}

void Loop::end_reunion() {
  if (!reuniting_ || clock_.mono() < reunion_ends_) return;
  reuniting_ = false;
  if (any_joined_) reconcile_orphans();
}

void Loop::reconcile_now(RunId id) {
  auto e = load(id);
  if (e.ok() && !is_final((*e)->run->state)) {
    reconcile(**e);
  } else if (!e.ok() && e.error().code != Errc::not_found) {
    // Not now; whoever holds attempts of it is heard when it can be read.
    unread_.insert(id);
    trouble_reading_ = true;
    return stall(e.error());
  }
  if (!scanning_) refuse_held(id);
}

void Loop::take_reports(TakeReports& r) {
  auto w = workers_.find(r.worker);
  if (w == workers_.end()) return;
  w->second.credits += r.slots;
  failpoint("engine.reports.begin");
  ctx_.effects = &open_->effects;
  std::uint32_t owed = std::exchange(r.ended, 0);
  std::vector<core::Report> unread;  // their run cannot be read now: they are taken later
  for (core::Report& report : r.reports) {
    bool last = report.kind >= core::ReportKind::completed;
    auto e = load(report.fence.run);
    if (!e.ok()) {
      if (e.error().code == Errc::not_found) {
        open_->effects.refused.push_back({r.worker, report.fence});
        continue;
      }
      trouble_ = e.error();
      unread.push_back(std::exchange(report, core::Report()));
      continue;
    }
    core::Run& run = *(*e)->run;
    if (report.has_progress && !subscriptions_.empty()) {
      open_->progress.push_back({run.id, report.fence.task, report.progress});
    }
    Status s = core::decide(run, core::Complete{r.worker, report}, ctx_);
    bool recorded = last && !s.ok() && owed > 0;
    // Its flight had failed, and was recorded all the same: there is nothing to refuse.
    if (recorded) open_->effects.refused.pop_back();
    if (last && (s.ok() || recorded)) {
      --w->second.busy;
      if (owed > 0) --owed;
      ++r.ended;
    }
    if (last && report.receipt && PAWL_MUTANT(receipt_before_commit)) {
      w->second.link->recorded({report.fence});
    }
    if (last && report.receipt) open_->receipts.emplace_back(r.worker, report.fence);
    if (s.ok()) {
      if (last) ++stats_.tasks_ended;
      after(**e);
      drain_followups();
    }
  }
  if (!unread.empty()) {
    std::erase_if(r.reports, [](const core::Report& report) { return !report.fence.run; });
    replay_.push_back({TakeReports{r.worker, std::move(unread), 0, owed}, {}});
    trouble_reading_ = true;
    stall(Error(trouble_.error()));
  }
  // A replay must not offer them twice.
  if (!PAWL_MUTANT(slots_offered_twice)) r.slots = 0;
  open_->replay.push_back({std::move(r), {}});
}

void Loop::take_leave(LeaveWorker& l) {
  auto w = workers_.find(l.worker);
  if (w == workers_.end()) return;
  workers_.erase(w);
  std::erase(worker_order_, l.worker);
  next_worker_ = 0;
  for (auto it = held_.begin(); it != held_.end();) {  // what it holds, it holds no more
    std::erase_if(it->second, [&](const auto& held) { return held.second == l.worker; });
    it = it->second.empty() ? held_.erase(it) : std::next(it);
  }
  // What it still held comes back. A worker that drained holds nothing.
  std::vector<RunId> ids;
  entries_.for_each([&](RunId id, const Entry& entry) {
    if (!entry.run) return;  // evicted: nothing of it is leased
    std::uint32_t leased = 0;
    for (const core::Lane& lane : entry.run->lanes)
      leased += lane.leased;
    if (leased > 0 && !is_final(entry.run->state)) ids.push_back(id);
  });
  std::sort(ids.begin(), ids.end());
  ctx_.effects = &open_->effects;
  for (RunId id : ids) {
    Entry& entry = entries_.at(id);
    auto live = core::live_attempts(*entry.run, l.worker);
    if (live.empty() || PAWL_MUTANT(leave_forgets_leases)) continue;
    auto s = core::decide(*entry.run, core::Requeue{std::move(live), false}, ctx_);
    PAWL_ASSERT(s.ok());
    after(entry);
    drain_followups();
  }
}

}  // namespace pawl::engine
