#include "worker/attempt.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/text.h"

namespace pawl::worker {

using actions::StopReason;
using core::FailureClass;
using core::Report;
using core::ReportKind;

namespace {
constexpr Duration kFlushEvery = std::chrono::milliseconds(50);
constexpr std::size_t kFlushBytes = 16u << 10;
}  // namespace

LiveAttempt::LiveAttempt(AttemptOwner& owner, core::Assignment assignment)
    : owner_(owner), assignment_(std::move(assignment)) {
  if (assignment_.def) {
    attempt_timeout_ = assignment_.def->timeout.attempt;
    heartbeat_timeout_ = assignment_.def->timeout.heartbeat;
    start_timeout_ = assignment_.def->timeout.start;
  }
}

LiveAttempt::~LiveAttempt() { disarm(); }

void LiveAttempt::disarm() {
  auto& timers = owner_.timers();
  timers.cancel(flush_timer_);
  timers.cancel(attempt_timer_);
  timers.cancel(heartbeat_timer_);
  timers.cancel(start_timer_);
}

void LiveAttempt::wait_for_turn() {
  if (start_timeout_ <= Duration::zero()) return;
  start_timer_ = owner_.timers().at(owner_.clock().mono() + start_timeout_, [this] {
    start_timer_ = TimerQueue::kNone;
    stop(StopReason::start_timeout);
  });
}

void LiveAttempt::begin() {
  begun_ = true;
  action_->start(assignment_);
}

void LiveAttempt::adopt(const actions::HeldProcess& held, Duration attempt, Duration heartbeat) {
  begun_ = started_ = true;
  attempt_timeout_ = attempt;
  heartbeat_timeout_ = heartbeat;
  reason_ = held.stopped;
  alive_at_ = owner_.clock().mono();
  if (reason_ == StopReason::none) {
    if (attempt > Duration::zero()) arm_attempt(std::max(attempt - held.ran, Duration(1)));
    arm_heartbeat();
  }
  action_->adopt(held);
}

void LiveAttempt::arm_attempt(Duration left) {
  if (left <= Duration::zero()) return;
  attempt_timer_ = owner_.timers().at(owner_.clock().mono() + left, [this] {
    attempt_timer_ = TimerQueue::kNone;
    stop(StopReason::attempt_timeout);
  });
}

void LiveAttempt::arm_heartbeat() {
  if (heartbeat_timeout_ <= Duration::zero()) return;
  heartbeat_timer_ = owner_.timers().at(alive_at_ + heartbeat_timeout_, [this] {
    heartbeat_timer_ = TimerQueue::kNone;
    // Signs of life only move a mark; the timer looks where it is.
    if (alive_at_ + heartbeat_timeout_ > owner_.clock().mono()) return arm_heartbeat();
    stop(StopReason::heartbeat_timeout);
  });
}

void LiveAttempt::stop(StopReason reason) {
  if (over_) return;
  // Nobody waits any more: that beats why it was being stopped so far.
  if (reason_ == StopReason::none || reason == StopReason::refused) reason_ = reason;
  if (begun_) return action_->stop(reason_);
  Report report;
  report.kind = ReportKind::cancelled;
  done(std::move(report));
}

// -- what the action says

void LiveAttempt::started() {
  if (over_ || started_) return;
  started_ = true;
  owner_.timers().cancel(start_timer_);
  alive_at_ = started_at_ = owner_.clock().mono();
  // An attempt that waited for its turn here has its whole time before it.
  arm_attempt(attempt_timeout_);
  arm_heartbeat();
  pending();
  soon();
}

void LiveAttempt::alive() { alive_at_ = owner_.clock().mono(); }

Report& LiveAttempt::pending() {
  if (!has_pending_) {
    has_pending_ = true;
    pending_ = Report();
    pending_.fence = fence();
  }
  return pending_;
}

void LiveAttempt::progress(core::Progress p) {
  pending().has_progress = true;
  pending().progress = std::move(p);
  soon();
}

void LiveAttempt::metric(std::string name, double value) {
  pending().metrics.emplace_back(std::move(name), value);
  soon();
}

void LiveAttempt::warning(std::string text) {
  pending().warnings.push_back(std::move(text));
  soon();
}

void LiveAttempt::checkpoint(std::string bytes, bool best) {
  auto& report = pending();
  report.has_checkpoint = true;
  report.checkpoint = std::move(bytes);
  report.best_checkpoint = best;
  flush();  // the next one must not overwrite it here
}

void LiveAttempt::lines(std::uint64_t first, std::vector<core::LogLine> lines) {
  alive();
  if (lines.empty()) return;
  if (log_.lines.empty()) log_.first_line = first;
  next_line_ = first + lines.size();
  for (const auto& one : lines)
    log_bytes_ += one.text.size() + 16;
  if (log_.lines.empty()) {
    log_.lines = std::move(lines);
  } else {
    log_.lines.insert(log_.lines.end(), std::make_move_iterator(lines.begin()),
                      std::make_move_iterator(lines.end()));
  }
  if (log_bytes_ >= kFlushBytes)
    flush();
  else
    soon();
}

void LiveAttempt::line(core::LogLine one) {
  std::vector<core::LogLine> lines;
  lines.push_back(std::move(one));
  this->lines(next_line_, std::move(lines));
}

void LiveAttempt::note(std::string text) {
  line({owner_.clock().now(), core::Stream::pawl, std::move(text)});
}

void LiveAttempt::soon() {
  if (flush_timer_ != TimerQueue::kNone) return;
  flush_timer_ = owner_.timers().at(owner_.clock().mono() + kFlushEvery, [this] {
    flush_timer_ = TimerQueue::kNone;
    flush();
  });
}

void LiveAttempt::flush() {
  owner_.timers().cancel(flush_timer_);
  if (!log_.lines.empty()) {
    failpoint("worker.log.flush");
    core::LogBatch batch = std::move(log_);
    log_ = core::LogBatch();
    log_bytes_ = 0;
    batch.fence = fence();
    owner_.send_log(std::move(batch));
  }
  if (!has_pending_) return;
  has_pending_ = false;
  if (reason_ != StopReason::refused) owner_.send_report(std::move(pending_));
}

// -- its end

void LiveAttempt::done(Report report) {
  if (over_) return;
  over_ = true;
  // Only that it started is of no use to anybody now.
  if (has_pending_ && !pending_.has_progress && pending_.metrics.empty() &&
      pending_.warnings.empty() && !pending_.has_checkpoint) {
    has_pending_ = false;
  }
  flush();
  disarm();
  if (reason_ != StopReason::refused) {
    auto last = final_report(std::move(report));
    last.fence = fence();
    last.receipt = is_process_;
    owner_.send_report(std::move(last));
  }
  owner_.over(*this);
}

Report LiveAttempt::final_report(Report report) const {
  if (reason_ == StopReason::none || report.kind == ReportKind::completed) return report;
  if (reason_ == StopReason::cancel) {
    report.kind = ReportKind::cancelled;
    return report;
  }
  if (reason_ == StopReason::drain) {
    report.kind = ReportKind::released;
    return report;
  }
  const char* name = "attempt";
  const char* what = "it was still running after ";
  Duration limit = attempt_timeout_;
  if (reason_ == StopReason::heartbeat_timeout) {
    name = "heartbeat";
    what = "no output and no event for ";
    limit = heartbeat_timeout_;
  } else if (reason_ == StopReason::start_timeout) {
    name = "start";
    what = "it had not started after ";
    limit = start_timeout_;
  }
  report.kind = ReportKind::failed;
  report.failure_class = FailureClass::timeout;
  report.message =
      str("timeout.", name, ": ", what, print_duration(limit), started_ ? " and was killed" : "",
          report.unconfirmed ? "; some process of it may still be alive" : "");
  return report;
}

}  // namespace pawl::worker
