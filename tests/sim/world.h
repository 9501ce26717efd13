#pragma once
// World: everything there is in one seed, put together and let run. Two phases: faults on, until
// enough has happened; then they end, what lasted of them is mended, and all must come to its end
// within a bound.

#include <array>
#include <memory>
#include <vector>

#include "tests/sim/agent.h"
#include "tests/sim/check.h"
#include "tests/sim/people.h"

namespace pawl::sim {

inline constexpr std::uint32_t kLeastTransitions = 500;
inline constexpr std::uint32_t kLeastFaults = 30;
inline constexpr Duration kBound{std::chrono::hours(2)};  // from the last fault to the end

class World {
 public:
  explicit World(const Scenario& scenario, bool tracing = false);
  ~World();

  void run();
  const History& history() const { return stage_.history; }
  const Stores& stores() const { return *stores_; }
  Stage& stage() { return stage_; }
  std::uint64_t transitions() const;
  std::uint64_t features() const;

 private:
  void schedule(FaultKind kind);
  void strike(FaultKind kind);
  void strike_node(FaultKind kind, Node& node);
  void strike_agent(FaultKind kind, Agent& agent);
  void cut(FaultKind kind, Agent& agent);
  void heal();
  bool runaway() const;
  bool enough() const;
  bool at_rest() const;

  Stage stage_;
  Net net_;
  Random random_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::vector<std::unique_ptr<People>> people_;
  std::unique_ptr<Stores> stores_;
  std::array<Duration, 8> set_back_{};  // how far each node's wall clock went back in all
};

}  // namespace pawl::sim
