#pragma once
// Gateway: the node's side of the remote worker protocol (protocol.h). One session an agent, each
// an engine worker of its own. It lives and dies with the node's process, and records every call at
// the port.

#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "tests/sim/net.h"
#include "tests/sim/protocol.h"

namespace pawl::sim {

class Node;
class Agent;

class Gateway {
 public:
  Gateway(Stage& stage, Net& net, Node& node, std::uint32_t agents);
  ~Gateway();

  // Messages of an agent; `agent` is where answers go to.
  void hello(Agent& agent, const Hello& hello, Duration sent);
  void beat(Agent& agent, SessionId session, Duration sent);
  void up(Agent& agent, SessionId session, std::uint64_t number, std::shared_ptr<const Up> up);
  void down_ack(std::uint32_t agent, SessionId session, std::uint64_t number);

 private:
  class Link;
  struct Session {
    SessionId id;
    Agent* agent = nullptr;
    Hello hello;
    bool joined = false;
    Duration heard{0};
    Duration sent{0};  // when the hello that was heard last was sent
    WorkerId worker;
    std::uint32_t credits = 0;
    std::set<std::tuple<RunId, TaskId, Attempt, Lease>> given;
    Sender<Down> down;
    Receiver<Up> up;
  };
  Session* find(std::uint32_t agent, SessionId id);
  void gone(Agent& agent, SessionId session);
  void welcome(Session& s);
  void wait(Session& s);
  void join_all();
  void join(Session& s);
  void leave(Session& s, const char* why);
  void take(Session& s, const Up& up);
  void push(std::uint32_t agent, SessionId id, Down down);
  void send_down(Session& s, const Sender<Down>::Item& item);
  void watch();
  // Only while this gateway lives.
  void later(Duration wait, std::function<void()> call);
  PortCall& record(const Session& s, PortCall::Kind kind);

  Stage& stage_;
  Net& net_;
  Node& node_;
  std::uint32_t life_, agents_;
  std::uint32_t next_session_ = 1;
  bool open_ = false;  // agents of an earlier life have come, or have had their time
  Duration born_;
  std::map<std::uint32_t, Session> sessions_;  // by agent
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace pawl::sim
