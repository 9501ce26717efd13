// One true sentence for every state and reason. The last test fails where a new one has none.
#include "core/why.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// Every (state, reason) that a test of this file has asked about.
std::set<std::pair<TaskState, Reason>>& asked() {
  static std::set<std::pair<TaskState, Reason>> all;
  return all;
}

Why ask(TestRun& r, std::string_view path, const Situation& s = {}) {
  Why w = r.why(path, s);
  EXPECT_FALSE(w.text.empty()) << path;
  EXPECT_EQ(w.path, path);
  EXPECT_EQ(w.state, r.state(path));
  asked().insert({w.state, w.reason});
  Json j = why_to_json(w);
  EXPECT_EQ(j["task"].as_string(), path);
  EXPECT_EQ(j["text"].as_string(), w.text);
  EXPECT_EQ(j["blockers"].size(), w.blockers.size());
  return w;
}

void expect(const Why& w, Reason reason, std::string_view text, std::string_view unblock) {
  EXPECT_EQ(to_string(w.reason), std::string(to_string(reason)));
  EXPECT_EQ(w.text, text);
  EXPECT_EQ(w.unblock, unblock);
}

Situation free_slot() {
  Situation s;
  s.queues = {{"default", 4, 1}};
  return s;
}

TEST(Why, PendingNamesUnfinishedNeedsAndWhatMovesThem) {
  std::string text = "tasks: {";
  std::string needs;
  for (int i = 0; i < 10; ++i) {
    text += str("t", i, ": {action: noop}, ");
    needs += str(i ? ", t" : "t", i);
  }
  TestRun r(text + "end: {needs: [" + needs +
            "], action: noop}, after: {needs: [end], action: noop}}");
  r.start();
  r.claim(2);
  Why w = ask(r, "end", free_slot());
  expect(w, Reason::needs, "waits for t0 (running), t1 (running), t2 (queued) and 7 more",
         "the end of t0");
  EXPECT_EQ(w.blockers.size(), 10u);
  expect(ask(r, "after", free_slot()), Reason::needs, "waits for end (pending)", "the end of t0");
}

TEST(Why, PendingBehindAGateSaysHowToOpenIt) {
  TestRun r(R"(
tasks:
  ask: {action: gate, with: {question: Go on?}}
  g: {needs: [ask], tasks: {x: {action: noop}}}
finally: {tidy: {action: noop}}
)");
  r.start();
  expect(ask(r, "ask"), Reason::gate, "waits for a person: Go on?",
         "pawl approve 41 ask, or pawl reject 41 ask");
  expect(ask(r, "g"), Reason::needs, "waits for ask (waiting)",
         "pawl approve 41 ask, or pawl reject 41 ask");
  expect(ask(r, "g.x"), Reason::group_closed, "its group g has not begun: waits for ask (waiting)",
         "pawl approve 41 ask, or pawl reject 41 ask");
  expect(ask(r, "tidy"), Reason::main_phase,
         "a finally task: runs after all others, and ask and g are not at the end",
         "pawl approve 41 ask, or pawl reject 41 ask");
  Why run = r.why_run();
  EXPECT_EQ(run.task, kNoTask);
  expect(run, Reason::gate, "the run goes on; ask is waiting: waits for a person: Go on?",
         "pawl approve 41 ask, or pawl reject 41 ask");
}

TEST(Why, NotAdmitted) {
  TestRun r(
      "inputs: {day: {type: string}}\nconcurrency: {key: '${{ inputs.day }}'}\n"
      "tasks: {a: {action: noop}}",
      Json::object().set("day", "monday"));
  Situation s;
  s.key_holders = {RunId(7)};
  s.key_limit = 1;
  expect(r.why_run(s), Reason::not_admitted,
         "the run waits for its concurrency key \"monday\", of which at most 1 may run at once: "
         "held by run 7",
         "the end of run 7");
  EXPECT_EQ(r.why_run(s).blockers, std::vector<std::string>{"run 7"});
  Why w = ask(r, "a", s);
  EXPECT_EQ(w.reason, Reason::not_admitted);
  EXPECT_EQ(w.unblock, "the end of run 7");
  EXPECT_EQ(r.why_run().text,
            "the run waits for its concurrency key \"monday\", which no run holds: it is about to "
            "begin");
  EXPECT_TRUE(r.pause().ok());
  expect(ask(r, "a", s), Reason::not_admitted, "the run is paused and has not begun",
         "pawl resume 41");
}

