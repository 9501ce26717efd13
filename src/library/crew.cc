// adapter: handlers may throw. The crew's threads: taking attempts, carrying them out, reporting.
#include "library/crew.h"

#include <cxxabi.h>
#include <pthread.h>

#include <algorithm>

#include "base/text.h"
#include "library/crew_link.h"
#include "library/definition.h"
#include "library/fork_guard.h"

namespace pawl::v1 {
namespace {

constexpr std::size_t kMostDone = 256;
constexpr Duration kLongestHold{200};  // of a report, while the thread that has it goes on
constexpr double kAheadUs = 20'000;    // work to have at hand, by the handlers' mean time
constexpr std::uint32_t kMostAhead = 4096;

thread_local const Crew* inside_of = nullptr;

core::Report failure(const core::Fence& fence, std::string message, bool no_retry) {
  core::Report r;
  r.fence = fence;
  r.kind = core::ReportKind::failed;
  r.failure_class = core::FailureClass::user;
  r.message = std::move(message);
  r.no_retry = no_retry;
  return r;
}

// Calls the handler; whatever it throws becomes an error.
Result<Value> call(const Handler& handler, Step& step) {
  try {
    return handler(step);
  } catch (const abi::__forced_unwind&) {
    throw;  // the thread itself is being ended
  } catch (const std::exception& e) {
    return Status::failed(str("the handler threw: ", to_valid_utf8(e.what())));
  } catch (...) {
    return Status::failed("the handler threw something that is no std::exception");
  }
}

}  // namespace

bool Crew::inside() const { return inside_of == this; }

const Handler* Crew::Link::find(const core::Assignment& a) {
  auto named = [&](std::string_view name) -> const Handler* {
    auto it = set->handlers.find(std::string(name));
    return it == set->handlers.end() ? nullptr : &it->second;
  };
  if (!set->in_code) return named(a.def->action);
  if (known_ != a.workflow || known_set_ != set.get()) {
    known_ = a.workflow;
    known_set_ = set.get();
    by_task_.assign(known_->task_count(), nullptr);
    for (TaskId t = 0; t < known_->task_count(); ++t)
      by_task_[t] = named(known_->own_name(t));
  }
  if (a.fence.task < by_task_.size()) return by_task_[a.fence.task];
  return named(std::string_view(a.path).substr(0, a.path.find('[')));
}

std::shared_ptr<Crew> Crew::start(core::WorkerPort& port, Options options) {
  std::shared_ptr<Crew> crew(new Crew(port, options));
  Lock lock(crew->mutex_);
  for (unsigned i = 0; i < options.threads; ++i)
    crew->add_thread(lock);
  crew->keeper_ = std::thread([c = crew.get()] { c->keep(); });
  return crew;
}

void Crew::add_thread(Lock&) {
  auto slot = std::make_shared<Slot>();
  slots_.push_back(slot);
  slot->thread = std::thread([self = shared_from_this(), slot] { self->work(slot); });
}

void Crew::serve(const std::string& queue, std::shared_ptr<const HandlerSet> handlers) {
  std::shared_ptr<Link> link;
  {
    Lock lock(mutex_);
    for (const auto& known : links_) {
      if (known->queue != queue) continue;
      known->set = std::move(handlers);
      return;
    }
    link = std::make_shared<Link>(weak_from_this(), queue);
    link->set = std::move(handlers);
    links_.push_back(link);
  }
  core::WorkerInfo info;
  info.name = str("library:", queue);
  info.queues = {queue};
  auto id = port_->join(std::move(info), link, {});
  std::uint32_t slots = 0;
  {
    Lock lock(mutex_);
    link->id = id;
    slots = link->offered = wanted();
  }
  port_->offer(id, slots);
}

std::uint32_t Crew::wanted() const {
  double each = 1 + kAheadUs / std::max(mean_us_, 1.0);
  auto all = static_cast<std::uint32_t>(std::min<double>(options_.threads * each, kMostAhead));
  return std::max(all, options_.threads);
}

void Crew::take(const std::shared_ptr<Link>& link, std::vector<core::Assignment> batch) {
  Lock lock(mutex_);
  if (halted_ || closing_) return;
  for (core::Assignment& a : batch) {
    Job job{std::move(a), link, link->set, nullptr};
    job.handler = link->find(job.assignment);
    queue_.push_back(std::move(job));
  }
  auto wake = std::min<std::size_t>(queue_.size(), sleeping_);
  lock.unlock();
  for (std::size_t i = 0; i < wake; ++i)
    work_.notify_one();
}

void Crew::cancel(const core::Fence& fence) {
  Lock lock(mutex_);
  for (auto it = queue_.begin(); it != queue_.end(); ++it) {
    if (!(it->assignment.fence == fence)) continue;
    core::Report r;
    r.fence = fence;
    r.kind = core::ReportKind::cancelled;
    put(it->link, std::move(r));
    queue_.erase(it);
    return flush(lock);
  }
  for (const auto& slot : slots_) {
    if (slot->busy && slot->fence == fence) ask_to_stop(*slot, Stop::cancelled, now());
  }
}

void Crew::ask_to_stop(Slot& slot, Stop why, Mono at) {
  if (slot.stop != Stop::none) return;
  slot.stop = why;
  slot.stopped_at = at;
  slot.changed.notify_all();
  wake_keeper_by(at + options_.patience);
}

void Crew::begin(Slot& slot, const Job& job, Mono at) {
  const core::Timeouts& limits = job.assignment.def->timeout;
  slot.busy = true;
  slot.fence = job.assignment.fence;
  slot.link = job.link;
  slot.stop = Stop::none;
  slot.lines = 0;
  slot.heartbeat = limits.heartbeat;
  slot.last_sign = at;
  slot.deadline = Mono::max();
  if (limits.attempt.count() > 0) {
    slot.deadline = at + limits.attempt;
    slot.timeout_of = limits.attempt;
    wake_keeper_by(slot.deadline);
  }
  if (limits.heartbeat.count() > 0) wake_keeper_by(at + limits.heartbeat);
}

void Crew::end(Slot& slot, core::Report report, Mono began, Mono at) {
  auto took = static_cast<double>((at - began).count());
  mean_us_ += (took - mean_us_) * (took < mean_us_ ? 0.05 : 0.01);
  slot.busy = false;
  if (report.kind != core::ReportKind::released) put(slot.link, std::move(report));
  slot.link.reset();
}

void Crew::put(const std::shared_ptr<Link>& link, core::Report report) {
  if (done_ == 0) oldest_done_ = now();
  if (link->done.empty()) done_links_.push_back(link);
  link->done.push_back(std::move(report));
  ++done_;
}

// Sends what is done, each queue's reports to its own worker. The lock is open meanwhile.
void Crew::flush(Lock& lock) {
  if (done_ == 0) return;
  struct Parcel {
    WorkerId worker;
    std::vector<core::Report> reports;
    std::uint32_t slots = 0;
  };
  std::vector<Parcel> parcels;
  auto target = closing_ ? 0 : wanted();
  for (const auto& link : done_links_) {
    Parcel& p = parcels.emplace_back();
    p.worker = link->id;
    p.reports.swap(link->done);
    link->done.reserve(std::min(p.reports.capacity(), kMostDone));
    link->offered -= std::min(static_cast<std::uint32_t>(p.reports.size()), link->offered);
    p.slots = target > link->offered ? target - link->offered : 0;
    link->offered += p.slots;
  }
  done_links_.clear();
  done_ = 0;
  auto* port = port_;
  if (!port) return;
  ++sending_;
  lock.unlock();
  for (Parcel& p : parcels)
    port->report(p.worker, std::move(p.reports), p.slots);
  lock.lock();
  if (--sending_ == 0) idle_.notify_all();
}

void Crew::work(const std::shared_ptr<Slot>& slot) {
  pthread_setname_np(pthread_self(), "pawl-handler");
  inside_of = this;
  Lock lock(mutex_);
  Mono at = now();
  for (;;) {
    while (queue_.empty() && !closing_ && !halted_) {
      if (done_ > 0) {
        flush(lock);
        continue;
      }
      ++sleeping_;
      work_.wait(lock);
      --sleeping_;
      at = now();
    }
    if (queue_.empty() || halted_) break;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    begin(*slot, job, at);
    if (done_ > 0) {
      bool hold = !options_.simulated && done_ < kMostDone && at - oldest_done_ < kLongestHold;
      if (hold) {
        wake_keeper_by(at + kReportHold);
      } else {
        flush(lock);
      }
    }
    lock.unlock();
    auto report = carry_out(*slot, job);
    if (options_.generation != fork_generation()) end_child();
    Mono ended = now();
    lock.lock();
    if (slot->given_up) return;
    end(*slot, std::move(report), at, ended);
    at = ended;
    if (closing_) idle_.notify_all();
  }
  idle_.notify_all();
}

core::Report Crew::carry_out(Slot& slot, Job& job) {
  const core::Assignment& a = job.assignment;
  if (!job.handler) {
    const auto& what = job.set->in_code ? std::string("step \"") + a.path + "\""
                                        : std::string("action \"") + a.def->action + "\"";
    return failure(a.fence,
                   str("no handler for ", what, " of ", job.set->words,
                       " in this process; define it there and recover the run"),
                   true);
  }
  Step::Impl impl{*this, slot, job};
  Step step = StepAccess::make(&impl);
  auto outcome = call(*job.handler, step);
  return report_of(slot, job, outcome, slot.stop);
}

core::Report Crew::report_of(Slot& slot, const Job& job, const Result<Value>& outcome, Stop stop) {
  core::Report r;
  r.fence = job.assignment.fence;
  if (outcome.ok()) {
    const Json& output = to_json(*outcome);
    r.kind = core::ReportKind::completed;
    bool as_is = !job.set->in_code && (output.is_object() || output.is_null());
    r.outputs = as_is ? output : wrap_output(output);
    return r;
  }
  switch (stop) {
    case Stop::cancelled:
      r.kind = core::ReportKind::cancelled;
      r.message = outcome.status().text();
      return r;
    case Stop::closing:
      r.kind = core::ReportKind::released;
      return r;
    case Stop::timeout:
      r = failure(r.fence, str(slot.timeout_words, ": ", outcome.status().text()), false);
      r.failure_class = core::FailureClass::timeout;
      return r;
    case Stop::none:
      break;
  }
  const Status& error = outcome.status();
  r = failure(r.fence, to_valid_utf8(error.text()), error.code() == Code::permanent);
  r.try_later = error.code() == Code::try_later;
  return r;
}

}  // namespace pawl::v1
