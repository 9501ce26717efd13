#include "tests/sim/coverage.h"

namespace pawl::sim {
namespace {

template <typename Table, typename State>
std::uint64_t bit_of(const Table& table, State from, State to, core::Cause cause) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].from == from && table[i].to == to && table[i].cause == cause) {
      return std::uint64_t{1} << i;
    }
  }
  return 0;
}

void follow(const core::Run& run, const std::vector<core::Event>& events, Coverage& c) {
  // A run made of an older one begins so; no event says it.
  auto state = run.source ? core::RunState::recovering : core::RunState::pending;
  std::vector<core::TaskState> tasks(run.task_count(), core::TaskState::pending);
  for (const auto& e : events) {
    if (e.kind == core::EventKind::run_state) {
      auto cause = is_final(state) ? core::Cause::recover : core::Cause::progress;
      c.run_moves |= bit_of(core::kRunMoves, state, e.run_state, cause);
      state = e.run_state;
    } else if (e.kind == core::EventKind::task_state && e.task < tasks.size()) {
      auto& from = tasks[e.task];
      auto cause = is_final(from) ? core::Cause::recover : core::Cause::progress;
      c.task_moves |= bit_of(core::kTaskMoves, from, e.task_state, cause);
      from = e.task_state;
    }
  }
}

template <typename Table>
void miss(const Table& table, std::uint64_t taken, const char* what,
          std::vector<std::string>& out) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (taken >> i & 1) continue;
    out.push_back(str(what, " ", to_string(table[i].from), " -> ", to_string(table[i].to),
                      table[i].cause == core::Cause::recover ? " (recover)" : ""));
  }
}

}  // namespace

Coverage coverage_of(const World& world) {
  Coverage c;
  c.features = world.features();
  for (const Fault& f : world.history().faults) {
    if (f.effective) c.faults |= std::uint64_t{1} << static_cast<unsigned>(f.kind);
  }
  const Stores& stores = world.stores();
  for (std::uint32_t n = 0; n < stores.count(); ++n) {
    RunId last = stores.last_run(n);
    for (std::int64_t i = 1; i <= last.value; ++i) {
      if (const auto* run = stores.run(n, RunId(i))) follow(*run, stores.events(n, RunId(i)), c);
    }
  }
  return c;
}

std::vector<std::string> missing(const Coverage& c) {
  std::vector<std::string> out;
  miss(core::kTaskMoves, c.task_moves, "a task's move", out);
  miss(core::kRunMoves, c.run_moves, "a run's move", out);
  for (int k = 0; k < kFaultKindCount; ++k) {
    if (!(c.faults >> k & 1)) out.push_back(str("fault ", to_string(static_cast<FaultKind>(k))));
  }
  for (int f = 0; f < kFeatureCount; ++f) {
    if (!(c.features >> f & 1)) out.push_back(str("feature ", to_string(static_cast<Feature>(f))));
  }
  return out;
}

}  // namespace pawl::sim
