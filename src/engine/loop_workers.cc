// Workers: their coming and going, and what they report.
#include <algorithm>

#include "base/text.h"
#include "engine/loop.h"

namespace pawl::engine {

void Loop::take_join(JoinWorker& j) {
  Worker& w = workers_[j.worker];
  w.info = std::move(j.info);
  w.link = std::move(j.link);
  worker_order_.push_back(j.worker);
  any_joined_ = true;
  next_worker_id_ = std::max(next_worker_id_, j.worker.value + 1);
  open_->batch.meta.emplace_back("next_worker", str(next_worker_id_));
  for (const core::Fence& f : j.held) held_[f.run].emplace_back(f, j.worker);
  w.busy = 0;
  auto orphans = std::move(orphans_);
  orphans_.clear();
  for (RunId id : orphans) {
    auto e = load(id);
    if (e.ok() && !is_final((*e)->run->state)) reconcile(**e);
  }
  if (scanning_) return;
  for (const core::Fence& f : j.held) {  // runs that were read before it came
    auto e = load(f.run);
    if (e.ok() && !is_final((*e)->run->state)) reconcile(**e);
    auto left = held_.find(f.run);
    if (left == held_.end()) continue;
    for (const auto& [fence, worker] : left->second) {
      open_->effects.refused.push_back({worker, fence});
    }
    held_.erase(left);
  }
}

void Loop::take_reports(TakeReports& r) {
  auto w = workers_.find(r.worker);
  if (w == workers_.end()) return;
  w->second.credits += r.slots;
  ctx_.effects = &open_->effects;
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
      unread.push_back(std::move(report));
      continue;
    }
    core::Run& run = *(*e)->run;
    if (report.has_progress && !subscriptions_.empty()) {
      open_->progress.push_back({run.id, report.fence.task, report.progress});
    }
    Status s = core::decide(run, core::Complete{r.worker, report}, ctx_);
    if (last && w->second.busy > 0) --w->second.busy;
    if (last && report.receipt) open_->receipts.emplace_back(r.worker, report.fence);
    if (s.ok()) {
      if (last) ++stats_.tasks_ended;
      after(**e);
      drain_followups();
    }
  }
  if (!unread.empty()) {
    replay_.push_back({TakeReports{r.worker, std::move(unread), 0}, {}});
    stall();
  }
  r.slots = 0;  // a replay must not offer them twice
  open_->replay.push_back({std::move(r), {}});
}

void Loop::take_leave(LeaveWorker& l) {
  auto w = workers_.find(l.worker);
  if (w == workers_.end()) return;
  workers_.erase(w);
  std::erase(worker_order_, l.worker);
  next_worker_ = 0;
  // What it still held comes back. A worker that drained holds nothing.
  std::vector<RunId> ids;
  entries_.for_each([&](RunId id, const Entry& entry) {
    if (entry.run && !is_final(entry.run->state)) ids.push_back(id);
  });
  std::sort(ids.begin(), ids.end());
  ctx_.effects = &open_->effects;
  for (RunId id : ids) {
    Entry& entry = entries_.at(id);
    auto live = core::live_attempts(*entry.run, l.worker);
    if (live.empty()) continue;
    auto s = core::decide(*entry.run, core::Requeue{std::move(live), false}, ctx_);
    PAWL_ASSERT(s.ok());
    after(entry);
    drain_followups();
  }
}

}  // namespace pawl::engine
