#include "engine/engine.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "engine/loop.h"

namespace pawl::engine {
namespace {

// Small flights are committed on the loop's own thread: no hand-over, no second wake-up.
constexpr std::size_t kInlineFlight = 48;
// Beyond this the open flight is not filled further until the one out has landed.
constexpr std::size_t kFlightLimit = 8192;

}  // namespace

struct Engine::Impl {
  Options options;
  const Clock* clock = nullptr;
  std::unique_ptr<Loop> loop;

  std::mutex mutex;
  std::condition_variable wake, commit_wake;
  std::vector<Request> inbox;
  bool stopping = false;
  bool sleeping = false;        // the loop waits on `wake`
  std::unique_ptr<Flight> out;  // with the committer
  bool out_done = false;
  Status out_status;
  bool committer_stop = false;
  std::atomic<std::uint32_t> next_worker{1};
  std::mutex plans_mutex;
  std::unordered_map<WorkflowId, std::shared_ptr<const core::Plan>> plans;
  std::thread loop_thread, commit_thread;
  Mono next_housekeeping{};

  // False: the engine stops; whoever waits has been told.
  bool post(Request request) {
    bool notify, taken;
    {
      std::lock_guard lock(mutex);
      taken = !stopping;
      notify = taken && sleeping;
      if (taken) inbox.push_back(std::move(request));
    }
    if (notify) wake.notify_one();
    if (!taken) refuse(request);
    return taken;
  }

  static void refuse(Request& request) {
    Error stops{Errc::unavailable, "the engine is being stopped"};
    if (request.done) request.done(stops);
    if (auto* r = std::get_if<RegisterWorkflow>(&request.body)) r->registered(stops);
  }

  // Runs `body` on the loop's thread and waits for what `done` is given.
  Result<RunId> ask(decltype(Request::body) body) {
    auto promise = std::make_shared<std::promise<Result<RunId>>>();
    auto future = promise->get_future();
    post({std::move(body), [promise](Result<RunId> r) { promise->set_value(std::move(r)); }});
    return future.get();
  }

  void call(std::function<void(Loop&)> f) {
    std::promise<void> promise;
    bool taken = post({CallLoop{[&](Loop& l) {
                         f(l);
                         promise.set_value();
                       }},
                       {}});
    if (taken) promise.get_future().wait();
  }

