#include "tests/sim/node.h"

#include "base/sha256.h"
#include "tests/sim/gateway.h"

namespace pawl::sim {

using namespace std::chrono_literals;

// Hears everything that subscribers are told of this life.
class Node::Ear final : public engine::Subscriber {
 public:
  Ear(Node& node, std::uint32_t life) : node_(node), life_(life) {}
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    for (const auto& e : events) {
      node_.transitions_ +=
          e.kind == core::EventKind::run_state || e.kind == core::EventKind::task_state;
      node_.stage_.note("node ", node_.number_, " run ", run.value, " event ", e.seq, " ",
                        to_string(e.kind), " ",
                        e.kind == core::EventKind::run_state    ? to_string(e.run_state)
                        : e.kind == core::EventKind::task_state ? to_string(e.task_state)
                                                                : "",
                        " task ", e.task == kNoTask ? -1 : static_cast<int>(e.task), " ", e.text);
    }
    auto& stage = node_.stage_;
    stage.history.told.push_back({stage.at(), node_.number_, life_, run, events});
  }
  void on_log(const core::LogBatch& lines) override {
    auto& stage = node_.stage_;
    stage.history.lines.push_back({stage.at(), node_.number_, life_, lines});
  }
  void on_progress(RunId, TaskId, const core::Progress&) override {}

 private:
  Node& node_;
  std::uint32_t life_;
};

Node::Node(Stage& stage, Net& net, std::uint32_t number, std::uint32_t agents,
           engine::Options options)
    : stage_(stage),
      net_(net),
      number_(number),
      agents_(agents),
      options_(std::move(options)),
      random_(Random::stream(stage.scenario.seed * 31 + number, "node")),
      store_(stage, number),
      clock_(stage) {
  options_.store = &store_;
  options_.clock = &clock_;
}

Node::~Node() = default;

bool Node::busy() const { return out_ || !inbox_.empty() || flying_agents > 0; }

void Node::boot() {
  if (loop_) return;
  ++life_;
  if (!store_.open(life_).ok()) return stage_.breach("a dead process holds its directory");
  auto loop = std::make_unique<engine::Loop>(options_, clock_, stage_.scenario.seed * 1000 + life_);
  Status started = loop->start();
  auto next = started.ok() ? store_.meta("next_worker") : started.error();
  if (!next.ok()) {  // a supervisor starts it again
    --life_;
    store_.close();
    stage_.note("node ", number_, " cannot start: ", next.error().message);
    stage_.after(200ms + Duration{static_cast<std::int64_t>(random_.below(1'000'000))},
                 [this] { boot(); });
    return;
  }
  loop_ = std::move(loop);
  next_worker_ = *next ? static_cast<std::uint32_t>(std::stoul(**next)) : 1;
  stage_.history.lives.push_back({number_, life_, stage_.at(), {}});
  stage_.note("node ", number_, " lives: life ", life_);
  loop_->subscribe(RunId{}, std::make_shared<Ear>(*this, life_));
  gateway_ = std::make_unique<Gateway>(stage_, net_, *this, agents_);
  wake();
}

void Node::crash(FaultKind how) {
  if (!loop_) return;
  stage_.note("node ", number_, " dies: ", to_string(how));
  for (auto& life : stage_.history.lives) {
    if (life.node == number_ && life.number == life_) life.ended = stage_.at();
  }
  inbox_.clear();
  out_.reset();
  outcome_.reset();
  gateway_.reset();
  loop_.reset();
  woken_ = false;
  ++alarm_;
  store_.close();
  Duration down = 50ms + Duration{static_cast<std::int64_t>(random_.below(2'000'000))};
  if (random_.below(8) == 0) down += 20s;
  stage_.after(down, [this] { boot(); });
}

bool Node::crashes(FaultKind kind) {
  if (!stage_.strikes(kind, number_, 0, true)) return false;
  crash(kind);
  return true;
}

void Node::post(decltype(engine::Request::body) body) {
  if (!loop_) return;
  inbox_.push_back({std::move(body), {}});
  wake();
}

