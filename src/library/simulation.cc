// The test kit: an orchestrator in memory, whose time passes when everything waits.
#include <algorithm>
#include <atomic>
#include <thread>

#include "library/orchestrator_impl.h"
#include "library/run_info.h"
#include "library/sim_clock.h"
#include "pawl/testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::v1 {

struct Simulation::Impl {
  explicit Impl(Options its_options) : options(std::move(its_options)) {
    orchestrator = OrchestratorAccess::make(life());
  }

  std::shared_ptr<Orchestrator::Impl> life() {
    auto opened = Orchestrator::Impl::open(options, store, clock, true);
    if (!opened.ok()) value_of_failure(opened.status());
    return *std::move(opened);
  }
  Orchestrator::Impl& now_living() { return OrchestratorAccess::of(*orchestrator); }

  // All that the engine was told before is decided and committed when this returns.
  engine::Engine::Statistics barrier() {
    auto& engine = *now_living().engine;
    (void)engine.inspect(pawl::RunId(1), [](const core::Run&) {}).ok();
    return engine.statistics();
  }

  // Twice in a row nothing new, and no handler computes: what is left waits for time.
  void settle() {
    auto& crew = *now_living().crew;
    auto before = barrier();
    for (int quiet = 0; quiet < 2;) {
      bool still = crew.quiet();
      auto after = barrier();
      still = still && !after.scanning && after.commits == before.commits &&
              after.tasks_ended == before.tasks_ended && crew.quiet();
      before = after;
      quiet = still ? quiet + 1 : 0;
      if (!still) std::this_thread::yield();
    }
  }

  // How long until something is due; nothing where only a caller can go on.
  std::optional<Duration> until_due() {
    std::optional<Duration> wait;
    auto sooner = [&](Duration d) { wait = std::min(wait.value_or(d), std::max(d, Duration(0))); };
    if (Mono due = now_living().crew->next_due(); due != Mono::max()) sooner(due - clock->mono());
    store::RunFilter filter;
    filter.limit = 500;
    for (;;) {
      auto rows = store->list_runs(filter);
      if (!rows.ok()) value_of_failure(to_status(rows.error()));
      for (const auto& row : *rows)
        if (row.header.open && row.header.wake != kNever) sooner(row.header.wake - clock->now());
      if (rows->size() < filter.limit) return wait;
      filter.before = rows->back().header.id;
    }
  }

  void pass(Duration time) {
    clock->advance(time);
    now_living().crew->poke();
    (void)barrier();
  }

  Options options;
  std::shared_ptr<SimClock> clock = std::make_shared<SimClock>();
  std::shared_ptr<store::Store> store = store::open_memory();
  std::unique_ptr<Orchestrator> orchestrator;
};

Simulation::Simulation(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Simulation::~Simulation() = default;

Orchestrator& Simulation::operator*() { return *impl_->orchestrator; }
Orchestrator* Simulation::operator->() { return impl_->orchestrator.get(); }

Result<RunInfo> Simulation::run_to_end(const std::string& workflow, Value input, RunOptions options,
                                       Millis at_most) {
  auto run = impl_->orchestrator->start(workflow, std::move(input), std::move(options));
  if (!run.ok()) return run.status();
  return to_end(*run, at_most);
}

Result<RunInfo> Simulation::to_end(RunId run, Millis at_most) {
  Time last = impl_->clock->now() + at_most;
  for (;;) {
    impl_->settle();
    auto info = impl_->orchestrator->get(run);
    if (!info.ok() || is_final(info->state)) return info;
    auto wait = impl_->until_due();
    if (!wait) return info;
    if (impl_->clock->now() + *wait > last) {
      return {Code::timeout, "the run has not ended within the simulated time given",
              "get() says what its steps wait for"};
    }
    impl_->pass(*wait);
  }
}

void Simulation::advance(Millis time) {
  Duration left = time;
  for (;;) {
    impl_->settle();
    auto wait = impl_->until_due();
    if (!wait || *wait > left) break;
    impl_->pass(*wait);
    left -= *wait;
  }
  impl_->pass(left);
  impl_->settle();
}

void Simulation::settle() { impl_->settle(); }

TimePoint Simulation::now() const { return to_time_point(impl_->clock->now()); }
Millis Simulation::elapsed() const {
  return std::chrono::duration_cast<Millis>(impl_->clock->passed());
}

void Simulation::crash() {
  impl_->now_living().halt();
  OrchestratorAccess::replace(*impl_->orchestrator, impl_->life());
}

}  // namespace pawl::v1
