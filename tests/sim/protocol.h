#pragma once
// The remote worker protocol of the simulated world. The WorkerPort is in-process and loses
// nothing; a network loses, doubles and delays. Between the two stand the gateway (in the node's
// process, an engine worker for each session) and the agent (the remote machine):
//
// * Within a session each direction is a numbered stream: sent again until acknowledged, delivered
//   in order and once. So the port sees no fault that its contract excludes.
// * A session ends when the gateway has not heard from its agent for kLease: the worker leaves, its
//   attempts are given to others. An agent that has had no sign of its node for kValid < kLease has
//   killed what it ran by then: an attempt never runs twice at once.
// * After the node's process died, a new one waits for its agents for kLease at most (less, where
//   all have come) and then lets them join together, each with what it still carries. An agent that
//   comes later has killed its own.
// * What an agent ended without a receipt it reports again in its next session, under the old
// fence.

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "core/worker_port.h"
#include "tests/sim/stage.h"

namespace pawl::sim {

inline constexpr Duration kLease{10'000'000};
inline constexpr Duration kValid{7'000'000};
inline constexpr Duration kTick{1'000'000};  // how often an agent gives a sign of life

// Which session: the node's life, and a number within it. life 0: none.
struct SessionId {
  std::uint32_t life = 0, number = 0;
  bool operator==(const SessionId&) const = default;
  explicit operator bool() const { return life != 0; }
};

// Agent to engine.
struct Up {
  std::vector<core::Report> reports;
  core::LogBatch lines;  // where there are no reports
  std::uint32_t slots = 0;
  bool leave = false;
};
// Engine to agent.
struct Down {
  enum class Kind : std::uint8_t { assign, cancel, refused, recorded };
  Kind kind = Kind::assign;
  std::vector<core::Assignment> assignments;
  std::vector<core::Fence> fences;
  WorkerId worker;
};
struct Hello {
  std::uint32_t agent = 0, agent_life = 0, number = 0;  // number: this agent's hellos, growing
  core::WorkerInfo info;
  std::vector<core::Fence> held;
  std::uint32_t slots = 0;
};

template <typename M>
class Sender {
 public:
  struct Item {
    std::uint64_t number;
    Duration sent;
    std::shared_ptr<const M> message;
  };
  Item& add(M message, Duration now) {
    items_.push_back({++last_, now, std::make_shared<const M>(std::move(message))});
    return items_.back();
  }
  void acknowledged(std::uint64_t number) {
    while (!items_.empty() && items_.front().number <= number)
      items_.pop_front();
  }
  // Those that were sent a while ago, to be sent again.
  template <typename F>
  void resend(Duration now, F&& send) {
    for (Item& i : items_) {
      if (now - i.sent < Duration{300'000}) continue;
      i.sent = now;
      send(i);
    }
  }
  const std::deque<Item>& items() const { return items_; }

 private:
  std::deque<Item> items_;
  std::uint64_t last_ = 0;
};

template <typename M>
class Receiver {
 public:
  // Takes one in; calls `deliver` for each that is due now, in order.
  template <typename F>
  void take(std::uint64_t number, const std::shared_ptr<const M>& message, F&& deliver) {
    if (number > done_) early_.try_emplace(number, message);
    while (!early_.empty() && early_.begin()->first == done_ + 1) {
      auto next = early_.begin()->second;
      early_.erase(early_.begin());
      ++done_;
      deliver(*next);
    }
  }
  std::uint64_t done() const { return done_; }

 private:
  std::map<std::uint64_t, std::shared_ptr<const M>> early_;
  std::uint64_t done_ = 0;
};

}  // namespace pawl::sim