void Node::wake() {
  if (woken_ || !loop_) return;
  woken_ = true;
  stage_.after(
      Duration{static_cast<std::int64_t>(20 + random_.below(random_.below(8) ? 200 : 20'000))},
      [this, life = life_] {
        if (life == life_ && loop_) turn();
      });
}

// One turn of the loop's thread.
void Node::turn() {
  woken_ = false;
  if (outcome_) land();
  if (!loop_) return;
  auto requests = std::move(inbox_);
  inbox_.clear();
  bool asked = !requests.empty();
  loop_->decide(requests);
  if (asked && crashes(FaultKind::crash_decided)) return;
  if (!out_) take_flight();
  if (!loop_) return;
  if (loop_->scanning() || !inbox_.empty()) wake();
  arm();
}

// The loop sleeps until its next timer, and at most half a minute, so that a wall clock that was
// set is noticed.
void Node::arm() {
  Time due = loop_->next_wake();
  Duration wait = due == kNever ? Duration(30s) : std::min<Duration>(due - clock_.now(), 30s);
  stage_.after(std::max<Duration>(wait, 1ms), [this, life = life_, alarm = ++alarm_] {
    if (life == life_ && loop_ && alarm == alarm_) wake();
  });
}

void Node::take_flight() {
  out_ = loop_->take_flight();
  if (!out_) return;
  if (crashes(FaultKind::crash_taken)) return;
  if (out_->batch.empty()) {
    loop_->settle(std::move(out_), Status{});
    return wake();
  }
  begin_commit();
}

void Node::begin_commit() {
  commit_ = stage_.history.commits.size();
  Commit c;
  c.node = number_;
  c.life = life_;
  c.begun = stage_.at();
  c.batch = std::make_shared<store::Batch>(out_->batch);
  stage_.note("node ", number_, " commits ", c.batch->runs.size(), " runs, ", c.batch->keys.size(),
              " keys, ", c.batch->logs.size(), " logs");
  stage_.history.commits.push_back(std::move(c));
  Duration wait{static_cast<std::int64_t>(100 + random_.below(3000))};
  if (stage_.strikes(FaultKind::commit_slow, number_, 0, true)) {
    wait += Duration{static_cast<std::int64_t>(random_.below(4'000'000))};
  }
  bool full = store_.full();
  bool fails = !full && stage_.strikes(FaultKind::commit_fails, number_, 0, true);
  bool unknown = !full && !fails && stage_.strikes(FaultKind::commit_unknown, number_, 0, true);
  static constexpr Errc kCodes[] = {Errc::io, Errc::unavailable, Errc::disk_full};
  Errc code = full ? Errc::disk_full : unknown ? Errc::io : kCodes[random_.below(3)];
  stage_.after(wait, [this, life = life_, at = commit_, code, fails = fails || full, unknown] {
    if (life == life_ && loop_) apply(at, code, fails, unknown);
  });
}

void Node::apply(std::size_t at, Errc code, bool fails, bool unknown) {
  Status outcome;
  if (!fails) {
    outcome = store_.plain().commit(*stage_.history.commits[at].batch);
    if (outcome.ok()) stage_.history.commits[at].applied = stage_.at();
  }
  if (fails) outcome = {code, "the disk says no"};
  if (unknown && outcome.ok()) outcome = {code, "the disk said nothing"};
  if (!outcome.ok() && !fails && !unknown) {
    stage_.breach(
        str("node ", number_, ": a sound store refused a commit: ", outcome.error().message));
  }
  if (crashes(FaultKind::crash_committed)) return;
  stage_.after(Duration{static_cast<std::int64_t>(random_.below(500))},
               [this, life = life_, outcome] {
                 if (life != life_ || !loop_) return;
                 outcome_ = outcome;
                 wake();
               });
}

void Node::land() {
  Commit& c = stage_.history.commits[commit_];
  c.told = stage_.at();
  c.told_ok = outcome_->ok();
  if (!c.told_ok) c.told_code = outcome_->error().code;
  Status outcome = *outcome_;
  outcome_.reset();
  loop_->settle(std::move(out_), outcome);
  (void)crashes(FaultKind::crash_landed);
}

void Node::jump_clock(Duration by) {
  clock_.offset += by;
  stage_.history.clocks.push_back({stage_.at(), number_, clock_.offset});
}

void Node::try_second_engine() {
  if (loop_ && store_.open(life_ + 1).ok()) stage_.breach("two engines have one directory open");
}

}  // namespace pawl::sim
