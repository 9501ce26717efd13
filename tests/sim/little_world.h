#pragma once
// LittleWorld: the smallest world that makes a sound history, for tests of the checkers: one node,
// one agent, no faults. A test lets it run, changes what was seen, and asks the checkers.
//
//   LittleWorld w("tasks: {a: {action: noop}}");
//   RunId run = w.submit();
//   w.complete("a");
//   EXPECT_EQ(w.complaints(), "");
//   w.history.executions[0].ended.n = 0;
//   EXPECT_EQ(w.complaints(), "overlap");

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/loop.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/sim/check.h"

namespace pawl::sim {

class LittleWorld {
 public:
  explicit LittleWorld(const std::string& tasks, const std::string& kid = "")
      : store_(store::open_memory()), link_(std::make_shared<Link>(*this)) {
    engine::Options options;
    options.store = store_.get();
    loop_ = std::make_unique<engine::Loop>(options, clock_, 1);
    PAWL_ASSERT(loop_->start().ok());
    loop_->subscribe({}, link_);
    history.nodes = 1;
    history.lives.push_back({0, 1, at(), {}});
    if (!kid.empty()) define("kid", kid);
    workflow_ = define("w", tasks);
    inbox_.push_back({engine::JoinWorker{WorkerId(1), {}, link_, {}}, {}});
    inbox_.push_back({engine::OfferSlots{WorkerId(1), 8}, {}});
    settle();
  }

  At at() { return {clock_.now() - kEpoch, ++order_}; }

  RunId submit(const std::string& key = "") {
    Request& r = request(RequestKind::submit);
    r.workflow = workflow_;
    r.key = key;
    engine::SubmitRequest s;
    s.workflow = workflow_;
    s.idempotency_key = key;
    auto plan = loop_->plan(workflow_);
    auto inputs = core::check_inputs(*(*plan)->workflow, Json::object());
    ask(r, engine::SubmitRun{std::move(s), *plan, *inputs});
    return history.requests.back().answers.back().run;
  }
  void command(RequestKind kind, RunId run, engine::RunCommand c, const std::string& task = "") {
    Request& r = request(kind);
    r.run = run;
    r.task = task;
    ask(r, engine::CommandRun{run, std::move(c)});
  }
  RunId recover(RunId run, const std::string& from, Json set = Json()) {
    Request& r = request(RequestKind::recover);
    r.run = run;
    r.task = from;
    r.set = set;
    ask(r, engine::RecoverRun{run, core::Recover{from, std::move(set), ""}, Json()});
    return history.requests.back().answers.back().run;
  }

  // Of the oldest attempt of this path that the agent holds.
  void complete(const std::string& path, Json outputs = Json()) {
    core::Report r;
    r.kind = core::ReportKind::completed;
    r.outputs = std::move(outputs);
    end(path, std::move(r), Execution::End::completed);
  }
  void fail(const std::string& path, core::FailureClass c = core::FailureClass::user) {
    core::Report r;
    r.kind = core::ReportKind::failed;
    r.failure_class = c;
    r.message = "it broke";
    end(path, std::move(r), Execution::End::failed);
  }
  void checkpoint(const std::string& path, const std::string& bytes) {
    core::Report r;
    r.fence = history.executions[held(path)].fence;
    r.has_checkpoint = true;
    r.checkpoint = bytes;
    report(std::move(r), 0);
    settle();
  }
  void warn(const std::string& path, const std::string& what) {
    core::Report r;
    r.fence = history.executions[held(path)].fence;
    r.warnings = {what};
    report(std::move(r), 0);
    settle();
  }
  void print(const std::string& path) {
    Execution& e = history.executions[held(path)];
    inbox_.push_back({engine::TakeLog{{e.fence, e.lines++, {{clock_.now(), {}, "line"}}}}, {}});
    settle();
  }
  void advance(Duration d) {
    clock_.advance(d);
    settle();
  }

  // The end: the names of the checks that complain, in their order.
  std::string complaints() {
    if (!history.ended) {
      if (!history.healed) history.healed = at();
      history.ended = at();
      history.rested = true;
    }
    std::string names;
    text.clear();
    auto found = check_all(history, *stores());
    for (const Problem& p : found.list()) {
      if (!names.ends_with(p.check)) names += str(names.empty() ? "" : " ", p.check);
      text += str(p.check, ": ", p.text, "\n");
    }
    return names;
  }
  // The stories, to be changed; then the checkers believe these.
  std::vector<RunStory>& stories() {
    if (!first_) {
      first_ = stores();
      told_ = first_->stories(history);
    }
    return told_;
  }
  // The n-th event of a task that has come to this state, from 0.
  core::Event& event(const std::string& path, core::TaskState state, int n = 0, int run = 0) {
    for (Step& s : stories()[static_cast<std::size_t>(run)].steps) {
      if (s.event.kind != core::EventKind::task_state || s.event.task_state != state) continue;
      if (told_[static_cast<std::size_t>(run)].run->path(s.event.task) == path && n-- == 0) {
        return s.event;
      }
    }
    PAWL_ASSERT(false);
  }

  History history;
  std::string text;  // what complaints() found, in full

