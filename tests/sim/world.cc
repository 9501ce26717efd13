#include "tests/sim/world.h"

#include <cmath>

namespace pawl::sim {

using namespace std::chrono_literals;

namespace {

// Faults last at least so long, and until enough has happened: a thin world goes on for longer, up
// to where it is plain that it never will.
constexpr Duration kLeastFaulty = 20s, kMostFaulty = 3600s;
// Timers are wall time: a clock that went back makes them late by as much.
constexpr Duration kMostBack = 600s;

// No seed needs a tenth of so many attempts: some task begins again and again for no reason.
constexpr std::size_t kMostExecutions = 20'000;

Duration seconds(double s) { return Duration{static_cast<std::int64_t>(s * 1e6)}; }

}  // namespace

World::World(const Scenario& scenario, bool tracing)
    : stage_(scenario, tracing), net_(stage_), random_(Random::stream(scenario.seed, "world")) {
  auto nodes = static_cast<std::uint32_t>(1 + random_.below(3));
  stage_.history.nodes = nodes;
  stage_.history.resources = {{"gpu", 2}, {"disk", 1}};
  std::vector<store::Store*> plain;
  std::uint32_t next_agent = 0;
  for (std::uint32_t n = 0; n < nodes; ++n) {
    engine::Options o;
    o.resources = stage_.history.resources;
    static constexpr std::size_t kCaches[] = {1, 64u << 10, 32u << 20};
    o.cache_bytes = kCaches[random_.below(3)];
    auto agents = static_cast<std::uint32_t>(1 + random_.below(3));
    nodes_.push_back(std::make_unique<Node>(stage_, net_, n, agents, o));
    plain.push_back(&nodes_.back()->store().plain());
    for (std::uint32_t a = 0; a < agents; ++a) {
      core::WorkerInfo info;
      info.name = str("agent", next_agent);
      // The first serves all; the others may be choosy.
      if (a > 0 && random_.below(2)) {
        info.queues = {"default"};
        if (random_.below(2)) info.queues.push_back("gpu");
      }
      agents_.push_back(std::make_unique<Agent>(stage_, net_, *nodes_.back(), next_agent++,
                                                std::move(info),
                                                static_cast<std::uint32_t>(1 + random_.below(6))));
    }
  }
  stores_ = std::make_unique<Stores>(std::move(plain));
  for (auto& node : nodes_)
    people_.push_back(std::make_unique<People>(stage_, net_, *node, *stores_));
}

World::~World() = default;

void World::run() {
  for (auto& node : nodes_)
    node->boot();
  for (auto& agent : agents_)
    agent->begin();
  for (auto& people : people_)
    people->begin();
  for (int k = 0; k < kFaultKindCount; ++k) {
    auto kind = static_cast<FaultKind>(k);
    if (occasion_of(kind) == Occasion::time && stage_.mix.of(kind) > 0) schedule(kind);
  }
  while (!enough())
    stage_.queue.step();
  heal();
  Duration look{0}, until = stage_.now() + kBound;
  while (stage_.now() < until) {
    stage_.queue.step();
    if (runaway()) break;
    if (stage_.now() < look) continue;
    look = stage_.now() + 500ms;
    if (at_rest()) break;
  }
  stage_.history.rested = at_rest();
  stage_.history.ended = stage_.at();
}

std::uint64_t World::transitions() const {
  std::uint64_t all = 0;
  for (const auto& node : nodes_)
    all += node->transitions();
  return all;
}

std::uint64_t World::features() const {
  std::uint64_t all = 0;
  for (const auto& people : people_)
    all |= people->features();
  return all;
}

bool World::runaway() const { return stage_.history.executions.size() > kMostExecutions; }

bool World::enough() const {
  if (runaway()) return true;
  Duration now = stage_.now();
  if (stage_.scenario.faulty_for) return now >= *stage_.scenario.faulty_for;
  if (now >= kMostFaulty) return true;
  if (now < kLeastFaulty || stage_.effective_faults() < kLeastFaults) return false;
  return transitions() >= kLeastTransitions;
}

bool World::at_rest() const {
  for (const auto& people : people_) {
    if (!people->at_rest()) return false;
  }
  for (const auto& node : nodes_) {
    if (!node->up() || node->busy()) return false;
  }
  return true;
}

// Of those that come over time: the next of this kind.
void World::schedule(FaultKind kind) {
  double wait = -std::log(1 - random_.unit()) * stage_.mix.of(kind);
  stage_.after(seconds(wait), [this, kind] {
    if (!stage_.faulty()) return;
    schedule(kind);
    strike(kind);
  });
}

void World::strike(FaultKind kind) {
  Node& node = *nodes_[random_.below(nodes_.size())];
  Agent& agent = *agents_[random_.below(agents_.size())];
  switch (kind) {
    case FaultKind::agent_crash:
    case FaultKind::agent_restart:
    case FaultKind::agent_freeze:
    case FaultKind::agent_leaves:
      return strike_agent(kind, agent);
    case FaultKind::cut_one_way:
    case FaultKind::cut_both_ways:
      return cut(kind, agent);
    default:
      return strike_node(kind, node);
  }
}

void World::strike_node(FaultKind kind, Node& node) {
  double lasts = 0.2 + random_.unit() * (random_.below(5) ? 3 : 15);
  double draw = random_.unit();
  auto far = random_.below(6);
  if (!node.up()) return;
  auto struck = [&](std::string what) {
    return stage_.strike(kind, node.number(), 0, node.busy(), std::move(what));
  };
  switch (kind) {
    case FaultKind::node_crash:
      if (struck("")) node.crash(kind);
      return;
    case FaultKind::node_crash_all:
      if (!struck("")) return;
      node.crash(kind);
      for (auto& agent : agents_) {
        if (&agent->node() == &node) agent->crash();
      }
      return;
    case FaultKind::disk_full:
      if (struck(str("for ", format_duration(seconds(lasts))))) node.store().fill(seconds(lasts));
      return;
    case FaultKind::read_fails:
      if (struck(str("for ", format_duration(seconds(lasts)))))
        node.store().fail_reads(seconds(lasts), 0.1 + 0.9 * draw);
      return;
    case FaultKind::clock_forward:
    case FaultKind::clock_back: {
      // Mostly seconds; now and then an hour, or years.
      Duration by = seconds(far == 0 ? 3600 * draw : far == 1 ? 3.2e8 * draw : 30 * draw);
      if (kind == FaultKind::clock_back) {
        Duration& back = set_back_[node.number()];
        by = std::min<Duration>(by, kMostBack - back);
        if (by.count() <= 0) return;
        if (!struck(str("by ", format_duration(by)))) return;
        back += by;
        by = -by;
      } else if (!struck(str("by ", format_duration(by)))) {
        return;
      }
      return node.jump_clock(by);
    }
    default:
      if (struck("")) node.try_second_engine();
  }
}

void World::strike_agent(FaultKind kind, Agent& agent) {
  double draw = random_.unit();
  double lasts = kind == FaultKind::agent_restart ? 0.1 + 3 * draw
                 : random_.below(3)               ? 0.1 + 4 * draw
                                                  : 5 + 15 * draw;
  if (!agent.up()) return;
  if (!stage_.strike(kind, agent.node().number(), agent.number(), agent.carries() > 0, "")) return;
  if (kind == FaultKind::agent_crash) return agent.crash();
  if (kind == FaultKind::agent_restart) return agent.restart(seconds(lasts));
  if (kind == FaultKind::agent_freeze) return agent.freeze(seconds(lasts));
  agent.leave(seconds(lasts));
}

// Between a node and one of its agents, or its clients.
void World::cut(FaultKind kind, Agent& agent) {
  bool clients = random_.below(4) == 0, outwards = random_.below(2);
  Duration lasts = seconds(random_.below(3) ? 0.2 + 4 * random_.unit() : 5 + 15 * random_.unit());
  Node& node = agent.node();
  Place here = node.place();
  Place there = clients ? Place{Place::Kind::client, node.number()} : agent.place();
  if (!stage_.strike(kind, node.number(), agent.number(), node.busy(),
                     str(clients ? "clients" : "agent", " for ", format_duration(lasts)))) {
    return;
  }
  if (kind == FaultKind::cut_both_ways || outwards) net_.cut(here, there, lasts);
  if (kind == FaultKind::cut_both_ways || !outwards) net_.cut(there, here, lasts);
}

void World::heal() {
  stage_.heal();
  net_.heal();
  for (auto& node : nodes_)
    node->store().heal();
  // What is frozen or away comes back by itself, soon.
  for (auto& people : people_)
    people->heal();
}

}  // namespace pawl::sim