TEST(Why, AFinallyTaskThatOnlyAPauseKeepsBack) {
  TestRun r("tasks: {a: {action: noop}}\nfinally: {tidy: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause().ok());
  r.complete("a");
  expect(ask(r, "tidy"), Reason::paused, "the run is paused: its finally tasks are not begun",
         "pawl resume 41");
}

TEST(Why, MaxParallel) {
  TestRun r(
      "inputs: {l: {}}\ntasks: {e: {for_each: '${{ inputs.l }}', max_parallel: 1, action: noop}}",
      Json::object().set("l", Json::array({1, 2, 3})));
  r.start();
  r.claim();
  expect(ask(r, "e[2]"), Reason::max_parallel,
         "e runs at most 1 elements at once, and so many are not at their end", "the end of e[0]");
  Why e = ask(r, "e");
  EXPECT_EQ(e.text, "3 of its 3 elements are not at the end");
}

TEST(Why, QueuedNamesWhatIsMissing) {
  TestRun r("tasks: {a: {action: noop, queue: gpu, resources: {gpu: 2}, timeout: {queue: 10m}}}");
  r.start();
  Situation s;
  std::string late = "; fails by its queue timeout at 2023-11-14T22:23:20.000Z (in 10m00s)";
  Why none = ask(r, "a", s);
  expect(none, Reason::no_worker, "no worker serves queue gpu" + late,
         "a worker for queue gpu; on one machine: pawl watch 41");
  EXPECT_EQ(none.until, r.clock.now() + minutes(10));
  s.queues = {{"gpu", 0, 0}};
  EXPECT_EQ(ask(r, "a", s).reason, Reason::no_worker);
  s.queues = {{"gpu", 4, 4}};
  expect(ask(r, "a", s), Reason::slot, "all 4 slots of queue gpu are busy" + late,
         "the end of a task of queue gpu");
  s.queues = {{"gpu", 1, 1}};
  EXPECT_EQ(ask(r, "a", s).text, "the only slot of queue gpu is busy" + late);
  s.resources = {{"gpu", 2, 1, {RunId(7)}}};
  Why busy = ask(r, "a", s);
  expect(busy, Reason::resource, "resource gpu: 1 of 2 used by run 7; it asks for 2" + late,
         "the end of a task that uses gpu");
  EXPECT_EQ(busy.blockers, (std::vector<std::string>{"resource gpu", "run 7"}));
  s.resources = {{"gpu", 1, 0, {}}};
  Why never = ask(r, "a", s);
  EXPECT_EQ(never.reason, Reason::resource);
  EXPECT_EQ(never.text, "asks for 2 of resource gpu but there is 1: it will never start" + late);
  s.resources = {{"gpu", 2, 0, {}}};
  s.queues = {{"gpu", 4, 1}};
  EXPECT_EQ(ask(r, "a", s).text, "queue gpu has a free slot: it is about to start" + late);
  s.store_trouble = true;
  s.trouble = "disk full";
  EXPECT_EQ(ask(r, "a", s).text, "nothing starts while nothing can be recorded: disk full" + late);
  EXPECT_NE(r.why_run(s).text.find("nothing can be recorded now: disk full"), std::string::npos);
  EXPECT_TRUE(r.pause("ann").ok());
  expect(ask(r, "a", s), Reason::paused, "the run is paused (paused by ann)" + late,
         "pawl resume 41");
  EXPECT_EQ(r.why_run().reason, Reason::paused);
  EXPECT_EQ(r.why_run().unblock, "pawl resume 41");
}

TEST(Why, QueuedAgain) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}}");
  r.start();
  r.claim();
  expect(ask(r, "a"), Reason::none, "attempt 1 runs on worker 1 since 2023-11-14T22:13:20.000Z",
         "its end");
  EXPECT_EQ(r.why_run().text, "the run goes on: a and b run");
  r.lose("a");
  r.release("b");
  expect(ask(r, "a", free_slot()), Reason::lost,
         "queue default has a free slot: it is about to start; queued again, since its worker "
         "vanished",
         "");
  expect(ask(r, "b", free_slot()), Reason::released,
         "queue default has a free slot: it is about to start; queued again, since its worker "
         "gave it back",
         "");
  r.claim();
  r.lose("a");
  Why w = ask(r, "a");
  EXPECT_EQ(w.reason, Reason::lost);
  EXPECT_EQ(w.text.find("its worker vanished, 2 times by now; next attempt at "), 0u);
  EXPECT_EQ(w.until, r.extra("a").wake);
}

