#include "tests/sim/gateway.h"

#include "tests/sim/agent.h"
#include "tests/sim/node.h"

namespace pawl::sim {

using namespace std::chrono_literals;

// The engine's hold on a session's agent.
class Gateway::Link final : public core::WorkerLink {
 public:
  Link(Gateway& gateway, std::shared_ptr<bool> alive, std::uint32_t agent, SessionId id)
      : gateway_(gateway), alive_(std::move(alive)), agent_(agent), id_(id) {}
  void assign(std::vector<core::Assignment> batch) override {
    Session* s = session();
    if (!s) return;
    for (const auto& a : batch) {
      const core::Fence& f = a.fence;
      gateway_.record(*s, PortCall::Kind::assign).fence = f;
      auto what = str("node ", gateway_.node_.number(), " run ", f.run.value, " task ", a.path,
                      " attempt ", f.attempt, " lease ", f.lease);
      if (!s->given.insert({f.run, f.task, f.attempt, f.lease}).second) {
        gateway_.stage_.breach(what + " was given out twice to one worker");
      }
      if (s->credits == 0) {
        gateway_.stage_.breach(what + " was given to a worker that had offered no slot");
      } else {
        --s->credits;
      }
    }
    gateway_.push(agent_, id_, {Down::Kind::assign, std::move(batch), {}, s->worker});
  }
  void cancel(const core::Fence& fence) override {
    tell(Down::Kind::cancel, PortCall::Kind::cancel, {fence});
  }
  void refused(const core::Fence& fence) override {
    tell(Down::Kind::refused, PortCall::Kind::refused, {fence});
  }
  void recorded(std::vector<core::Fence> fences) override {
    tell(Down::Kind::recorded, PortCall::Kind::recorded, std::move(fences));
  }

 private:
  // Null where the session has ended: what the engine still says is for nobody.
  Session* session() { return *alive_ ? gateway_.find(agent_, id_) : nullptr; }
  void tell(Down::Kind kind, PortCall::Kind call, std::vector<core::Fence> fences) {
    Session* s = session();
    if (!s) return;
    for (const auto& f : fences)
      gateway_.record(*s, call).fence = f;
    gateway_.push(agent_, id_, {kind, {}, std::move(fences), s->worker});
  }

