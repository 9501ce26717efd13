#pragma once
// Agent: a remote worker. It speaks the protocol of protocol.h with its node's gateway and carries
// attempts out as their scripts say. Its process may die with its tasks, be restarted while they
// run on (their ends and its own stream are in a spool then), freeze as a whole, or leave in good
// order and come back.

#include <map>
#include <tuple>

#include "tests/sim/net.h"
#include "tests/sim/node.h"
#include "tests/sim/protocol.h"
#include "tests/sim/script.h"

namespace pawl::sim {

class Agent {
 public:
  Agent(Stage& stage, Net& net, Node& node, std::uint32_t number, core::WorkerInfo info,
        std::uint32_t slots);

  void begin();
  // Faults.
  void crash();
  void restart(Duration down);
  void freeze(Duration how_long);
  void leave(Duration away);
  bool up() const { return !down_now_ && !frozen(); }
  std::size_t carries() const { return bodies_.size(); }

  std::uint32_t number() const { return number_; }
  Node& node() { return node_; }
  Place place() const { return {Place::Kind::agent, number_}; }

  // Messages of the gateway.
  void welcome(SessionId session, std::uint32_t hello, Duration sent);
  void wait(std::uint32_t hello, Duration sent);
  void gone(SessionId session, std::uint32_t life);
  void alive(SessionId session, Duration sent, std::uint64_t up_done);
  void up_ack(SessionId session, std::uint64_t done);
  void down(SessionId session, std::uint64_t number, std::shared_ptr<const Down> message);

 private:
  enum class State : std::uint8_t {
    away,      // left in good order, or not yet begun
    greeting,  // says hello until it is welcome
    joined,
    leaving,  // has said so; the gateway has not acknowledged it
  };
  using Key = std::tuple<RunId, TaskId, Attempt, Lease>;
  static Key key_of(const core::Fence& f) { return {f.run, f.task, f.attempt, f.lease}; }
  struct Body {
    core::Assignment assignment;
    Script script;
    std::size_t execution = 0;  // in history.executions
    std::uint64_t number = 0;   // unique: things that are due look for it
    bool begun = false;
    bool stopping = false;  // a cancel is under way
    std::vector<core::LogLine> printed;
    std::string checkpoint;
    bool best = false;
  };
  struct Evidence {
    core::Report report;
    std::vector<core::LogLine> printed;
    std::size_t execution = 0;
  };

  bool frozen() const { return static_cast<bool>(frozen_at_); }  // until thaw()
  // Whether a message may be taken in now; a frozen agent takes it in when it thaws.
  bool hears(std::function<void()> again);
  void thaw();
  void tick();
  void tick_in(Duration wait);
  void greet();
  void come_back(Duration away, std::uint32_t life);
  void say_hello();
  void fence(At when);
  void send(Up up);
  void send_up(const Sender<Up>::Item& item);
  template <typename F>
  void to_gateway(bool idle, F&& call);

  // Bodies.
  void take(const Down& down);
  void accept(const core::Assignment& a, WorkerId worker);
  void due(Duration wait, const Key& key, std::uint64_t number, std::function<void(Body&)> what);
  void begin_body(const Key& key, Body& body);
  void sign(Body& body, std::size_t which);
  void print(Body& body, std::size_t which);
  // Its lease ends: by its own end, a cancel, a release.
  void finish(const Key& key, core::Report report, Execution::End end);
  // Its body ends without a report.
  void drop(const Key& key, Execution::End end, At when);
  void drop_all(Execution::End end, At when);
  void refused(const core::Fence& f);
  void recorded(const core::Fence& f);

  Stage& stage_;
  Net& net_;
  Node& node_;
  std::uint32_t number_;
  core::WorkerInfo info_;
  std::uint32_t slots_;
  Random random_;
  std::uint32_t life_ = 1;
  State state_ = State::away;
  bool down_now_ = false;      // its process does not run
  std::uint64_t ticking_ = 0;  // which chain of ticks goes on
  std::uint64_t absence_ = 0;  // which end of a restart or leave is awaited
  Duration frozen_until_{0};
  At frozen_at_;
  Duration valid_until_{0};
  SessionId session_;
  Hello hello_;
  Sender<Up> up_;
  Receiver<Down> down_;
  std::map<Key, Body> bodies_;
  std::map<Key, Evidence> evidence_;
  std::uint64_t next_body_ = 1;
};

}  // namespace pawl::sim