TEST(Why, Retrying) {
  TestRun r(R"(
tasks:
  a: {action: noop, retry: {max_attempts: 3, backoff: {first: 10s, max: 10s, factor: 1, jitter: 0}}}
  later: {action: noop, retry: {backoff: {first: 10s, max: 10s, factor: 1, jitter: 0}}}
  person: {action: noop}
)");
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::network, .message = "no route\nand more"});
  Why w = ask(r, "a");
  expect(w, Reason::backoff,
         "attempt 1 failed (failure 1 of 3): network: no route; next attempt at "
         "2023-11-14T22:13:30.000Z (in 10.0s)",
         "2023-11-14T22:13:30.000Z");
  EXPECT_EQ(w.until, r.clock.now() + seconds(10));
  r.fail("later", {.message = "not yet", .try_later = true});
  expect(ask(r, "later"), Reason::try_later,
         "attempt 1 asked to be tried later: not yet; next at 2023-11-14T22:13:30.000Z (in 10.0s)",
         "2023-11-14T22:13:30.000Z");
  r.fail("person", {.failure_class = FailureClass::auth, .message = "bad password"});
  w = ask(r, "person");
  expect(w, Reason::needs_person,
         "attempt 1 failed (failure 1 of 1): auth: bad password; a person must see to it, then "
         "resume the run",
         "pawl resume 41");
  EXPECT_EQ(w.until, kNever);
  EXPECT_EQ(r.why_run().reason, Reason::needs_person);
  EXPECT_EQ(r.why_run().blockers, std::vector<std::string>{"person"});
}

TEST(Why, Waiting) {
  TestRun r(R"(
inputs: {l: {}}
tasks:
  nap: {action: sleep, with: {for: 1h}}
  ask: {for_each: "${{ inputs.l }}", action: gate, with: {question: q, timeout: 2h}}
  sub: {action: workflow, with: {workflow: o}, retry: {max_attempts: 2, backoff: 1s}}
  more: {needs: [nap], action: workflow, with: {workflow: o}}
)",
            Json::object().set("l", Json::array({1})));
  r.start();
  expect(ask(r, "nap"), Reason::sleep, "sleeps until 2023-11-14T23:13:20.000Z (in 1h00m)",
         "2023-11-14T23:13:20.000Z");
  expect(ask(r, "ask[0]"), Reason::gate,
         "waits for a person: q; decided by its timeout at 2023-11-15T00:13:20.000Z (in 2h00m)",
         "pawl approve 41 'ask[0]', or pawl reject 41 'ask[0]'");
  Why sub = ask(r, "sub");
  expect(sub, Reason::child_run, "waits for the end of run 1000",
         "the end of run 1000; see: pawl why 1000");
  EXPECT_EQ(sub.blockers, std::vector<std::string>{"run 1000"});
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.end_child("sub", RunState::failed).ok());
  r.advance(std::chrono::hours(1));
  Why due = ask(r, "sub");
  EXPECT_EQ(due.reason, Reason::paused);
  EXPECT_NE(due.text.find("it is due, but the run is paused"), std::string::npos);
  expect(ask(r, "more"), Reason::paused, "the run is paused: its child run is not started",
         "pawl resume 41");
  EXPECT_TRUE(r.resume().ok());
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(ask(r, "sub").text, "told to stop; run 1001 is not at its end yet");
}

TEST(Why, Failed) {
  TestRun r(R"(
inputs: {l: {}}
tasks:
  a: {action: noop}
  g: {tasks: {e: {for_each: "${{ inputs.l }}", action: noop}, ok: {action: noop}}}
  x: {needs: [ok], action: noop, if: "tasks.ok.outputs.x.y"}
  ok: {action: noop}
  q: {action: noop, queue: none, timeout: {queue: 1m}}
  ask: {action: gate, with: {question: q}}
  after: {needs: [a], action: noop}
  last: {needs: [after], action: noop}
)",
            Json::object().set("l", Json::array({1, 2})));
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::oom, .message = "killed", .exit_code = -9});
  r.fail("g.e[1]", {.message = "bad row", .exit_code = 3});
  r.complete("g.e[0]");
  r.complete("g.ok");
  r.complete("ok");
  r.release("q");
  r.advance(minutes(1));
  EXPECT_TRUE(r.reject("ask", "bob", "no").ok());
  expect(ask(r, "a"), Reason::error, "failed at attempt 1: oom: killed (signal 9)",
         "pawl retry 41 --from a");
  expect(ask(r, "g.e[1]"), Reason::error, "failed at attempt 1: bad row (exit code 3)",
         "pawl retry 41 --from 'g.e[1]'");
  Why g = ask(r, "g");
  expect(g, Reason::members, "failed because of g.e: g.e[1]: bad row", "pawl retry 41 --from g");
  EXPECT_EQ(g.blockers, std::vector<std::string>{"g.e"});
  Why x = ask(r, "x");
  EXPECT_EQ(x.reason, Reason::expression);
  EXPECT_EQ(x.text.find("an expression of it could not be evaluated: if: "), 0u) << x.text;
  expect(ask(r, "q"), Reason::queue_timeout,
         "it did not start in time: timeout: no worker took it within its queue timeout of 1m",
         "pawl retry 41 --from q");
  expect(ask(r, "ask"), Reason::rejected, "rejected by bob: no", "pawl retry 41 --from ask");
  expect(ask(r, "after"), Reason::upstream_failed, "skipped because a failed (oom: killed)",
         "pawl retry 41 --from a");
  Why last = ask(r, "last");
  expect(last, Reason::upstream_failed, "skipped because a failed (oom: killed)",
         "pawl retry 41 --from a");
  EXPECT_EQ(last.blockers, std::vector<std::string>{"a"});
  Why run = r.why_run();
  expect(run, Reason::error, "the run failed: a: killed", "pawl retry 41");
  EXPECT_EQ(ask(r, "ok").text, "completed");
}

