#include "tests/sim/people.h"

#include <cmath>

namespace pawl::sim {

using namespace std::chrono_literals;
using core::RunState;
using core::TaskState;

namespace {
constexpr std::uint32_t kMostOpen = 40;

Duration us(double n) { return Duration{static_cast<std::int64_t>(n)}; }
}  // namespace

People::People(Stage& stage, Net& net, Node& node, const Stores& stores)
    : stage_(stage),
      net_(net),
      node_(node),
      stores_(stores),
      random_(Random::stream(stage.scenario.seed * 31 + node.number(), "people")),
      workload_(stage.scenario, node.number()),
      defined_(workload_.workflows().size()),
      command_gap_(random_.below(4) == 0 ? 1e6 : 0.15 * std::pow(30, random_.unit())) {}

void People::begin() {
  define(0);
  submit_next();
  command();
  operate();
}

// One after the other: a file's children are registered before it.
void People::define(std::uint32_t workflow) {
  if (workflow == defined_.size()) return;
  Request r;
  r.kind = RequestKind::define;
  r.name = workload_.workflows()[workflow].name;
  r.text = workload_.workflows()[workflow].text;
  r.inputs = static_cast<std::int64_t>(workflow);
  ask(std::move(r));
}

std::uint32_t People::ask(Request r) {
  auto& all = stage_.history.requests;
  r.number = static_cast<std::uint32_t>(all.size());
  r.node = node_.number();
  r.client = node_.number();
  r.asked = stage_.at();
  stage_.note("client asks ", r.number, ": ", to_string(r.kind), " ", r.name, " run ", r.run.value,
              " ", r.task, " key ", r.key);
  all.push_back(std::move(r));
  auto number = all.back().number;
  if (all.back().kind == RequestKind::define || !all.back().key.empty()) {
    pending_.push_back(number);
  }
  send(number);
  return number;
}

bool People::settled(const Request& r) const {
  for (const Answer& a : r.answers) {
    if (!a.arrived) continue;
    if (a.ok) return true;
    // Others say that it was not done now.
    if (a.code == Errc::conflict || a.code == Errc::invalid_workflow) return true;
  }
  return false;
}

void People::send(std::uint32_t number) {
  Request& r = stage_.history.requests[number];
  ++r.sent;
  Place client{Place::Kind::client, r.client};
  net_.send(client, node_.place(), node_.number(), false, [this, number, client] {
    node_.take(stage_.history.requests[number], [this, number, client](Answer a) {
      Request& asked = stage_.history.requests[number];
      auto which = asked.answers.size();
      asked.answers.push_back(std::move(a));
      net_.send(node_.place(), client, node_.number(), false,
                [this, number, which] { arrived(number, which); });
    });
  });
  bool repeat = r.kind == RequestKind::define || !r.key.empty();
  if (!repeat) return;
  stage_.after(1s + us(static_cast<double>(random_.below(3'000'000))), [this, number] {
    if (!settled(stage_.history.requests[number])) send(number);
  });
}

void People::arrived(std::uint32_t number, std::size_t which) {
  Request& r = stage_.history.requests[number];
  Answer& a = r.answers[which];
  if (a.arrived) return;  // doubled on the way
  a.arrived = stage_.at();
  stage_.note("client hears of ", number, ": ", a.ok ? "ok" : to_string(a.code), " run ",
              a.run.value);
  if (!settled(r)) return;
  std::erase(pending_, number);
  if (r.kind == RequestKind::define) {
    auto workflow = static_cast<std::uint32_t>(r.inputs.as_integer());
    if (defined_[workflow] || !a.ok) return;
    defined_[workflow] = a.workflow;
    define(workflow + 1);
  } else if (a.ok && a.run && (known_.empty() || known_.back() != a.run)) {
    known_.push_back(a.run);
  }
}

void People::submit_next() {
  Submission s = workload_.next_submission();
  Duration wait = s.at - stage_.now();
  stage_.after(wait, [this, s] {
    if (healed_) return;
    if (!crowded()) submit(s, submitted_++);
    submit_next();
  });
}

// More would only wait behind each other.
bool People::crowded() const {
  auto open = stores_.store(node_.number()).scan_open(RunId{}, kMostOpen, false);
  return open.ok() && open->size() == kMostOpen;
}

void People::submit(const Submission& s, std::uint32_t number) {
  if (stage_.scenario.submits_off.count(node_.number() * 1000 + number)) return;
  if (!defined_[s.workflow]) {
    stage_.after(500ms, [this, s, number] {
      if (!healed_) submit(s, number);
    });
    return;
  }
  features_ |= workload_.workflows()[s.workflow].features;
  if (s.feature != Feature::plain)
    features_ |= std::uint64_t{1} << static_cast<unsigned>(s.feature);
  Request r;
  r.kind = RequestKind::submit;
  r.name = workload_.workflows()[s.workflow].name;
  r.workflow = defined_[s.workflow];
  r.inputs = s.inputs;
  r.key = s.key;
  ask(std::move(r));
}

RunId People::any_run() {
  auto some = known_[random_.below(known_.size())];
  // Also runs that nobody submitted: children, and numbers that are nobody's.
  return random_.below(4) == 0 ? RunId(some.value + 1) : some;
}

// A recent one that the request makes sense for.
RunId People::fitting_run(RequestKind kind) {
  std::vector<RunId> fit;
  auto suits = [kind](RunState state) {
    if (kind == RequestKind::cancel) return state == RunState::running;
    return kind == RequestKind::retry ? state == RunState::failed : is_final(state);
  };
  std::size_t recent = std::min<std::size_t>(known_.size(), 30);
  for (std::size_t i = known_.size() - recent; i < known_.size(); ++i) {
    auto run = stores_.read(node_.number(), known_[i]);
    if (run && suits(run->state)) fit.push_back(known_[i]);
  }
  return fit.empty() ? any_run() : fit[random_.below(fit.size())];
}

RequestKind People::wish(std::uint64_t draw) const {
  using K = RequestKind;
  struct Share {
    std::uint64_t to;  // of 24
    K kind;
  };
  static constexpr Share kUsual[] = {{4, K::pause},  {9, K::resume},   {10, K::cancel},
                                     {13, K::retry}, {17, K::recover}, {22, K::approve},
                                     {24, K::reject}};
  static constexpr Share kCrowded[] = {{2, K::pause},  {5, K::resume},   {10, K::cancel},
                                       {13, K::retry}, {19, K::recover}, {23, K::approve},
                                       {24, K::reject}};
  for (const Share& share : workload_.crowded() ? kCrowded : kUsual) {
    if (draw < share.to) return share.kind;
  }
  return K::reject;
}

// Something asked of some run at some moment, sensible or not.
void People::command() {
  stage_.after(us(-std::log(1 - random_.unit()) * command_gap_ * 1e6), [this] {
    if (healed_) return;
    command();
    auto draw = random_.below(24);
    auto task = str("t", random_.below(6));
    bool named = random_.below(2), edited = random_.below(3) == 0;
    if (known_.empty()) return;
    Request r;
    r.run = any_run();
    if (stage_.scenario.commands_off.count(node_.number() * 1000 + commanded_++)) return;
    r.kind = wish(draw);
    bool again = r.kind == RequestKind::retry || r.kind == RequestKind::recover;
    bool aimed = again || (workload_.crowded() && r.kind == RequestKind::cancel);
    if (aimed && random_.below(4)) r.run = fitting_run(r.kind);
    // Members of groups and elements too, where the run has some.
    auto inner = random_.below(1000);
    if (auto run = inner % 2 ? stores_.read(node_.number(), r.run) : nullptr) {
      task = run->path(static_cast<TaskId>(inner / 2 % run->task_count()));
      // What was skipped will be again, and the run is at its end without any task having run.
      for (TaskId t = 0; t < run->task_count() && inner % 3 == 0; ++t) {
        if (run->rows[t].state == TaskState::skipped && !run->is_child(t)) task = run->path(t);
      }
    }
    if (named || r.kind == RequestKind::recover) r.task = task;
    if (edited && r.kind == RequestKind::approve) {
      r.inputs = Json::object().set("amount", static_cast<std::int64_t>(inner));
    }
    if (edited && (r.kind == RequestKind::retry || r.kind == RequestKind::recover)) {
      r.set = Json::object().set("size", 2);
    }
    if (edited && r.kind == RequestKind::recover) r.inputs = Json::object();
    ask(std::move(r));
  });
}

void People::heal() { healed_ = true; }

void People::operate() {
  RunId after;
  auto& store = stores_.store(node_.number());
  for (;;) {
    auto images = store.scan_open(after, 256, false);
    if (!images.ok() || images->empty()) break;
    for (const auto& image : *images) {
      after = image.header.id;
      // While there are faults people are slow to look.
      if (!healed_ && random_.below(4)) continue;
      if (image.header.state == RunState::paused) {
        Request r;
        r.kind = RequestKind::resume;
        r.run = image.header.id;
        r.person = false;
        ask(std::move(r));
      } else if (image.header.state == RunState::running) {
        decide_gates(image.header.id);
      }
    }
  }
  stage_.after(5s, [this] { operate(); });
}

void People::decide_gates(RunId id) {
  auto run = stores_.read(node_.number(), id);
  if (!run) return;
  for (TaskId t = 0; t < run->task_count(); ++t) {
    const auto& row = run->rows[t];
    if (row.state != TaskState::waiting || row.reason != core::Reason::gate) continue;
    Request r;
    r.kind = RequestKind::approve;
    r.run = id;
    r.task = run->path(t);
    r.person = false;
    ask(std::move(r));
  }
}

bool People::at_rest() const {
  if (!pending_.empty()) return false;
  auto open = stores_.store(node_.number()).scan_open(RunId{}, 1, false);
  return open.ok() && open->empty();
}

}  // namespace pawl::sim
