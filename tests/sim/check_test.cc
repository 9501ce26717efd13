// Each checker is quiet about a sound history and complains about one that is not: a test that
// cannot fail proves nothing.
#include <gtest/gtest.h>

#include "core/why.h"
#include "tests/sim/little_world.h"

namespace pawl::sim {

void doubt_why(const core::Run& run, const std::vector<core::Why>& answers,
               const std::string& where, Problems& problems);

namespace {

using core::TaskState;
using std::chrono::seconds;

constexpr const char* kTwo = "tasks: {a: {action: noop}, b: {needs: [a], run: ./b}}\n";

// A sound run of two tasks, at its end.
struct Two : LittleWorld {
  Two() : LittleWorld(kTwo) {
    submit("key");
    complete("a", Json::object().set("n", 7));
    complete("b");
  }
};

bool has(const std::string& names, const std::string& name) {
  return (" " + names + " ").find(" " + name + " ") != std::string::npos;
}

#define EXPECT_COMPLAINT(world, name) EXPECT_TRUE(has((world).complaints(), name)) << (world).text

TEST(Checkers, AreQuietAboutASoundWorld) {
  Two w;
  EXPECT_EQ(w.complaints(), "") << w.text;
  LittleWorld all(R"(
tasks:
  g: {tasks: {x: {action: noop}, y: {needs: [x], action: noop, if: "${{ 1 > 2 }}"}}}
  each: {needs: [g], for_each: [1, 2, 3], max_parallel: 2, run: "true"}
  nap: {action: sleep, with: {for: 3s}}
  ask: {action: gate, with: {question: q, timeout: 1h}}
  late: {action: gate, with: {question: q, timeout: 2s}, allow_failure: true}
  try: {run: "true", retry: {max_attempts: 3, backoff: 1s..9s}, resources: {gpu: 1}}
finally: {tidy: {action: noop}}
concurrency: {key: all, limit: 1}
)");
  RunId run = all.submit("one");
  all.checkpoint("try", "half");
  all.print("try");
  all.fail("try");
  all.command(RequestKind::approve, run, core::Approve{"ask", {}, "", ""}, "ask");
  all.complete("g.x");
  all.advance(seconds(4));
  all.complete("try");
  for (const char* path : {"each[0]", "each[1]", "each[2]", "tidy"})
    all.complete(path);
  RunId again = all.recover(run, "each");
  for (const char* path : {"each[0]", "each[1]", "each[2]", "tidy"})
    all.complete(path);
  EXPECT_NE(again, run);
  RunId stopped = all.submit();
  all.command(RequestKind::pause, stopped, core::Pause{});
  all.command(RequestKind::resume, stopped, core::Resume_{});
  all.command(RequestKind::cancel, stopped, core::Cancel{});
  for (const char* path : {"g.x", "try", "tidy"})
    all.complete(path);
  EXPECT_EQ(all.complaints(), "") << all.text;
}

TEST(Checkers, Answers) {
  Two w;
  w.history.requests[1].answers[0].given.n = 1;
  EXPECT_COMPLAINT(w, "answers");
}

TEST(Checkers, EffectsFollow) {
  Two w;
  for (PortCall& c : w.history.calls) {
    if (c.kind == PortCall::Kind::assign) c.at.n = 1;
  }
  EXPECT_COMPLAINT(w, "effects_follow");
}

TEST(Checkers, Receipts) {
  for (auto kind : {PortCall::Kind::recorded, PortCall::Kind::refused}) {
    Two w;
    for (PortCall& c : w.history.calls) {
      if (c.kind == PortCall::Kind::report) c.kind = kind;
    }
    EXPECT_COMPLAINT(w, "receipts");
  }
}

TEST(Checkers, Told) {
  Two gap;
  gap.history.told.erase(gap.history.told.begin() + 1);
  EXPECT_COMPLAINT(gap, "told");
  Two early;
  for (Told& t : early.history.told)
    t.at.n = 1;
  EXPECT_COMPLAINT(early, "told");
  Two other;
  other.history.told[0].events[0].text = "something else";
  EXPECT_COMPLAINT(other, "told");
}

// The commit's batch, to be changed.
store::Batch& batch(LittleWorld& w, std::size_t from_the_end) {
  Commit& c = w.history.commits[w.history.commits.size() - 1 - from_the_end];
  auto copy = std::make_shared<store::Batch>(*c.batch);
  c.batch = copy;
  return *copy;
}

TEST(Checkers, Versions) {
  Two same;
  --batch(same, 0).runs[0].header.version;
  EXPECT_COMPLAINT(same, "versions");
  Two left;
  batch(left, 1).runs[0].header.state = core::RunState::completed;
  batch(left, 0).runs[0].header.state = core::RunState::running;
  EXPECT_COMPLAINT(left, "versions");
  Two column;
  batch(column, 0).runs[0].header.open = true;
  EXPECT_COMPLAINT(column, "versions");
  Two conflict;
  conflict.history.commits[0].told_ok = false;
  conflict.history.commits[0].told_code = Errc::conflict;
  EXPECT_COMPLAINT(conflict, "versions");
}

TEST(Checkers, Counts) {
  Two w;
  ++batch(w, 0).runs[0].header.tasks_done;
  EXPECT_COMPLAINT(w, "counts");
  Two rows;
  rows.event("b", TaskState::completed).task_state = TaskState::failed;
  EXPECT_COMPLAINT(rows, "counts");
}

TEST(Checkers, RollUp) {
  LittleWorld w("tasks: {g: {tasks: {a: {action: noop}}}}\n");
  w.submit();
  w.complete("g.a");
  w.event("g", TaskState::completed).task_state = TaskState::failed;
  EXPECT_COMPLAINT(w, "roll_up");
  LittleWorld run("tasks: {a: {action: noop}}\n");
  run.submit();
  run.complete("a");
  run.event("a", TaskState::completed).task_state = TaskState::failed;
  EXPECT_COMPLAINT(run, "roll_up");
}

TEST(Checkers, Finally) {
  LittleWorld w("tasks: {a: {action: noop}}\nfinally: {tidy: {action: noop}}\n");
  w.submit();
  w.complete("a");
  w.complete("tidy");
  w.event("a", TaskState::completed).task_state = TaskState::retrying;
  EXPECT_COMPLAINT(w, "finally");
  LittleWorld cancelled("tasks: {a: {action: noop}}\nfinally: {tidy: {action: noop}}\n");
  cancelled.submit();
  cancelled.complete("a");
  cancelled.complete("tidy");
  cancelled.event("tidy", TaskState::completed).task_state = TaskState::cancelled;
  EXPECT_COMPLAINT(cancelled, "finally");
}

TEST(Checkers, Parallel) {
  LittleWorld w("tasks: {each: {for_each: [1, 2], max_parallel: 1, run: x}}\n");
  w.submit();
  w.complete("each[0]");
  w.complete("each[1]");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("each[0]", TaskState::completed).task_state = TaskState::retrying;
  EXPECT_COMPLAINT(w, "parallel");
}

TEST(Checkers, Attempts) {
  Two gap;
  gap.event("b", TaskState::running).attempt = 2;
  EXPECT_COMPLAINT(gap, "attempts");
  Two twice;
  for (PortCall& c : twice.history.calls)
    c.fence.lease = 1;
  EXPECT_COMPLAINT(twice, "attempts");
}

// A task whose first attempt failed and whose second one completed.
struct Retried : LittleWorld {
  Retried() : LittleWorld("tasks: {a: {run: x, retry: {max_attempts: 2, backoff: 4s..4s}}}\n") {
    submit();
    checkpoint("a", "half");
    print("a");
    fail("a");
    advance(seconds(5));
    complete("a");
  }
};

TEST(Checkers, Overlap) {
  Retried w;
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.history.executions[0].ended = w.history.executions[1].ended;
  EXPECT_COMPLAINT(w, "overlap");
}

TEST(Checkers, Reports) {
  Retried nobody;
  std::erase_if(nobody.history.calls, [](const PortCall& c) {
    return c.kind == PortCall::Kind::report && c.fence.attempt == 2;
  });
  EXPECT_COMPLAINT(nobody, "reports");
  Retried other;
  for (PortCall& c : other.history.calls) {
    if (c.kind == PortCall::Kind::report) ++c.fence.lease;
  }
  EXPECT_COMPLAINT(other, "reports");
}

TEST(Checkers, Retries) {
  Retried early;
  early.event("a", TaskState::queued, 1).time -= seconds(3);
  EXPECT_COMPLAINT(early, "retries");
  Retried gave_up;
  gave_up.event("a", TaskState::retrying).task_state = TaskState::failed;
  EXPECT_COMPLAINT(gave_up, "retries");
  LittleWorld once("tasks: {a: {run: x}}\n");
  once.submit();
  once.fail("a");
  EXPECT_EQ(once.complaints(), "") << once.text;
  once.event("a", TaskState::failed).task_state = TaskState::retrying;
  EXPECT_COMPLAINT(once, "retries");
}

TEST(Checkers, Timers) {
  LittleWorld w("tasks: {nap: {action: sleep, with: {for: 9s}}}\n");
  w.submit();
  w.advance(seconds(9));
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("nap", TaskState::completed).time -= Duration{1};
  EXPECT_COMPLAINT(w, "timers");
  LittleWorld late("tasks: {nap: {action: sleep, with: {for: 60s}}}\n");
  late.submit();
  late.history.healed = late.at();
  late.advance(seconds(60));
  late.event("nap", TaskState::completed).time += seconds(9);
  EXPECT_COMPLAINT(late, "timers");
}

TEST(Checkers, Gates) {
  constexpr const char* kGate = "tasks: {ask: {action: gate, with: {question: q, timeout: 9s}}}\n";
  LittleWorld w(kGate);
  RunId run = w.submit();
  w.command(RequestKind::approve, run, core::Approve{"ask", {}, "", ""}, "ask");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.history.requests.back().task = "other";
  EXPECT_COMPLAINT(w, "gates");
  LittleWorld timed(kGate);
  timed.submit();
  timed.advance(seconds(9));
  EXPECT_EQ(timed.complaints(), "") << timed.text;
  timed.event("ask", TaskState::failed).task_state = TaskState::completed;
  EXPECT_COMPLAINT(timed, "gates");
}

TEST(Checkers, Needs) {
  Two early;
  early.event("a", TaskState::completed).task_state = TaskState::retrying;
  EXPECT_COMPLAINT(early, "needs");
  Two failed;
  failed.event("a", TaskState::completed).task_state = TaskState::failed;
  EXPECT_COMPLAINT(failed, "needs");
  LittleWorld w("tasks: {a: {action: noop, if: \"${{ 1 < 2 }}\"}}\n");
  w.submit();
  w.complete("a");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("a", TaskState::queued).task_state = TaskState::skipped;
  EXPECT_COMPLAINT(w, "needs");
}

TEST(Checkers, Inputs) {
  Two w;
  w.history.executions[0].outputs.set("n", 8);
  EXPECT_COMPLAINT(w, "inputs");
  LittleWorld each("tasks: {each: {for_each: [1, 2], run: x}}\n");
  each.submit();
  each.complete("each[0]");
  each.complete("each[1]");
  EXPECT_EQ(each.complaints(), "") << each.text;
  each.history.executions[1].input.set("item", 1);
  EXPECT_COMPLAINT(each, "inputs");
}

// Completed, and recovered from b with an edited parameter.
struct Recovered : LittleWorld {
  RunId run, again;
  Recovered() : LittleWorld("tasks: {a: {run: x}, b: {needs: [a], run: x, params: {n: 1}}}\n") {
    run = submit();
    complete("a");
    complete("b");
    again = recover(run, "b", Json::object().set("n", 2));
    complete("b");
  }
};

TEST(Checkers, Once) {
  Recovered w;
  EXPECT_EQ(w.complaints(), "") << w.text;
  std::erase_if(w.history.requests,
                [](const Request& r) { return r.kind == RequestKind::recover; });
  EXPECT_COMPLAINT(w, "once");
}

TEST(Checkers, Recovered) {
  Recovered w;
  w.history.requests.back().task = "a";
  EXPECT_COMPLAINT(w, "recovered");
}

TEST(Checkers, Params) {
  Recovered w;
  w.history.executions.back().input.set("params", Json::object().set("n", 1));
  EXPECT_COMPLAINT(w, "params");
}

TEST(Checkers, Children) {
  LittleWorld w("tasks: {sub: {action: workflow, with: {workflow: kid}}}\n",
                "tasks: {x: {action: noop}}\n");
  w.submit();
  w.complete("x");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("sub", TaskState::waiting).task_state = TaskState::queued;
  EXPECT_COMPLAINT(w, "children");
}

TEST(Checkers, Concurrency) {
  LittleWorld w("concurrency: {key: all, limit: 1}\ntasks: {a: {run: x}}\n");
  w.submit();
  w.submit();
  w.complete("a");
  w.complete("a");
  EXPECT_EQ(w.complaints(), "") << w.text;
  for (Step& s : w.stories()[1].steps)
    s.commit = w.stories()[0].steps[2].commit;
  w.stories()[1].steps.pop_back();  // it goes on
  EXPECT_COMPLAINT(w, "concurrency");
}

TEST(Checkers, Resources) {
  LittleWorld w("tasks: {a: {run: x, resources: {gpu: 1}}, b: {run: x, resources: {gpu: 1}}}\n");
  w.submit();
  w.complete("a");
  w.complete("b");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("a", TaskState::completed).task_state = TaskState::running;
  EXPECT_COMPLAINT(w, "resources");
}

TEST(Checkers, Keys) {
  Two more;
  more.history.requests[1].kind = RequestKind::pause;
  EXPECT_COMPLAINT(more, "keys");
  Two other;
  other.history.requests[1].inputs = Json::object().set("n", 1);
  EXPECT_COMPLAINT(other, "keys");
  Two lost;
  for (Commit& c : lost.history.commits) {
    auto copy = std::make_shared<store::Batch>(*c.batch);
    for (auto& key : copy->keys)
      key.key = "another";
    c.batch = copy;
  }
  EXPECT_COMPLAINT(lost, "keys");
}

TEST(Checkers, Paused) {
  LittleWorld w(kTwo);
  RunId run = w.submit();
  w.command(RequestKind::pause, run, core::Pause{});
  w.complete("a");
  w.command(RequestKind::resume, run, core::Resume_{});
  w.complete("b");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("b", TaskState::queued).task_state = TaskState::running;
  EXPECT_COMPLAINT(w, "paused");
}

TEST(Checkers, Cancelled) {
  LittleWorld w(kTwo);
  RunId run = w.submit();
  w.command(RequestKind::cancel, run, core::Cancel{});
  w.complete("a");
  EXPECT_EQ(w.complaints(), "") << w.text;
  w.event("b", TaskState::cancelled).task_state = TaskState::queued;
  EXPECT_COMPLAINT(w, "cancelled");
}

TEST(Checkers, Checkpoints) {
  Retried w;
  EXPECT_EQ(w.history.executions[1].checkpoint, "half");
  w.history.executions[1].checkpoint = "";
  EXPECT_COMPLAINT(w, "checkpoints");
}

TEST(Checkers, CheckpointsThatCameTooLate) {
  Retried w;
  for (PortCall& c : w.history.calls) {
    if (c.kind == PortCall::Kind::report && c.report && c.fence.attempt == 1) c.at = w.at();
  }
  w.history.executions[1].checkpoint = "";
  EXPECT_EQ(w.complaints().find("checkpoints"), std::string::npos) << w.complaints();
}

TEST(Checkers, Signs) {
  LittleWorld w("tasks: {a: {run: x}}\n");
  w.submit();
  w.warn("a", "careful");
  w.complete("a");
  EXPECT_EQ(w.complaints(), "") << w.text;
  std::erase_if(w.history.calls,
                [](const PortCall& c) { return c.report && !c.report->warnings.empty(); });
  EXPECT_COMPLAINT(w, "signs");
}

TEST(Checkers, Logs) {
  Retried missing;
  ++missing.history.executions[0].lines;
  EXPECT_COMPLAINT(missing, "logs");
  Retried more;
  more.history.executions[0].lines = 0;
  EXPECT_COMPLAINT(more, "logs");
}

TEST(Checkers, Why) {
  LittleWorld w(kTwo);
  w.submit();
  const core::Run& run = *w.stories()[0].run;
  core::Situation s;
  s.queues.push_back({"default", 1, 1});
  auto sound = core::why_all(run, s, run.created);
  Problems none;
  doubt_why(run, sound, "here", none);
  EXPECT_TRUE(none.empty());
  for (auto& answer : sound)
    answer.blockers = {"nothing"};
  Problems some;
  doubt_why(run, sound, "here", some);
  EXPECT_FALSE(some.empty());
}

TEST(Checkers, TheFirstOnes) {
  Two lost;
  lost.history.requests[1].answers[0].run = RunId(9);
  EXPECT_COMPLAINT(lost, "acknowledged");
  Two open;
  open.history.rested = false;
  open.history.ended = open.history.healed = open.at();
  EXPECT_COMPLAINT(open, "ends");
  Two nobody;
  nobody.history.executions[0].end = Execution::End::failed;
  EXPECT_COMPLAINT(nobody, "completions");
  Two seen;
  seen.history.breaches.push_back("something");
  EXPECT_COMPLAINT(seen, "breaches");
}

}  // namespace
}  // namespace pawl::sim