 private:
  struct Link final : core::WorkerLink, engine::Subscriber {
    explicit Link(LittleWorld& world) : w(world) {}
    void assign(std::vector<core::Assignment> batch) override {
      for (const auto& a : batch) {
        w.call(PortCall::Kind::assign, a.fence);
        Execution e;
        e.worker = WorkerId(1);
        e.fence = a.fence;
        e.path = a.path;
        e.resume = a.resume;
        e.checkpoint = a.checkpoint;
        e.with = a.with;
        e.input = a.input;
        e.delivered = w.at();
        e.started = w.at();
        w.history.executions.push_back(std::move(e));
      }
    }
    void cancel(const core::Fence& fence) override { w.call(PortCall::Kind::cancel, fence); }
    void refused(const core::Fence& fence) override { w.call(PortCall::Kind::refused, fence); }
    void recorded(std::vector<core::Fence> fences) override {
      for (const auto& f : fences) {
        PortCall& c = w.call(PortCall::Kind::recorded, f);
        for (Execution& e : w.history.executions) {
          if (e.fence == f) e.recorded = c.at;
        }
      }
    }
    void on_events(RunId run, const std::vector<core::Event>& events) override {
      w.history.told.push_back({w.at(), 0, 1, run, events});
    }
    void on_log(const core::LogBatch&) override {}
    void on_progress(RunId, TaskId, const core::Progress&) override {}
    LittleWorld& w;
  };

  std::unique_ptr<Stores> stores() const {
    auto s = std::make_unique<Stores>(std::vector<store::Store*>{store_.get()});
    if (told_.empty()) return s;
    auto again = told_;
    for (RunStory& story : again) {  // their runs are those of the new stores
      story.source = story.source ? s->run(0, story.source->id) : nullptr;
      story.run = s->run(0, story.run->id);
    }
    s->believe(std::move(again));
    return s;
  }
  WorkflowId define(const std::string& name, const std::string& tasks) {
    Request& r = request(RequestKind::define);
    r.name = name;
    r.text = str("pawl: 1\nname: ", name, "\n", tasks);
    auto parsed = core::parse_workflow(r.text, name + ".yaml");
    PAWL_ASSERT(parsed.workflow);
    engine::RegisterWorkflow define;
    define.row.name = name;
    define.row.text = r.text;
    define.row.file = name + ".yaml";
    define.row.hash = name;
    define.workflow = parsed.workflow;
    define.registered = [this, n = r.number](Result<WorkflowId> id) {
      Answer a;
      a.given = a.arrived = at();
      a.ok = id.ok();
      a.workflow = *id;
      history.requests[n].answers.push_back(a);
    };
    auto number = r.number;
    inbox_.push_back({std::move(define), {}});
    settle();
    return history.requests[number].answers.back().workflow;
  }
  Request& request(RequestKind kind) {
    Request r;
    r.number = static_cast<std::uint32_t>(history.requests.size());
    r.kind = kind;
    r.asked = at();
    r.sent = 1;
    history.requests.push_back(std::move(r));
    return history.requests.back();
  }
  void ask(const Request& r, decltype(engine::Request::body) body) {
    auto done = [this, n = r.number](Result<RunId> result) {
      Answer a;
      a.given = at();
      a.arrived = at();
      a.life = 1;
      a.ok = result.ok();
      if (result.ok()) a.run = *result;
      if (!result.ok()) a.message = result.error().message;
      history.requests[n].answers.push_back(a);
    };
    inbox_.push_back({std::move(body), done});
    settle();
  }
  PortCall& call(PortCall::Kind kind, const core::Fence& fence) {
    PortCall c;
    c.at = at();
    c.life = 1;
    c.worker = WorkerId(1);
    c.kind = kind;
    c.fence = fence;
    history.calls.push_back(std::move(c));
    return history.calls.back();
  }
  std::size_t held(const std::string& path) const {
    for (std::size_t i = 0; i < history.executions.size(); ++i) {
      const Execution& e = history.executions[i];
      if (e.path == path && !e.ended) return i;
    }
    PAWL_ASSERT(false);
  }
  void report(core::Report r, std::uint32_t slots) {
    call(PortCall::Kind::report, r.fence).report = std::make_shared<core::Report>(r);
    inbox_.push_back({engine::TakeReports{WorkerId(1), {std::move(r)}, slots}, {}});
  }
  void end(const std::string& path, core::Report r, Execution::End how) {
    Execution& e = history.executions[held(path)];
    r.fence = e.fence;
    r.receipt = true;
    e.ended = at();
    e.end = how;
    e.outputs = r.outputs;
    report(std::move(r), 1);
    settle();
  }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      loop_->decide(inbox_);
      auto flight = loop_->take_flight();
      if (!flight) continue;
      Commit c;
      c.life = 1;
      c.begun = at();
      c.batch = std::make_shared<store::Batch>(flight->batch);
      PAWL_ASSERT(store_->commit(flight->batch).ok());
      c.applied = at();
      c.told = at();
      c.told_ok = true;
      if (!c.batch->empty()) history.commits.push_back(std::move(c));
      loop_->settle(std::move(flight), Status{});
    }
  }

  std::uint64_t order_ = 0;
  ManualClock clock_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<Link> link_;
  std::unique_ptr<engine::Loop> loop_;
  std::vector<engine::Request> inbox_;
  WorkflowId workflow_;
  std::vector<RunStory> told_;
  std::unique_ptr<Stores> first_;
};

}  // namespace pawl::sim
