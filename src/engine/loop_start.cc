// Start-up: open runs are read in steps while the loop already works. Recovery is nothing else.
#include <algorithm>

#include "base/failpoint.h"
#include "base/mutant.h"
#include "base/text.h"
#include "engine/loop.h"
#include "engine/run_io.h"

namespace pawl::engine {
namespace {

constexpr std::uint32_t kScanStep = 512;

}  // namespace

Status Loop::start() {
  ctx_.now = clock_.now();
  ctx_.effects = &open_->effects;
  last_run_ = TRY(store_.last_run_id());
  last_workflow_ = TRY(store_.last_workflow_id());
  scan_end_ = last_run_;
  reuniting_ = options_.reunion > Duration::zero();
  reunion_ends_ = clock_.mono() + options_.reunion;
  if (auto next = TRY(store_.meta("next_worker"))) {
    next_worker_id_ = static_cast<std::uint32_t>(std::strtoul(next->c_str(), nullptr, 10));
  }
  // Runs that hold resources or keys first, all of them: nobody else may be given what they hold.
  RunId after_run;
  while (!PAWL_MUTANT(holders_read_late)) {
    auto images = TRY(store_.scan_open(after_run, kScanStep, true));
    for (const auto& image : images) {
      TRY(take_image(image));
      after_run = image.header.id;
    }
    evict();
    if (images.size() < kScanStep) break;
  }
  failpoint("engine.start.held_read");
  // A key that was free when the engine died is given on now.
  give_keys();
  if (!doomed_.ok()) return doomed_;
  return {};
}

void Loop::scan_step() {
  failpoint("engine.start.scan");
  auto images = store_.scan_open(scan_cursor_, kScanStep, false);
  if (!images.ok()) {
    trouble_reading_ = true;
    return stall(images.error());
  }
  for (const auto& image : *images) {
    bool known = entries_.find(image.header.id) || image.header.id > scan_end_;
    Status s = known ? Status{} : take_image(image);
    if (!s.ok() && s.error().code != Errc::corrupt && s.error().code != Errc::newer_version &&
        s.error().code != Errc::not_found) {
      trouble_reading_ = true;
      return stall(s.error());
    }
    if (!s.ok()) trouble_ = s;  // one damaged run stays shut; the others go on
    scan_cursor_ = image.header.id;
  }
  if (images->size() == kScanStep && scan_cursor_ < scan_end_) return;
  scanning_ = false;
  failpoint("engine.start.scanned");
  // What a worker says it holds and no run knows of is history.
  for (const auto& [run, fences] : held_) {
    for (const auto& [fence, worker] : fences)
      open_->effects.refused.push_back({worker, fence});
  }
  held_.clear();
}

Status Loop::take_image(const store::RunImage& image) {
  auto run = TRY(run_of(image, [this](WorkflowId w) { return plan(w); }));
  Entry& entry = entries_[image.header.id];
  entry.run = std::move(run);
  admit_to_cache(entry);
  take_back(entry);
  return {};
}

void Loop::take_back(Entry& entry) {
  core::Run& run = *entry.run;
  if (!run.key.empty()) run.admitted ? keys_.hold(run) : keys_.wait(run);
  count_resources(entry);
  auto doubtful = doubtful_.extract(run.id);
  if (!doubtful.empty() && !PAWL_MUTANT(unknown_commit_forgotten)) {
    for (auto& [worker, assignment] : doubtful.mapped()) {
      const core::Fence& f = assignment.fence;
      if (f.task >= run.task_count()) continue;
      const core::TaskRow& row = run.rows[f.task];
      auto w = workers_.find(worker);
      if (row.lease != f.lease || row.attempt != f.attempt || w == workers_.end()) continue;
      if (w->second.credits > 0) --w->second.credits;
      ++w->second.busy;
      open_->effects.assignments.emplace_back(worker, std::move(assignment));
    }
  }
  reconcile(entry);
  if (!scanning_) refuse_held(run.id);
}

// What workers say they hold of a run and it does not know of.
void Loop::refuse_held(RunId run) {
  auto left = held_.extract(run);
  if (left.empty()) return;
  for (const auto& [fence, worker] : left.mapped()) {
    open_->effects.refused.push_back({worker, fence});
  }
}

// Who says that it holds this attempt (`only` that worker, where one is given); it says so no more.
WorkerId Loop::held_by(const core::Fence& f, WorkerId only) {
  auto held = held_.find(f.run);
  if (held == held_.end()) return {};
  auto it = std::find_if(held->second.begin(), held->second.end(), [&](const auto& h) {
    bool same = h.first == f || (h.first.task == f.task && PAWL_MUTANT(adopt_by_task));
    return same && (!only || h.second == only);
  });
  if (it == held->second.end()) return {};
  WorkerId holder = it->second;
  held->second.erase(it);
  if (held->second.empty()) held_.erase(held);
  return holder;
}

// What ran when the last engine ended: held by a worker that outlived it, or lost.
void Loop::reconcile(Entry& entry) {
  core::Run& run = *entry.run;
  ctx_.effects = &open_->effects;
  std::vector<core::Fence> lost;
  for (const core::Fence& f : core::live_attempts(run)) {
    WorkerId owner = run.rows[f.task].worker;
    bool kept = workers_.count(owner) > 0;  // of this life
    WorkerId holder = held_by(f, kept ? owner : WorkerId{});
    if (holder) {
      // Adopted already where a flight failed, and was recorded all the same.
      kept = kept || core::decide(run, core::Adopt{f, holder}, ctx_).ok();
      ++workers_.at(holder).busy;
      open_->adopted.emplace_back(holder, f);
    }
    if (!kept) {
      lost.push_back(f);
    } else if (run.rows[f.task].cancel_asked) {
      // The cancel that may not have been delivered is sent again.
      open_->effects.cancels.push_back({run.rows[f.task].worker, f});
    }
  }
  // Decided when the first worker says what it holds (all that may come back had their time), and
  // when every run is known again: what a
  // loss leads to (a run's end, a child run) may give away a key that an unread run holds.
  bool unsure = !any_joined_ || reuniting_ || (!unread_.empty() && !PAWL_MUTANT(requeued_too_soon));
  if (!lost.empty() && unsure) {
    if (!PAWL_MUTANT(orphans_forgotten)) orphans_.insert(run.id);
  } else if (!lost.empty()) {
    failpoint("engine.start.requeue");
    auto s = core::decide(run, core::Requeue{std::move(lost), true}, ctx_);
    PAWL_ASSERT(s.ok());
  }
  after(entry);
  drain_followups();
}

}  // namespace pawl::engine