  Gateway& gateway_;
  std::shared_ptr<bool> alive_;
  std::uint32_t agent_;
  SessionId id_;
};

Gateway::Gateway(Stage& stage, Net& net, Node& node, std::uint32_t agents)
    : stage_(stage),
      net_(net),
      node_(node),
      life_(node.life()),
      agents_(agents),
      born_(stage.now()) {
  later(kLease, [this] { join_all(); });
  later(kTick, [this] { watch(); });
}

Gateway::~Gateway() { *alive_ = false; }

void Gateway::later(Duration wait, std::function<void()> call) {
  stage_.after(wait, [alive = alive_, call = std::move(call)] {
    if (*alive) call();
  });
}

PortCall& Gateway::record(const Session& s, PortCall::Kind kind) {
  PortCall c;
  c.at = stage_.at();
  c.node = node_.number();
  c.life = life_;
  c.agent = s.hello.agent;
  c.agent_life = s.hello.agent_life;
  c.worker = s.worker;
  c.kind = kind;
  stage_.history.calls.push_back(std::move(c));
  return stage_.history.calls.back();
}

Gateway::Session* Gateway::find(std::uint32_t agent, SessionId id) {
  auto s = sessions_.find(agent);
  return s != sessions_.end() && s->second.id == id ? &s->second : nullptr;
}

void Gateway::hello(Agent& agent, const Hello& h, Duration sent) {
  if (sent < born_) return;  // on a connection to the process before: what it holds has changed
  auto known = sessions_.find(h.agent);
  if (known != sessions_.end()) {
    Session& s = known->second;
    if (h.number < s.hello.number) return;  // an old one came late
    if (h.number == s.hello.number) {
      s.heard = stage_.now();
      s.sent = std::max(s.sent, sent);
      return s.joined ? welcome(s) : wait(s);
    }
    // It has begun anew, and so has ended what it ran before.
    if (s.joined) leave(s, "its agent began anew");
    sessions_.erase(known);
  }
  Session s;
  s.id = {life_, next_session_++};
  s.agent = &agent;
  s.hello = h;
  s.heard = stage_.now();
  s.sent = sent;
  Session& here = sessions_.emplace(h.agent, std::move(s)).first->second;
  if (open_) return join(here);
  if (sessions_.size() == agents_) return join_all();
  wait(here);
}

void Gateway::wait(Session& s) {
  Agent* agent = s.agent;
  net_.send(node_.place(), agent->place(), node_.number(), true,
            [agent, number = s.hello.number, sent = s.sent] { agent->wait(number, sent); });
}

void Gateway::join_all() {
  if (open_) return;
  open_ = true;
  for (auto& [agent, s] : sessions_)
    join(s);
}

void Gateway::join(Session& s) {
  s.joined = true;
  s.heard = stage_.now();
  s.worker = node_.next_worker();
  s.credits = s.hello.slots;
  stage_.note("node ", node_.number(), " agent ", s.hello.agent, " joins as worker ",
              s.worker.value, " holding ", s.hello.held.size(), ", ", s.hello.slots, " slots");
  record(s, PortCall::Kind::join);
  for (const auto& f : s.hello.held)
    record(s, PortCall::Kind::join).fence = f;
  auto link = std::make_shared<Link>(*this, alive_, s.hello.agent, s.id);
  node_.post(engine::JoinWorker{s.worker, s.hello.info, std::move(link), s.hello.held});
  if (s.hello.slots > 0) {
    record(s, PortCall::Kind::offer).slots = s.hello.slots;
    node_.post(engine::OfferSlots{s.worker, s.hello.slots});
  }
  welcome(s);
}

void Gateway::leave(Session& s, const char* why) {
  stage_.note("node ", node_.number(), " worker ", s.worker.value, " leaves: ", why);
  record(s, PortCall::Kind::leave);
  node_.post(engine::LeaveWorker{s.worker});
}

void Gateway::welcome(Session& s) {
  Agent* agent = s.agent;
  net_.send(node_.place(), agent->place(), node_.number(), true,
            [agent, id = s.id, number = s.hello.number, sent = s.sent] {
              agent->welcome(id, number, sent);
            });
}

// The agent's session is not known here.
void Gateway::gone(Agent& agent, SessionId session) {
  net_.send(node_.place(), agent.place(), node_.number(), true,
            [&agent, session, life = life_] { agent.gone(session, life); });
}

void Gateway::beat(Agent& agent, SessionId session, Duration sent) {
  Session* s = find(agent.number(), session);
  if (!s || !s->joined) return gone(agent, session);
  s->heard = stage_.now();
  net_.send(node_.place(), agent.place(), node_.number(), true,
            [&agent, session, sent, done = s->up.done()] { agent.alive(session, sent, done); });
  s->down.resend(stage_.now(), [&](const auto& item) { send_down(*s, item); });
}

void Gateway::up(Agent& agent, SessionId session, std::uint64_t number,
                 std::shared_ptr<const Up> message) {
  Session* s = find(agent.number(), session);
  if (!s || !s->joined) return gone(agent, session);
  s->heard = stage_.now();
  bool left = false;
  s->up.take(number, message, [&](const Up& u) {
    left = left || u.leave;
    take(*s, u);
  });
  net_.send(node_.place(), agent.place(), node_.number(), true,
            [&agent, session, done = s->up.done()] { agent.up_ack(session, done); });
  if (!left) return;
  leave(*s, "in good order");
  sessions_.erase(agent.number());
}

void Gateway::take(Session& s, const Up& u) {
  if (!u.reports.empty()) {
    std::uint32_t slots = u.slots;
    for (const auto& r : u.reports) {
      auto& c = record(s, PortCall::Kind::report);
      c.fence = r.fence;
      c.slots = std::exchange(slots, 0u);
      c.report = std::make_shared<core::Report>(r);
    }
    s.credits += u.slots;
    node_.post(engine::TakeReports{s.worker, u.reports, u.slots});
  } else if (!u.lines.lines.empty()) {
    auto& c = record(s, PortCall::Kind::log);
    c.fence = u.lines.fence;
    c.lines = std::make_shared<core::LogBatch>(u.lines);
    node_.post(engine::TakeLog{u.lines});
  } else if (u.slots > 0) {
    record(s, PortCall::Kind::offer).slots = u.slots;
    s.credits += u.slots;
    node_.post(engine::OfferSlots{s.worker, u.slots});
  }
}

void Gateway::push(std::uint32_t agent, SessionId id, Down down) {
  Session* s = find(agent, id);
  if (!s) return;
  send_down(*s, s->down.add(std::move(down), stage_.now()));
}

void Gateway::send_down(Session& s, const Sender<Down>::Item& item) {
  Agent* agent = s.agent;
  net_.send(node_.place(), agent->place(), node_.number(), false,
            [agent, id = s.id, number = item.number, message = item.message] {
              agent->down(id, number, message);
            });
}

void Gateway::down_ack(std::uint32_t agent, SessionId session, std::uint64_t number) {
  Session* s = find(agent, session);
  if (!s) return;
  s->heard = stage_.now();
  s->down.acknowledged(number);
}

// Sessions that were not heard of for a lease end.
void Gateway::watch() {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    Session& s = it->second;
    bool silent = s.joined && stage_.now() - s.heard > kLease;
    if (silent) leave(s, "not heard of for a lease");
    it = silent ? sessions_.erase(it) : std::next(it);
  }
  later(kTick, [this] { watch(); });
}

}  // namespace pawl::sim