TEST(Why, Skipped) {
  TestRun r(R"(
tasks:
  no: {action: noop, if: "1 == 2"}
  then: {needs: [no], action: noop}
  g: {if: "1 == 2", tasks: {x: {tasks: {y: {action: noop}}}}}
  h: {tasks: {x: {action: noop, if: "1 == 2"}}}
)");
  r.start();
  EXPECT_EQ(r.run_state(), "completed");
  expect(ask(r, "no"), Reason::condition, "its condition was false: 1 == 2",
         "pawl recover 41 --from no");
  expect(ask(r, "then"), Reason::upstream_skipped,
         "skipped because no was skipped (its condition was false: 1 == 2)",
         "pawl recover 41 --from no");
  expect(ask(r, "g.x.y"), Reason::group_skipped,
         "skipped with its group: g was skipped (its condition was false: 1 == 2)",
         "pawl recover 41 --from g");
  expect(ask(r, "h"), Reason::condition, "every member of it was skipped",
         "pawl recover 41 --from h");
  EXPECT_EQ(r.why_run().text, "the run is completed");
}

TEST(Why, Cancelled) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  b: {needs: [a], action: noop}
  g: {tasks: {x: {action: noop}}}
  h: {tasks: {x: {action: noop}}}
finally: {t: {needs: [], action: noop}, u: {action: noop, if: success()}}
)");
  r.start();
  r.claim();
  EXPECT_TRUE(r.cancel().ok());
  expect(ask(r, "a"), Reason::cancelled, "told to stop; worker 1 has not confirmed it yet",
         "its end");
  EXPECT_EQ(r.why_run().text, "the run is being cancelled: a, g.x and h.x run");
  EXPECT_EQ(ask(r, "b").unblock, "the end of the run, then a retry");
  r.stopped("a");
  r.stopped("g.x", true);
  r.complete("h.x");
  r.work();
  expect(ask(r, "a"), Reason::cancelled, "cancelled while it was under way",
         "pawl retry 41 --from a");
  expect(ask(r, "b"), Reason::cancelled, "cancelled before it began", "pawl retry 41 --from b");
  Why x = ask(r, "g.x");
  EXPECT_EQ(x.reason, Reason::cancel_unconfirmed);
  EXPECT_NE(x.text.find("could not confirm that every process of it is gone"), std::string::npos);
  expect(ask(r, "g"), Reason::members, "cancelled because of g.x", "pawl retry 41 --from g");
  EXPECT_EQ(ask(r, "u").text, "its condition was false: success()");
  expect(r.why_run(), Reason::cancelled, "the run was cancelled", "pawl retry 41");
}

TEST(Why, SkippedBecauseOfACancel) {
  // A cancelled task that another one was waiting for: recovered from there, it does not run.
  TestRun r("tasks: {a: {action: noop}, b: {needs: [a], action: noop}}");
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_TRUE(r.recover("b").ok());
  expect(ask(r, "b"), Reason::upstream_cancelled, "skipped because a was cancelled",
         "pawl retry 41 --from a");
}

TEST(Why, Reused) {
  TestRun old("tasks: {a: {action: noop}, b: {needs: [a], action: noop}}");
  old.start();
  old.work();
  auto made = recover_as_new(old.run, {"b", {}, ""}, RunId(42), {}, old.ctx);
  ASSERT_TRUE(made.ok());
  TestRun r(old, std::move(*made));
  expect(ask(r, "a"), Reason::reused, "completed in run 41; its outputs are reused", "");
}

