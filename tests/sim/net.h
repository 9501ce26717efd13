#pragma once
// Net: messages between machines. Each takes a while of its own, so they overtake each other; one
// may be lost, doubled or late; machines may be cut off from each other, one way or both.

#include <functional>
#include <map>
#include <utility>

#include "tests/sim/stage.h"

namespace pawl::sim {

// A machine: the node's, an agent's, a client's.
struct Place {
  enum class Kind : std::uint8_t { node, agent, client };
  Kind kind = Kind::node;
  std::uint32_t number = 0;
  auto operator<=>(const Place&) const = default;
};

class Net {
 public:
  explicit Net(Stage& stage) : stage_(stage), random_(Random::stream(stage.scenario.seed, "net")) {}
  // `deliver` is called as often as the message arrives; it must check that its receiver still
  // lives. `node` is the one it concerns; `idle`: no work hangs on it.
  void send(Place from, Place to, std::uint32_t node, bool idle, std::function<void()> deliver);
  void cut(Place from, Place to, Duration how_long);
  void heal() { cuts_.clear(); }

 private:
  Stage& stage_;
  Random random_;
  std::map<std::pair<Place, Place>, Duration> cuts_;  // until when
};

}  // namespace pawl::sim
