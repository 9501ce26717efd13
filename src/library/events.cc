// adapter: a listener may throw; that is written to the log, and the next one is told.
#include "library/events.h"

#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "library/run_info.h"
#include "library/words.h"

namespace pawl::v1 {
namespace {

constexpr std::size_t kMost = 100'000;

thread_local const Events* inside_of = nullptr;

}  // namespace

// What the engine calls, on its own thread.
class Events::Ear : public engine::Subscriber {
 public:
  Ear(std::weak_ptr<Events> events, std::uint64_t listener)
      : events_(std::move(events)), listener_(listener) {}
  void on_events(pawl::RunId run, const std::vector<core::Event>& happened) override {
    auto events = events_.lock();
    if (!events) return;
    for (const core::Event& e : happened)
      events->add(item(run, e));
  }
  void on_log(const core::LogBatch& batch) override {
    auto events = events_.lock();
    if (!events) return;
    for (const core::LogLine& line : batch.lines) {
      Item i;
      i.listener = listener_;
      i.run = batch.fence.run;
      i.task = batch.fence.task;
      i.live = true;
      i.event.kind = Event::Kind::log;
      i.event.time = to_time_point(line.time);
      i.event.attempt = static_cast<int>(batch.fence.attempt);
      i.event.text = line.text;
      events->add(std::move(i));
    }
  }
  void on_progress(pawl::RunId run, TaskId task, const core::Progress& p) override {
    auto events = events_.lock();
    if (!events) return;
    Item i;
    i.listener = listener_;
    i.run = run;
    i.task = task;
    i.live = true;
    i.event.kind = Event::Kind::progress;
    i.event.percent = p.total > 0 ? std::clamp(100 * p.current / p.total, 0.0, 100.0) : 0;
    i.event.text = p.unit;
    events->add(std::move(i));
  }

 private:
  Item item(pawl::RunId run, const core::Event& e) const {
    Item i;
    i.listener = listener_;
    i.run = run;
    i.task = e.task;
    i.event.number = e.seq;
    i.event.time = to_time_point(e.time);
    i.event.attempt = static_cast<int>(e.attempt);
    i.event.text = e.text;
    switch (e.kind) {
      case core::EventKind::submitted:
        i.event.kind = Event::Kind::run;
        i.event.run_state = RunState::pending;
        break;
      case core::EventKind::run_state:
        i.event.kind = Event::Kind::run;
        i.event.run_state = run_state_of(e.run_state);
        i.end = is_final(e.run_state);
        break;
      case core::EventKind::task_state:
        i.event.kind = Event::Kind::task;
        i.event.task_state = task_state_of(e.task_state);
        break;
      case core::EventKind::warning:
        i.event.kind = Event::Kind::warning;
        break;
      case core::EventKind::metric:
        i.event.kind = Event::Kind::metric;
        break;
      default:
        i.event.kind = Event::Kind::other;
    }
    return i;
  }
  std::weak_ptr<Events> events_;
  std::uint64_t listener_;
};

Events::~Events() { close(); }

bool Events::inside() const { return inside_of == this; }

void Events::add(Item item) {
  std::lock_guard lock(mutex_);
  if (closed_ || (item.live && queue_.size() >= kMost)) return;
  if (item.listener == ends_listener_ && !item.end) return;
  queue_.push_back(std::move(item));
  more_.notify_one();
}

// REQUIRES: the lock is held.
void Events::start() {
  if (!thread_.joinable() && !closed_) thread_ = std::thread([this] { deliver(); });
}

std::uint64_t Events::listen(pawl::RunId run, Callback callback) {
  auto l = std::make_shared<Listener>();
  {
    std::lock_guard lock(mutex_);
    start();
    l->number = next_++;
    l->run = run;
    l->callback = std::move(callback);
    l->ear = std::make_shared<Ear>(weak_from_this(), l->number);
    listeners_.push_back(l);
  }
  l->engine_number = engine_->subscribe(run, l->ear);
  return l->number;
}

void Events::stop_listening(std::uint64_t number) {
  std::shared_ptr<Listener> gone;
  {
    std::unique_lock lock(mutex_);
    auto it = std::find_if(listeners_.begin(), listeners_.end(),
                           [&](const auto& l) { return l->number == number; });
    if (it == listeners_.end()) return;
    gone = *it;
    listeners_.erase(it);
    if (!inside()) calm_.wait(lock, [&] { return calling_ != number; });
    if (closed_) return;
  }
  engine_->unsubscribe(gone->engine_number);
}

void Events::when_ended(pawl::RunId run, Ended ended) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    start();
    waiters_[run].push_back(std::move(ended));
    if (ends_listener_ == 0) {
      ends_listener_ = next_++;
      first = true;
    }
  }
  if (first) engine_->subscribe({}, std::make_shared<Ear>(weak_from_this(), ends_listener_));
  bool over = false;
  auto seen = engine_->inspect(run, [&](const core::Run& r) { over = is_final(r.state); });
  if (!over && seen.ok()) return;
  Item i;
  i.listener = ends_listener_;
  i.run = run;
  i.end = true;
  add(std::move(i));
}

void Events::deliver() {
  pthread_setname_np(pthread_self(), "pawl-events");
  inside_of = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [&] { return closed_ || !queue_.empty(); });
    if (closed_) return;
    Item item = std::move(queue_.front());
    queue_.pop_front();
    if (item.listener == ends_listener_) {
      auto it = waiters_.find(item.run);
      if (it == waiters_.end()) continue;
      auto waiting = std::move(it->second);
      waiters_.erase(it);
      lock.unlock();
      for (auto& w : waiting)
        w(item.run);
      lock.lock();
      continue;
    }
    auto it = std::find_if(listeners_.begin(), listeners_.end(),
                           [&](const auto& l) { return l->number == item.listener; });
    if (it == listeners_.end()) continue;
    auto listener = *it;
    calling_ = listener->number;
    lock.unlock();
    item.event.run = item.run.value;
    if (item.task != kNoTask) item.event.task = path(item.run, item.task);
    try {
      listener->callback(item.event);
    } catch (const std::exception& e) {
      log_warning("a listener threw", {{"error", e.what()}});
    } catch (...) {
      log_warning("a listener threw", {});
    }
    lock.lock();
    calling_ = 0;
    calm_.notify_all();
  }
}

std::string Events::path(pawl::RunId run, TaskId task) {
  if (named_ != run || task >= names_.size()) {
    std::vector<std::string> names;
    auto seen = engine_->inspect(run, [&](const core::Run& r) {
      for (TaskId t = 0; t < r.task_count(); ++t)
        names.push_back(r.path(t));
    });
    if (!seen.ok()) return str("#", task);
    named_ = run;
    names_ = std::move(names);
  }
  return task < names_.size() ? names_[task] : str("#", task);
}

void Events::close() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    queue_.clear();
    more_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::lock_guard lock(mutex_);
  waiters_.clear();
}

}  // namespace pawl::v1