  void run_loop();
  void run_committer();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void housekeep();
};

void Engine::Impl::wait_for_work(std::unique_lock<std::mutex>& lock) {
  bool full = out && loop->flight_size() > kFlightLimit;
  auto ready = [&] { return (!full && !inbox.empty()) || out_done || (stopping && !out); };
  if (ready() || (loop->scanning() && !full)) return;
  Time due = loop->next_wake();
  sleeping = true;
  if (due == kNever) {
    // An idle engine wakes only for housekeeping.
    wake.wait_for(lock, std::chrono::seconds(30), ready);
  } else {
    auto wait = due - clock->now();
    if (wait.count() > 0)
      wake.wait_for(lock, std::min<Duration>(wait, std::chrono::seconds(30)), ready);
  }
  sleeping = false;
}

void Engine::Impl::run_loop() {
  pthread_setname_np(pthread_self(), "pawl-loop");
  std::vector<Request> requests;
  for (;;) {
    std::unique_ptr<Flight> landed;
    Status status;
    bool idle = false;
    {
      std::unique_lock lock(mutex);
      wait_for_work(lock);
      if (out_done) {
        landed = std::move(out);
        status = out_status;
        out_done = false;
      }
      idle = inbox.empty() && !landed;
      bool full = out && loop->flight_size() > kFlightLimit;
      if (!full) requests.swap(inbox);
      if (stopping && requests.empty() && !out && !landed && loop->flight_size() == 0) break;
    }
    if (landed) loop->settle(std::move(landed), status);
    loop->decide(requests);
    bool busy, more;
    {
      std::lock_guard lock(mutex);
      busy = out != nullptr;
      more = !inbox.empty();
    }
    if (busy) continue;
    auto flight = loop->take_flight();
    if (!flight) {
      if (idle) housekeep();
      continue;
    }
    if (flight->batch.empty()) {
      loop->settle(std::move(flight), Status{});
    } else if (!more && flight->weight() <= kInlineFlight) {
      failpoint("engine.commit.begin");
      Status committed = options.store->commit(flight->batch);
      failpoint("engine.commit.end");
      loop->settle(std::move(flight), committed);
    } else {
      std::lock_guard lock(mutex);
      out = std::move(flight);
      commit_wake.notify_one();
    }
  }
}

void Engine::Impl::run_committer() {
  pthread_setname_np(pthread_self(), "pawl-commit");
  std::unique_lock lock(mutex);
  for (;;) {
    commit_wake.wait(lock, [&] { return committer_stop || (out && !out_done); });
    if (!out || out_done) return;
    lock.unlock();
    failpoint("engine.commit.handed_over");
    Status status = options.store->commit(out->batch);
    failpoint("engine.commit.handed_back");
    lock.lock();
    out_status = std::move(status);
    out_done = true;
    if (sleeping) wake.notify_one();
  }
}

// When nothing else is to do: checkpoint, retention, vacuum, all in short steps.
void Engine::Impl::housekeep() {
  Mono now = clock->mono();
  if (now < next_housekeeping) return;
  next_housekeeping = now + std::chrono::seconds(30);
  auto removed = options.store->purge(clock->now(), options.retention);
  if (removed.ok() && *removed >= options.retention.max_runs_per_step) {
    next_housekeeping = now + std::chrono::milliseconds(50);
  }
  Status idled = options.store->idle();
  if (!removed.ok() || !idled.ok()) {
    log_warning("housekeeping failed; it is tried again later",
                {{"error", !removed.ok() ? removed.error().message : idled.error().message}});
  }
}

Engine::Engine() : impl_(std::make_unique<Impl>()) {}

Result<std::unique_ptr<Engine>> Engine::open(Options options) {
  PAWL_ASSERT(options.store);
  std::unique_ptr<Engine> engine(new Engine());
  Impl& i = *engine->impl_;
  i.clock = options.clock ? options.clock : &system_clock();
  if (options.seed == 0) options.seed = entropy();
  i.options = std::move(options);
  i.loop = std::make_unique<Loop>(i.options, *i.clock, i.options.seed);
  TRY(i.loop->start());
  i.next_worker = i.loop->next_worker_id_;
  i.next_housekeeping = i.clock->mono() + std::chrono::seconds(5);
  i.commit_thread = std::thread([&i] { i.run_committer(); });
  i.loop_thread = std::thread([&i] { i.run_loop(); });
  return engine;
}

Engine::~Engine() { stop(); }

void Engine::stop() {
  Impl& i = *impl_;
  if (!i.loop_thread.joinable()) return;
  {
    std::lock_guard lock(i.mutex);
    i.stopping = true;
  }
  i.wake.notify_one();
  i.loop_thread.join();
  i.loop->end_calls_.clear();  // who waits for an end is woken
  {
    std::lock_guard lock(i.mutex);
    i.committer_stop = true;
  }
  i.commit_wake.notify_one();
  i.commit_thread.join();
}

Result<WorkflowId> Engine::register_workflow(const Definition& d) {
  auto parsed = core::parse_workflow(d.text, d.file, impl_->options.actions);
  if (!parsed.workflow) {
    std::string all;
    for (const auto& f : parsed.findings) {
      if (!f.warning) all += core::render_diagnostic(f, d.text);
    }
    return {Errc::invalid_workflow, all};
  }
  Json links = Json::object();
  for (const auto& [file, id] : d.children)
    links.set(file, id.value);
  RegisterWorkflow r;
  r.row.name = parsed.workflow->name;
  r.row.text = d.text;
  r.row.file = d.file;
  r.row.links = links.dump();
  r.row.hash = sha256_hex(str(d.text, "\n", d.file, "\n", r.row.links));
  r.workflow = parsed.workflow;
  auto slash = d.file.rfind('/');
  r.base_dir = slash == std::string::npos ? "" : d.file.substr(0, slash);
  r.children = d.children;
  auto promise = std::make_shared<std::promise<Result<WorkflowId>>>();
  r.registered = [promise](Result<WorkflowId> id) { promise->set_value(std::move(id)); };
  auto future = promise->get_future();
  impl_->post({std::move(r), {}});
  return future.get();
}

Result<std::shared_ptr<const core::Plan>> Engine::plan(WorkflowId id) {
  {
    std::lock_guard lock(impl_->plans_mutex);
    if (auto it = impl_->plans.find(id); it != impl_->plans.end()) return it->second;
  }
  Result<std::shared_ptr<const core::Plan>> found(Errc::unavailable, "the engine is being stopped");
  impl_->call([&](Loop& l) { found = l.plan(id); });
  if (found.ok()) {
    std::lock_guard lock(impl_->plans_mutex);
    impl_->plans[id] = *found;
  }
  return found;
}

void Engine::submit_async(SubmitRequest request, std::function<void(Result<RunId>)> done) {
  auto p = plan(request.workflow);
  if (!p.ok()) return done(p.error());
  auto inputs = core::check_inputs(*(*p)->workflow,
                                   request.inputs.is_null() ? Json::object() : request.inputs);
  if (!inputs.ok()) return done(inputs.error());
  impl_->post({SubmitRun{std::move(request), *p, std::move(*inputs)}, std::move(done)});
}

Result<RunId> Engine::submit(SubmitRequest request) {
  std::promise<Result<RunId>> promise;
  submit_async(std::move(request), [&](Result<RunId> r) { promise.set_value(std::move(r)); });
  return promise.get_future().get();
}

namespace {
Status status_of(const Result<RunId>& r) { return r.ok() ? Status{} : Status{r.error()}; }
}  // namespace

Status Engine::pause(RunId run, std::string by) {
  return status_of(impl_->ask(CommandRun{run, core::Pause{std::move(by)}}));
}
Status Engine::resume(RunId run, std::string by) {
  return status_of(impl_->ask(CommandRun{run, core::Resume_{std::move(by)}}));
}
Status Engine::cancel(RunId run, std::string by) {
  return status_of(impl_->ask(CommandRun{run, core::Cancel{std::move(by)}}));
}
Status Engine::retry(RunId run, core::Retry command) {
  return status_of(impl_->ask(CommandRun{run, std::move(command)}));
}
Result<RunId> Engine::recover(RunId run, core::Recover command, Json inputs) {
  return impl_->ask(RecoverRun{run, std::move(command), std::move(inputs)});
}
Status Engine::approve(RunId run, core::Approve command) {
  return status_of(impl_->ask(CommandRun{run, std::move(command)}));
}
Status Engine::reject(RunId run, core::Reject command) {
  return status_of(impl_->ask(CommandRun{run, std::move(command)}));
}
Status Engine::inspect(RunId run, const std::function<void(const core::Run&)>& read) {
  return status_of(impl_->ask(InspectRun{run, read}));
}

core::Situation Engine::situation(RunId run) {
  core::Situation s;
  impl_->call([&](Loop& l) { s = l.situation(run); });
  return s;
}

Result<bool> Engine::wait_for_end(RunId run, Mono until) {
  bool exists = false;
  TRY(inspect(run, [&](const core::Run&) { exists = true; }));
  // Tells once: true where the run ended, false where the engine was stopped and let go of it.
  struct Waiter {
    std::promise<bool> ended;
    bool told = false;
    void tell(bool yes) {
      if (!std::exchange(told, true)) ended.set_value(yes);
    }
    ~Waiter() { tell(false); }
  };
  auto waiter = std::make_shared<Waiter>();
  auto future = waiter->ended.get_future();
  (void)impl_->post(
      {CallLoop{[run, waiter](Loop& l) { l.when_ended(run, [waiter] { waiter->tell(true); }); }},
       {}});
  waiter.reset();
  if (until == Mono::max()) {
    future.wait();
  } else if (future.wait_for(std::max(until - impl_->clock->mono(), Duration{0})) !=
             std::future_status::ready) {
    return false;
  }
  if (!future.get()) return {Errc::unavailable, "the engine was stopped before the run ended"};
  return true;
}

std::uint64_t Engine::subscribe(RunId run, std::shared_ptr<Subscriber> subscriber) {
  std::uint64_t number = 0;
  // Returns once every flight before it has landed: what the store has then, and what the
  // subscriber is told from now on, leave no gap.
  auto landed = std::make_shared<std::promise<void>>();
  auto future = landed->get_future();
  bool taken = impl_->post({CallLoop{[&](Loop& l) {
                              number = l.subscribe(run, std::move(subscriber));
                              l.after_commit([landed] { landed->set_value(); });
                            }},
                            {}});
  if (taken) future.wait();
  return number;
}
void Engine::unsubscribe(std::uint64_t number) {
  impl_->call([&](Loop& l) { l.unsubscribe(number); });
}

WorkerId Engine::join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                      std::vector<core::Fence> held) {
  WorkerId id(impl_->next_worker++);
  impl_->post({JoinWorker{id, std::move(info), std::move(link), std::move(held)}, {}});
  return id;
}
void Engine::offer(WorkerId worker, std::uint32_t slots) {
  impl_->post({OfferSlots{worker, slots}, {}});
}
void Engine::report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) {
  impl_->post({TakeReports{worker, std::move(reports), slots}, {}});
}
void Engine::log(WorkerId, core::LogBatch lines) { impl_->post({TakeLog{std::move(lines)}, {}}); }
void Engine::leave(WorkerId worker) { impl_->post({LeaveWorker{worker}, {}}); }

Engine::Statistics Engine::statistics() {
  Statistics s;
  impl_->call([&](Loop& l) { s = l.statistics(); });
  return s;
}

}  // namespace pawl::engine
