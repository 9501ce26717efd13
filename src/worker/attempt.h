#pragma once
// LiveAttempt: one attempt that is not over within the turn that brought it. It gathers what its
// action says (log lines, progress, metrics) and sends it on at most every 50 ms, or 16 KiB of
// lines; it holds the attempt's timeouts; it turns the action's end, and why it was stopped, into
// the final report.

#include <memory>
#include <string>
#include <vector>

#include "actions/action.h"
#include "worker/loop.h"

namespace pawl::worker {

class LiveAttempt;

// What an attempt needs of its worker.
class AttemptOwner {
 public:
  virtual ~AttemptOwner() = default;
  virtual TimerQueue& timers() = 0;
  virtual const Clock& clock() = 0;
  virtual void send_log(core::LogBatch batch) = 0;
  virtual void send_report(core::Report report) = 0;
  // Its final report was sent, or none was wanted. It stays until the end of the turn at least.
  virtual void over(LiveAttempt& attempt) = 0;
};

class LiveAttempt : public actions::Sink {
 public:
  LiveAttempt(AttemptOwner& owner, core::Assignment assignment);
  ~LiveAttempt() override;

  const core::Fence& fence() const { return assignment_.fence; }
  const core::Assignment& assignment() const { return assignment_; }
  actions::Action* action() { return action_.get(); }
  void set_action(std::unique_ptr<actions::Action> action) { action_ = std::move(action); }
  bool begun() const { return begun_; }
  bool has_started() const { return started_; }
  bool is_process() const { return is_process_; }
  // Nobody waits for its report.
  bool refused() const { return reason_ == actions::StopReason::refused; }
  void set_process() { is_process_ = true; }

  // Arms the start timeout: it may have to wait for its turn.
  void wait_for_turn();
  void begin();
  void adopt(const actions::HeldProcess& held, Duration attempt_timeout, Duration heartbeat);
  void stop(actions::StopReason reason);

  // Sink
  void started() override;
  void alive() override;
  void progress(core::Progress progress) override;
  void metric(std::string name, double value) override;
  void warning(std::string text) override;
  void checkpoint(std::string bytes, bool best) override;
  void lines(std::uint64_t first, std::vector<core::LogLine> lines) override;
  void line(core::LogLine line) override;
  void note(std::string text) override;
  void done(core::Report report) override;

 private:
  void soon();  // flush within 50 ms
  void flush();
  core::Report& pending();
  core::Report final_report(core::Report report) const;
  void arm_attempt(Duration left);
  void arm_heartbeat();
  void disarm();

  AttemptOwner& owner_;
  core::Assignment assignment_;
  std::unique_ptr<actions::Action> action_;
  bool begun_ = false;    // its action knows of it
  bool started_ = false;  // it runs
  bool is_process_ = false, over_ = false;
  actions::StopReason reason_ = actions::StopReason::none;
  Duration attempt_timeout_{0}, heartbeat_timeout_{0}, start_timeout_{0};
  Mono alive_at_{};
  TimerQueue::Id flush_timer_ = TimerQueue::kNone, attempt_timer_ = TimerQueue::kNone,
                 heartbeat_timer_ = TimerQueue::kNone, start_timer_ = TimerQueue::kNone;
  std::uint64_t next_line_ = 0;
  core::LogBatch log_;
  std::size_t log_bytes_ = 0;
  core::Report pending_;
  bool has_pending_ = false;
};

}  // namespace pawl::worker
