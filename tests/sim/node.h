#pragma once
// Node: a data directory and the engine's process on it. The process is the real Loop, stepped as
// the engine's threads would step it:
//
//   inbox --> decide --> take --> [commit begun ... applied ... known] --> land
//                ^--- goes on while a commit is out ---|
//
// A crash may come between any two of these. It takes the loop, the inbox, the gateway with its
// sessions and the flight that is out; the store stays with what was applied.

#include <memory>
#include <optional>
#include <vector>

#include "engine/loop.h"
#include "tests/sim/net.h"
#include "tests/sim/sim_store.h"

namespace pawl::sim {

class Gateway;

class WorldClock final : public Clock {
 public:
  explicit WorldClock(const Stage& stage) : stage_(stage) {}
  Time now() const override { return kEpoch + stage_.now() + offset; }
  Mono mono() const override { return Mono(stage_.now()); }
  Duration offset{0};

 private:
  const Stage& stage_;
};

class Node {
 public:
  Node(Stage& stage, Net& net, std::uint32_t number, std::uint32_t agents, engine::Options options);
  ~Node();

  void boot();
  void crash(FaultKind how);
  // A request of a client arrived. `reply` is called when the engine has said something.
  using Reply = std::function<void(Answer)>;
  void take(const Request& request, Reply reply);
  // Called by the gateway.
  void post(decltype(engine::Request::body) body);
  WorkerId next_worker() { return WorkerId(next_worker_++); }
  void jump_clock(Duration by);
  void try_second_engine();

  std::uint32_t number() const { return number_; }
  Place place() const { return {Place::Kind::node, number_}; }
  std::uint32_t life() const { return life_; }
  bool up() const { return loop_ != nullptr; }
  bool busy() const;                // work is in flight
  std::uint32_t flying_agents = 0;  // attempts that its agents carry now
  SimStore& store() { return store_; }
  Gateway* gateway() { return gateway_.get(); }
  const Clock& clock() const { return clock_; }
  Duration offset() const { return clock_.offset; }
  // Events of moves that subscribers were told.
  std::uint64_t transitions() const { return transitions_; }

 private:
  class Ear;
  void wake();
  void turn();
  void arm();
  bool crashes(FaultKind kind);
  void take_flight();
  void begin_commit();
  void apply(std::size_t commit, Errc code, bool fails, bool unknown);
  void land();
  void take_define(const Request& request, Reply reply);
  void take_submit(const Request& request, Reply reply);
  void answer(const Reply& reply, const Result<RunId>& result);

  Stage& stage_;
  Net& net_;
  std::uint32_t number_, agents_;
  engine::Options options_;
  Random random_;
  SimStore store_;
  WorldClock clock_;
  std::uint32_t life_ = 0;
  std::uint32_t next_worker_ = 1;

  // Of one life.
  std::unique_ptr<engine::Loop> loop_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<engine::Request> inbox_;
  std::unique_ptr<engine::Flight> out_;
  std::optional<Status> outcome_;
  std::size_t commit_ = 0;  // the one that is out, in history.commits
  bool woken_ = false;
  std::uint64_t alarm_ = 0;
  std::uint64_t transitions_ = 0;
};

}  // namespace pawl::sim
