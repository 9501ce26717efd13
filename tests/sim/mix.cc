#include "tests/sim/mix.h"

#include <cmath>

namespace pawl::sim {
namespace {

struct Row {
  FaultKind kind;
  const char* name;
  Occasion occasion;
  double least, most;  // the rate is drawn between them, evenly in its logarithm
};

constexpr Row kRows[] = {
    {FaultKind::node_crash, "node_crash", Occasion::time, 8, 60},
    {FaultKind::node_crash_all, "node_crash_all", Occasion::time, 15, 90},
    {FaultKind::crash_decided, "crash_decided", Occasion::step, 0.0005, 0.01},
    {FaultKind::crash_taken, "crash_taken", Occasion::step, 0.0005, 0.01},
    {FaultKind::crash_committed, "crash_committed", Occasion::step, 0.0005, 0.02},
    {FaultKind::crash_landed, "crash_landed", Occasion::step, 0.0005, 0.01},
    {FaultKind::commit_fails, "commit_fails", Occasion::step, 0.002, 0.1},
    {FaultKind::commit_unknown, "commit_unknown", Occasion::step, 0.002, 0.1},
    {FaultKind::commit_slow, "commit_slow", Occasion::step, 0.002, 0.05},
    {FaultKind::disk_full, "disk_full", Occasion::time, 10, 60},
    {FaultKind::read_fails, "read_fails", Occasion::time, 5, 40},
    {FaultKind::message_lost, "message_lost", Occasion::step, 0.001, 0.3},
    {FaultKind::message_doubled, "message_doubled", Occasion::step, 0.001, 0.3},
    {FaultKind::message_late, "message_late", Occasion::step, 0.001, 0.2},
    {FaultKind::cut_one_way, "cut_one_way", Occasion::time, 8, 60},
    {FaultKind::cut_both_ways, "cut_both_ways", Occasion::time, 8, 60},
    {FaultKind::agent_crash, "agent_crash", Occasion::time, 5, 40},
    {FaultKind::agent_restart, "agent_restart", Occasion::time, 5, 40},
    {FaultKind::agent_freeze, "agent_freeze", Occasion::time, 5, 40},
    {FaultKind::agent_leaves, "agent_leaves", Occasion::time, 8, 60},
    {FaultKind::report_doubled, "report_doubled", Occasion::step, 0.01, 0.3},
    {FaultKind::report_stale, "report_stale", Occasion::step, 0.01, 0.3},
    {FaultKind::clock_forward, "clock_forward", Occasion::time, 10, 60},
    {FaultKind::clock_back, "clock_back", Occasion::time, 10, 60},
    {FaultKind::second_engine, "second_engine", Occasion::time, 10, 60},
};
static_assert(std::size(kRows) == kFaultKindCount);

const Row& row_of(FaultKind k) { return kRows[static_cast<std::size_t>(k)]; }

}  // namespace

Occasion occasion_of(FaultKind kind) { return row_of(kind).occasion; }
const char* to_string(FaultKind k) { return row_of(k).name; }

Mix draw_mix(const Scenario& scenario) {
  Random r = Random::stream(scenario.seed, "mix");
  Mix mix;
  // A calm seed has a few kinds, a wild one nearly all.
  double share = 0.25 + 0.7 * r.unit();
  for (const Row& row : kRows) {
    bool on = r.unit() < share;
    double rate = row.least * std::pow(row.most / row.least, r.unit());
    mix.rate[static_cast<std::size_t>(row.kind)] = on ? rate : 0;
  }
  // Every seed has faults that strike often enough to be worth its while.
  constexpr FaultKind kOften[] = {FaultKind::commit_fails, FaultKind::commit_unknown,
                                  FaultKind::message_lost, FaultKind::message_doubled,
                                  FaultKind::message_late};
  FaultKind sure = kOften[r.below(std::size(kOften))];
  mix.rate[static_cast<std::size_t>(sure)] = 0.05 + 0.05 * r.unit();
  for (FaultKind off : scenario.kinds_off)
    mix.rate[static_cast<std::size_t>(off)] = 0;
  return mix;
}

}  // namespace pawl::sim