TEST(Why, AllBeginsWithTheRunAndLeavesOutWhatNeedsNoAnswer) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  b: {needs: [a], action: noop}
  c: {action: noop}
  nap: {action: sleep, with: {for: 1h}}
)");
  r.start();
  r.claim(1);
  r.complete("a");
  r.claim(1);
  auto all = why_all(r.run, free_slot(), r.clock.now());
  std::string paths;
  for (const Why& w : all)
    paths += str(w.task == kNoTask ? "run" : w.path, ' ');
  EXPECT_EQ(paths, "run b nap ");
  Json j = why_to_json(all[0]);
  EXPECT_TRUE(j["task"].is_null());
  EXPECT_EQ(why_to_json(all[2])["until"].as_string(), "2023-11-14T23:13:20.000Z");
}

TEST(Why, AnswersAboutALargeRunAreCheap) {
  std::string text = "tasks: {first: {action: noop}, t0: {needs: [first], action: noop}";
  for (int i = 1; i < 20'000; ++i)
    text += str(",\n t", i, ": {needs: [t", i - 1, "], action: noop}");
  TestRun r(text + "}");
  r.checks = false;
  r.start();
  auto all = why_all(r.run, free_slot(), r.clock.now());
  EXPECT_EQ(all.size(), 20'002u);
  EXPECT_EQ(all.back().text, "waits for t19998 (pending)");
}

// Reasons and the states they belong to (reason.h). Each must have been asked about above.
TEST(Why, AllOfThemHoldsElementsAndShortensLongMessages) {
  TestRun r("inputs: {l: {}}\ntasks: {e: {for_each: '${{ inputs.l }}', run: x}}",
            Json::object().set("l", Json::array({1, 2})));
  r.start();
  r.claim();
  // The 200th byte is in the middle of a character.
  std::string text(199, 'x');
  for (int i = 0; i < 9; ++i)
    text += "\u00e4";
  r.fail("e[0]", {.message = text + "\nsecond line"});
  std::vector<std::string> paths;
  for (const Why& w : why_all(r.run, free_slot(), r.clock.now()))
    paths.push_back(w.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"", "e[0]"}));  // what runs needs no reason
  Why w = r.why("e[0]");
  EXPECT_NE(w.text.find(std::string(199, 'x') + "..."), w.text.npos) << w.text;
  EXPECT_EQ(w.text.find("second line"), w.text.npos);
}

class AllAsked : public testing::Environment {
 public:
  void TearDown() override {
    const auto* unit = testing::UnitTest::GetInstance();
    if (unit->test_to_run_count() != unit->total_test_count() || !unit->Passed()) return;
    for (int i = 1; i < kReasonCount; ++i) {
      auto reason = static_cast<Reason>(i);
      bool found = false;
      for (const auto& pair : asked())
        found = found || pair.second == reason;
      EXPECT_TRUE(found) << "no test asked why for reason " << to_string(reason);
    }
    for (int i = 0; i < kTaskStateCount; ++i) {
      auto state = static_cast<TaskState>(i);
      bool found = false;
      for (const auto& pair : asked())
        found = found || pair.first == state;
      EXPECT_TRUE(found) << "no test asked why for state " << to_string(state);
    }
  }
};

[[maybe_unused]] const auto* const kAllAsked = testing::AddGlobalTestEnvironment(new AllAsked);

TEST(Why, EveryStateAndReasonHasASentence) {
  // Whatever stands in a row, also what no decision writes today: there is a sentence.
  TestRun r(
      "tasks: {a: {action: noop}, b: {needs: [a], action: noop}, g: {tasks: {x: {action: "
      "noop}}}}");
  r.start();
  for (int s = 0; s < kTaskStateCount; ++s) {
    for (int i = 0; i < kReasonCount; ++i) {
      for (auto run_state : {RunState::pending, RunState::running, RunState::paused,
                             RunState::failed, RunState::completed}) {
        for (const char* path : {"a", "b", "g", "g.x"}) {
          auto copy = r.run;
          copy.state = run_state;
          copy.rows[*copy.find(path)].state = static_cast<TaskState>(s);
          copy.rows[*copy.find(path)].reason = static_cast<Reason>(i);
          Why w = why_task(copy, *copy.find(path), free_slot(), r.clock.now());
          EXPECT_FALSE(w.text.empty()) << path << ' ' << s << ' ' << i;
          EXPECT_FALSE(why_run(copy, free_slot(), r.clock.now()).text.empty());
        }
      }
    }
  }
}

}  // namespace
}  // namespace pawl::core
