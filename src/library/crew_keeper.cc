// The crew's keeper: timeouts, heartbeats, handlers that do not return; and how a crew ends.
#include <pthread.h>

#include <algorithm>

#include "base/text.h"
#include "library/crew.h"
#include "library/crew_link.h"

namespace pawl::v1 {

void Crew::wake_keeper_by(Mono due) {
  if (due >= keeper_due_) return;
  keeper_due_ = due;
  keeper_wake_.notify_one();
}

void Crew::keep() {
  pthread_setname_np(pthread_self(), "pawl-keeper");
  Lock lock(mutex_);
  while (!keeper_stop_) {
    keeper_due_ = Mono::max();
    Mono at = now();
    auto slots = slots_;
    for (const auto& slot : slots)
      look_after(lock, slot, at);
    if (done_ > 0 && !closing_) {
      if (at - oldest_done_ >= kReportHold || options_.simulated) {
        flush(lock);
        continue;
      }
      wake_keeper_by(oldest_done_ + kReportHold);
    }
    if (keeper_due_ == Mono::max() || options_.simulated) {
      keeper_wake_.wait(lock);
    } else {
      keeper_wake_.wait_for(lock, std::max(keeper_due_ - at, Duration(1)));
    }
  }
}

void Crew::look_after(Lock& lock, const std::shared_ptr<Slot>& slot, Mono at) {
  Slot& s = *slot;
  if (!s.busy || s.given_up || s.stop == Stop::closing) return;
  if (s.stop != Stop::none) {
    if (at - s.stopped_at >= options_.patience) return give_up(lock, slot);
    return wake_keeper_by(s.stopped_at + options_.patience);
  }
  if (at >= s.deadline) {
    s.timeout_words = str("timed out after ", print_duration(s.timeout_of));
    return ask_to_stop(s, Stop::timeout, at);
  }
  if (s.deadline != Mono::max()) wake_keeper_by(s.deadline);
  if (s.heartbeat.count() == 0) return;
  if (at - s.last_sign >= s.heartbeat) {
    s.timeout_words = str("gave no sign of life for ", print_duration(s.heartbeat));
    return ask_to_stop(s, Stop::timeout, at);
  }
  wake_keeper_by(s.last_sign + s.heartbeat);
}

// The attempt ends without its handler; the thread that is in there is nobody's from now on.
void Crew::give_up(Lock& lock, const std::shared_ptr<Slot>& slot) {
  Slot& s = *slot;
  s.given_up = true;
  s.thread.detach();
  std::erase(slots_, slot);
  ++lost_;
  core::Report r;
  r.fence = s.fence;
  auto still = str("its handler did not stop within ", print_duration(options_.patience),
                   " of being asked to; its thread is lost (", lost_, " so far)");
  switch (s.stop.load()) {
    case Stop::cancelled:
      r.kind = core::ReportKind::cancelled;
      r.unconfirmed = true;
      r.message = still;
      break;
    case Stop::timeout:
      r.kind = core::ReportKind::failed;
      r.failure_class = core::FailureClass::timeout;
      r.message = str(s.timeout_words, "; ", still);
      break;
    case Stop::none:
    case Stop::closing:
      return;  // leaving gives it back
  }
  put(s.link, std::move(r));
  if (closing_) return;
  add_thread(lock);
  flush(lock);
}

void Crew::leave() {
  Lock lock(mutex_);
  if (closing_ || halted_) return;
  closing_ = true;
  for (const auto& link : links_)
    port_->offer(link->id, 0);  // nothing new, please
  // What is not begun, or does not end, is given back by leaving: reported as released it would be
  // handed out again at once, to us.
  queue_.clear();
  for (const auto& slot : slots_)
    if (slot->busy) ask_to_stop(*slot, Stop::closing, now());
  work_.notify_all();
  idle_.wait_for(lock, options_.patience, [&] {
    return std::none_of(slots_.begin(), slots_.end(), [](const auto& s) { return s->busy; });
  });
  auto slots = slots_;
  for (const auto& slot : slots)
    if (slot->busy) give_up(lock, slot);
  flush(lock);
  keeper_stop_ = true;
  keeper_wake_.notify_one();
  idle_.wait(lock, [&] { return sending_ == 0; });
  slots = slots_;
  auto links = links_;
  lock.unlock();
  keeper_.join();
  for (const auto& slot : slots)
    slot->thread.join();
  lock.lock();
  flush(lock);
  auto* port = std::exchange(port_, nullptr);
  lock.unlock();
  for (const auto& link : links)
    port->leave(link->id);
}

void Crew::halt() {
  Lock lock(mutex_);
  if (closing_ || halted_) return;
  halted_ = keeper_stop_ = true;
  queue_.clear();
  done_ = 0;
  done_links_.clear();
  std::vector<std::shared_ptr<Slot>> idle;
  for (const auto& slot : slots_) {
    if (!slot->busy) {
      idle.push_back(slot);
      continue;
    }
    slot->given_up = true;
    slot->stop = Stop::closing;
    slot->changed.notify_all();
    slot->thread.detach();
  }
  slots_.clear();
  work_.notify_all();
  keeper_wake_.notify_one();
  idle_.wait(lock, [&] { return sending_ == 0; });
  port_ = nullptr;
  lock.unlock();
  keeper_.join();
  for (const auto& slot : idle)
    slot->thread.join();
}

bool Crew::quiet() {
  Lock lock(mutex_);
  if (!queue_.empty() || done_ > 0 || sending_ > 0) return false;
  Mono at = now();
  for (const auto& slot : slots_) {
    if (!slot->busy) continue;
    if (!slot->waiting || slot->stop != Stop::none || slot->wait_until <= at) return false;
    // The keeper has not come by yet.
    if (slot->deadline <= at) return false;
    if (slot->heartbeat.count() > 0 && slot->last_sign + slot->heartbeat <= at) return false;
  }
  return true;
}

Mono Crew::next_due() {
  Lock lock(mutex_);
  Mono due = Mono::max();
  for (const auto& slot : slots_) {
    if (!slot->busy) continue;
    due = std::min(due, slot->deadline);
    if (slot->waiting) due = std::min(due, slot->wait_until);
    if (slot->heartbeat.count() > 0) due = std::min(due, slot->last_sign + slot->heartbeat);
  }
  return due;
}

void Crew::poke() {
  Lock lock(mutex_);
  keeper_due_ = Mono::max();
  keeper_wake_.notify_one();
  for (const auto& slot : slots_)
    slot->changed.notify_all();
}

unsigned Crew::lost_threads() {
  Lock lock(mutex_);
  return lost_;
}

}  // namespace pawl::v1
