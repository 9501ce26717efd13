// The agent's side of the protocol. What it carries out is in agent_bodies.cc.
#include "tests/sim/agent.h"

#include "tests/sim/gateway.h"

namespace pawl::sim {

Agent::Agent(Stage& stage, Net& net, Node& node, std::uint32_t number, core::WorkerInfo info,
             std::uint32_t slots)
    : stage_(stage),
      net_(net),
      node_(node),
      number_(number),
      info_(std::move(info)),
      slots_(slots),
      random_(Random::stream(stage.scenario.seed * 131 + number, "agent")) {}

void Agent::begin() {
  greet();
  tick_in(Duration{static_cast<std::int64_t>(random_.below(1'000'000))});
}

void Agent::tick_in(Duration wait) {
  stage_.after(wait, [this, ticking = ticking_] {
    if (ticking == ticking_) tick();
  });
}

bool Agent::hears(std::function<void()> again) {
  if (down_now_) return false;
  if (!frozen()) return true;
  stage_.after(frozen_until_ - stage_.now() + Duration{1}, std::move(again));
  return false;
}

void Agent::tick() {
  Duration next = kTick;
  if (frozen()) {
    next = frozen_until_ - stage_.now() + Duration{2};
  } else if (!down_now_) {
    if (stage_.now() > valid_until_ && (session_ || !bodies_.empty())) {
      fence(stage_.at());
    }
    if (state_ == State::greeting) {
      say_hello();
    } else if (session_) {
      to_gateway(true, [this, id = session_, sent = stage_.now()](Gateway& g) {
        g.beat(*this, id, sent);
      });
      up_.resend(stage_.now(), [&](const auto& item) { send_up(item); });
    }
  }
  tick_in(next);
}

// No sign of its node for too long: what runs here must end before the node gives it to others.
void Agent::fence(At when) {
  stage_.note("agent ", number_, " fences itself, carrying ", bodies_.size());
  drop_all(Execution::End::fenced, when);
  session_ = {};
  if (state_ == State::leaving) {
    state_ = State::away;
  } else if (state_ != State::away) {
    greet();
  }
}

// Begins a new session. REQUIRES: what it runs, if anything, is of an earlier life of its node.
void Agent::greet() {
  state_ = State::greeting;
  session_ = {};
  up_ = {};
  down_ = {};
  hello_.agent = number_;
  hello_.agent_life = life_;
  ++hello_.number;
  hello_.info = info_;
  hello_.held.clear();
  for (const auto& [key, body] : bodies_)
    hello_.held.push_back(body.assignment.fence);
  auto running = static_cast<std::uint32_t>(hello_.held.size());
  for (const auto& [key, evidence] : evidence_)
    hello_.held.push_back(evidence.report.fence);
  hello_.slots = slots_ > running ? slots_ - running : 0;
  say_hello();
}

void Agent::say_hello() {
  to_gateway(true,
             [this, h = hello_, sent = stage_.now()](Gateway& g) { g.hello(*this, h, sent); });
}

void Agent::wait(std::uint32_t hello, Duration sent) {
  if (!hears([this, hello, sent] { wait(hello, sent); })) return;
  if (state_ != State::greeting || hello != hello_.number) return;
  if (stage_.now() <= valid_until_ || bodies_.empty()) {
    valid_until_ = std::max(valid_until_, sent + kValid);
  }
}

void Agent::welcome(SessionId session, std::uint32_t hello, Duration sent) {
  if (!hears([this, session, hello, sent] { welcome(session, hello, sent); })) return;
  if (state_ != State::greeting || hello != hello_.number) return;
  if (stage_.now() > valid_until_ && !bodies_.empty()) return;  // too late: tick() begins anew
  state_ = State::joined;
  session_ = session;
  valid_until_ = std::max(valid_until_, sent + kValid);
  stage_.note("agent ", number_, " is welcome, carrying ", bodies_.size(), " and ",
              evidence_.size(), " ends without receipt");
  for (const auto& fence : hello_.held) {
    auto key = key_of(fence);
    if (auto e = evidence_.find(key); e != evidence_.end()) {
      if (!e->second.printed.empty()) send({{}, {fence, 0, e->second.printed}});
      send({{e->second.report}, {}});
    } else if (auto b = bodies_.find(key); b != bodies_.end() && !b->second.printed.empty()) {
      send({{}, {fence, 0, b->second.printed}});
    }
  }
  // What ended while it was greeting freed a slot that its hello did not offer.
  std::uint32_t running = 0;
  for (const auto& fence : hello_.held)
    running += bodies_.count(key_of(fence)) > 0;
  std::uint32_t room = slots_ - std::min(slots_, running);
  if (room > hello_.slots) send({{}, {}, room - hello_.slots});
}

void Agent::gone(SessionId session, std::uint32_t life) {
  if (!hears([this, session, life] { gone(session, life); })) return;
  if (!session_ || !(session == session_)) return;
  if (state_ == State::leaving) {
    state_ = State::away;
    session_ = {};
    return;
  }
  if (life == session.life) {  // given to others already, or soon
    if (!bodies_.empty()) stage_.breach(str("agent ", number_, " outlived its lease"));
    return fence(stage_.at());
  }
  stage_.note("agent ", number_, " hears that its node began life ", life);
  if (stage_.now() > valid_until_) return fence(stage_.at());
  greet();
}

void Agent::alive(SessionId session, Duration sent, std::uint64_t up_done) {
  if (!hears([this, session, sent, up_done] { alive(session, sent, up_done); })) return;
  if (!session_ || !(session == session_) || stage_.now() > valid_until_) return;
  valid_until_ = std::max(valid_until_, sent + kValid);
  up_ack(session, up_done);
}

void Agent::up_ack(SessionId session, std::uint64_t done) {
  if (!hears([this, session, done] { up_ack(session, done); })) return;
  if (!session_ || !(session == session_)) return;
  up_.acknowledged(done);
  if (state_ == State::leaving && up_.items().empty()) {
    state_ = State::away;
    session_ = {};
  }
}

void Agent::down(SessionId session, std::uint64_t number, std::shared_ptr<const Down> message) {
  if (!hears([this, session, number, message] { down(session, number, message); })) return;
  if (!session_ || !(session == session_)) return;
  if (stage_.now() > valid_until_) return;  // its lease may be over: tick() begins anew
  down_.take(number, message, [&](const Down& d) { take(d); });
  to_gateway(true, [this, id = session_, done = down_.done()](Gateway& g) {
    g.down_ack(number_, id, done);
  });
}

template <typename F>
void Agent::to_gateway(bool idle, F&& call) {
  net_.send(place(), node_.place(), node_.number(), idle, [this, call = std::forward<F>(call)] {
    if (Gateway* g = node_.gateway()) call(*g);
  });
}

void Agent::send(Up up) {
  if (!session_) return;  // it is in the evidence, or of no use without a session
  const auto& item = up_.add(std::move(up), stage_.now());
  if (!down_now_) send_up(item);  // else tick() sends it when the process is back
}

void Agent::send_up(const Sender<Up>::Item& item) {
  bool idle = item.message->reports.empty();
  to_gateway(idle, [this, id = session_, number = item.number, up = item.message](Gateway& g) {
    g.up(*this, id, number, up);
  });
}

// -- Faults

void Agent::crash() {
  stage_.note("agent ", number_, " dies, carrying ", bodies_.size());
  drop_all(Execution::End::crashed, frozen() ? frozen_at_ : stage_.at());
  evidence_.clear();
  ++life_;
  if (frozen()) {  // its next tick was put off until the end of that
    ++ticking_;
    tick_in(kTick);
  }
  down_now_ = true;
  state_ = State::away;
  session_ = {};
  frozen_until_ = Duration{0};
  frozen_at_ = {};
  auto back = ++absence_;
  stage_.after(Duration{static_cast<std::int64_t>(100'000 + random_.below(6'000'000))},
               [this, back] {
                 if (back != absence_) return;
                 down_now_ = false;
                 greet();
               });
}

void Agent::restart(Duration down) {
  if (down_now_ || state_ == State::away) return;
  stage_.note("agent ", number_, " is started again; its tasks run on");
  down_now_ = true;
  auto back = ++absence_;
  stage_.after(down, [this, back] {
    if (back == absence_) down_now_ = false;
  });
}

void Agent::freeze(Duration how_long) {
  if (down_now_ || frozen()) return;
  stage_.note("agent ", number_, " freezes, carrying ", bodies_.size());
  frozen_at_ = stage_.at();
  frozen_until_ = stage_.now() + how_long;
  stage_.after(how_long, [this] { thaw(); });
}

// Before anything else it looks whether its lease is over.
void Agent::thaw() {
  if (!frozen() || stage_.now() < frozen_until_) return;
  At since = std::exchange(frozen_at_, At{});
  if (stage_.now() > valid_until_ && (session_ || !bodies_.empty())) fence(since);
}

void Agent::leave(Duration away) {
  if (state_ != State::joined || down_now_ || frozen()) return;
  stage_.note("agent ", number_, " leaves in good order, giving back ", bodies_.size());
  while (!bodies_.empty()) {
    auto& [key, body] = *bodies_.begin();
    core::Report r;
    r.fence = body.assignment.fence;
    r.kind = core::ReportKind::released;
    r.receipt = true;
    finish(Key(key), std::move(r), Execution::End::released);
  }
  state_ = State::leaving;
  Up last;
  last.leave = true;
  send(std::move(last));
  come_back(away, life_);
}

void Agent::come_back(Duration away, std::uint32_t life) {
  stage_.after(away, [this, life] {
    if (life != life_ || state_ == State::greeting || state_ == State::joined) return;
    if (state_ == State::away && !down_now_ && !frozen()) return greet();
    come_back(kTick, life);
  });
}

}  // namespace pawl::sim
