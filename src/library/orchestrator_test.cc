// Runs through the public API: to their end, moved by callers, carried on by the next process.
#include <gtest/gtest.h>

#include <atomic>

#include "library/library_testing.h"

struct Order {
  std::string id;
  int amount = 0;
};
template <>
struct pawl::Codec<Order> : pawl::Fields<Order> {
  static auto fields() {
    return std::tuple(field("id", &Order::id), field("amount", &Order::amount));
  }
};

namespace {

using library_testing::Door;
using library_testing::Folder;
using library_testing::open;
using library_testing::text;
using pawl::Millis;
using pawl::RunState;
using pawl::TaskState;
using pawl::Value;

pawl::Workflow sums() {
  pawl::Workflow w("sums");
  w.step("twice", [](const int& n) { return 2 * n; });
  w.step("plus", [](const int& n) -> pawl::Result<int> { return n + 1; }).after("twice");
  w.step("words", [](const int& n) { return std::to_string(n); }).after(0);
  w.step("all", [](const Value& both) { return both; }).after("plus", 2);
  return w;
}

TEST(Orchestrator, CarriesARunToItsEnd) {
  Folder folder;
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(sums())), "ok");
  auto run = pawl->execute("sums", 20, {.job = "job-1"});
  ASSERT_TRUE(run.ok()) << run.status().text();
  EXPECT_EQ(run->state, RunState::completed);
  EXPECT_EQ(run->output.json(), R"({"plus":41,"words":"40"})");
  EXPECT_EQ(run->input.json(), "20");
  EXPECT_EQ(run->workflow, "sums");
  EXPECT_EQ(run->version, 1);
  EXPECT_EQ(run->job, "job-1");
  EXPECT_EQ(run->percent, 100);
  ASSERT_EQ(run->tasks.size(), 4u);
  EXPECT_EQ(run->task("twice")->output.as_integer(), 40);
  EXPECT_EQ(run->task("all")->state, TaskState::completed);
  EXPECT_EQ(run->task("all")->attempts, 1);
}

TEST(Orchestrator, TypedInputAndOutput) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Workflow w("orders");
  w.step("grow", [](const Order& o) { return Order{o.id + "!", o.amount * 2}; });
  w.step("check", [](const Order& o, pawl::Step& s) {
     s.log("checking " + o.id);
     return o.amount > 10;
   }).after("grow");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("orders", pawl::Codec<Order>::encode({"x", 8}));
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->output.as_bool(), true);
  EXPECT_EQ(run->task("grow")->output.json(), R"({"id":"x!","amount":16})");
  auto logs = pawl->logs(run->id, "check");
  ASSERT_EQ(logs->size(), 1u);
  EXPECT_EQ((*logs)[0].text, "checking x!");
  EXPECT_EQ((*logs)[0].task, "check");

  auto wrong = pawl->execute("orders", Value::object({{"amount", "many"}}));
  EXPECT_EQ(wrong->state, RunState::failed);
  EXPECT_EQ(wrong->task("grow")->error,
            "its input does not fit the handler: amount: expected an integer, found a string");
  EXPECT_EQ(wrong->task("grow")->attempts, 1);
  EXPECT_EQ(wrong->task("check")->state, TaskState::skipped);
}

TEST(Orchestrator, InputsFromTheRunAndFromEarlierSteps) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Workflow w("mapped");
  w.step("a", [] { return Order{"a", 1}; });
  w.step("b", [] { return 5; }).after("a");
  w.step("c", [](const Value& v) { return v; })
      .after("a", "b")
      .input("what", "constant")
      .input_from_run("day", "day")
      .input_from("id", "a", "id")
      .input_from("five", "b");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("mapped", Value::object({{"day", "monday"}}));
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->output.json(), R"({"what":"constant","day":"monday","id":"a","five":5})");
}

TEST(Orchestrator, FansOut) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Workflow w("squares");
  pawl::templates::map_reduce(
      w,
      {"split",
       [](const int& n) {
         std::vector<int> all;
         for (int i = 0; i < n; ++i)
           all.push_back(i);
         return all;
       }},
      {"square", [](const int& n, pawl::Step& s) { return n * n + 0 * s.index(); }},
      {"sum", [](const std::vector<int>& all) {
         int sum = 0;
         for (int n : all)
           sum += n;
         return sum;
       }});
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("squares", 100);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->output.as_integer(), 328350);
  EXPECT_EQ(run->tasks.size(), 103u);
  EXPECT_EQ(run->task("square[7]")->output.as_integer(), 49);
}

TEST(Orchestrator, FansOutOverAFanOut) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Workflow w("twice");
  w.step("list", [](const int& n) { return std::vector<int>(static_cast<std::size_t>(n), 6); });
  w.step("square", [](const int& n) { return n * n; }).after("list").for_each("list");
  w.step("half", [](const int& n) { return n / 2; }).after("square").for_each("square");
  w.step("sum",
         [](const Value& in) {
           auto sum = in.get("offset").as_integer();
           for (std::size_t i = 0; i < in.get("halves").size(); ++i)
             sum += in.get("halves").at(i).as_integer();
           return sum;
         })
      .after("half")
      .input("offset", 100)
      .input_from("halves", "half");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("twice", 4);
  ASSERT_TRUE(run.ok()) << run.status().text();
  EXPECT_EQ(run->output.as_integer(), 172) << run->error;
}

TEST(Orchestrator, RetriesAndTellsWhyItFailed) {
  Folder folder;
  auto pawl = open(folder);
  std::atomic<int> calls{0};
  pawl::Workflow w("stubborn");
  w.step("try", [&](pawl::Step& s) -> pawl::Result<int> {
     ++calls;
     if (s.attempt() < 3) return pawl::Status::failed("not yet");
     return s.attempt();
   }).retry_delay(Millis(1), Millis(1));
  w.step("never", [&] { return pawl::Status::permanent("no use"); }).after("try");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("stubborn");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_EQ(run->task("try")->output.as_integer(), 3);
  EXPECT_EQ(run->task("never")->error, "no use");
  EXPECT_EQ(run->task("never")->attempts, 1);
  EXPECT_EQ(calls, 3);
  EXPECT_NE(run->error.find("never"), std::string::npos) << run->error;
}

TEST(Orchestrator, CreatesPausesResumesCancels) {
  Folder folder;
  auto pawl = open(folder);
  Door inside, go;
  pawl::Workflow w("slow");
  w.step("first", [&] {
    inside.open();
    go.wait();
  });
  w.step("second", [](pawl::Step& s) {
     while (s.wait_for(std::chrono::hours(1))) {
     }
     return pawl::Status::failed("was stopped");
   }).after("first");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->create("slow", {}, {.job = "j"});
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(pawl->get(*run)->state, RunState::pending);
  EXPECT_FALSE(pawl->get(*run)->started);
  EXPECT_EQ(pawl->active()->size(), 1u);
  ASSERT_EQ(text(pawl->start(*run)), "ok");
  EXPECT_EQ(pawl->start(*run).code(), pawl::Code::conflict);
  inside.wait();
  EXPECT_EQ(pawl->get(*run)->state, RunState::running);
  ASSERT_EQ(text(pawl->pause(*run)), "ok");
  go.open();
  auto paused = pawl->wait(*run, Millis(50));
  EXPECT_EQ(paused.status().code(), pawl::Code::timeout);
  EXPECT_EQ(pawl->get(*run)->state, RunState::paused);
  EXPECT_EQ(pawl->get(*run)->task("second")->attempts, 0);
  EXPECT_NE(pawl->get(*run)->task("second")->waits, "");
  ASSERT_EQ(text(pawl->resume(*run)), "ok");
  ASSERT_EQ(text(pawl->cancel(*run)), "ok");
  auto ended = pawl->wait(*run);
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->state, RunState::cancelled);
  EXPECT_EQ(ended->task("second")->state, TaskState::cancelled);
  EXPECT_EQ(pawl->get_by_job("j")->size(), 1u);
  EXPECT_TRUE(pawl->active()->empty());
}

TEST(Orchestrator, RecoversWithinItsAttempts) {
  Folder folder;
  auto pawl = open(folder);
  std::atomic<bool> broken{true};
  std::atomic<int> before{0};
  pawl::Workflow w("mendable");
  w.max_recovery_attempts(2);
  w.step("before", [&] { return ++before; });
  w.step("breaks", [&](const int& n) -> pawl::Result<int> {
     if (broken) return pawl::Status::permanent("broken");
     return n;
   }).after("before");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("mendable");
  ASSERT_EQ(run->state, RunState::failed);
  EXPECT_EQ(run->recovery_attempts, 0);
  EXPECT_EQ(pawl->failed()->size(), 1u);
  EXPECT_EQ(pawl->recoverable()->size(), 1u);
  EXPECT_EQ(*pawl->recover(run->id), run->id);
  EXPECT_EQ(pawl->wait(run->id)->recovery_attempts, 1);
  broken = false;
  EXPECT_EQ(*pawl->recover(run->id, {.from = "before"}), run->id);
  auto mended = pawl->wait(run->id);
  EXPECT_EQ(mended->state, RunState::completed);
  EXPECT_EQ(mended->output.as_integer(), 2);
  EXPECT_EQ(mended->recovery_attempts, 2);
  auto more = pawl->recover(run->id, {.from = "breaks"});
  EXPECT_EQ(more.status().code(), pawl::Code::exhausted);
  EXPECT_NE(more.status().message().find("2 are allowed"), std::string::npos);
  EXPECT_TRUE(pawl->recoverable()->empty());
}

TEST(Orchestrator, RecoversWithAnotherInput) {
  Folder folder;
  auto pawl = open(folder);
  std::atomic<int> before{0};
  pawl::Workflow w("picky");
  w.step("before", [&] { return ++before; });
  w.step("even", [](pawl::Step& s) -> pawl::Result<int> {
     auto n = s.run_input().as_integer();
     if (n % 2) return pawl::Status::permanent("odd");
     return static_cast<int>(n) + static_cast<int>(s.output_of("before").as_integer());
   }).after("before");
  ASSERT_EQ(text(pawl->define(w)), "ok");
  auto run = pawl->execute("picky", 3, {.job = "j"});
  ASSERT_EQ(run->state, RunState::failed);
  EXPECT_EQ(pawl->recover(run->id, {.from = "", .input = 4, .by = ""}).status().code(),
            pawl::Code::invalid);
  auto on = pawl->recover(run->id, {.from = "even", .input = 4, .by = "ann"});
  ASSERT_TRUE(on.ok()) << on.status().text();
  EXPECT_NE(*on, run->id);
  auto ended = pawl->wait(*on);
  EXPECT_EQ(ended->state, RunState::completed);
  EXPECT_EQ(ended->output.as_integer(), 5);
  EXPECT_EQ(ended->recovered_from, run->id);
  EXPECT_EQ(ended->recovery_attempts, 1);
  EXPECT_EQ(before, 1);
  EXPECT_EQ(pawl->get_by_job("j")->size(), 2u);
}

TEST(Orchestrator, StartsManyAtOnce) {
  Folder folder;
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(sums())), "ok");
  auto runs = pawl->start_many("sums", {1, 2, 3}, {.job = "many"});
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), 3u);
  EXPECT_EQ(pawl->wait((*runs)[2])->output.json(), R"({"plus":7,"words":"6"})");
  EXPECT_TRUE(pawl->start_many("sums", {})->empty());
  EXPECT_EQ(pawl->start_many("sums", {1, 2}, {.key = "k"}).status().code(), pawl::Code::invalid);
  EXPECT_EQ(pawl->start_many("nothing", {1}).status().code(), pawl::Code::not_found);
}

TEST(Orchestrator, GoesOnInTheNextLifeWithTheCheckpoint) {
  Folder folder;
  std::atomic<int> firsts{0};
  Door saved;
  std::atomic<bool> second_life{false};
  auto define = [&](pawl::Orchestrator& pawl) {
    pawl::Workflow w("long");
    w.step("first", [&] { return ++firsts; });
    w.step("second", [&](const int& n, pawl::Step& s) -> pawl::Result<int> {
       if (second_life) return 10 * n + s.checkpoint_as<int>();
       EXPECT_EQ(text(s.save(7)), "ok");
       EXPECT_EQ(text(s.flush()), "ok");
       saved.open();
       while (s.wait_for(std::chrono::hours(1))) {
       }
       EXPECT_EQ(s.stop(), pawl::Stop::closing);
       return pawl::Status::failed("asked to stop");
     }).after("first");
    ASSERT_EQ(text(pawl.define(w)), "ok");
  };
  pawl::RunId run = 0;
  {
    auto pawl = open(folder);
    define(*pawl);
    run = *pawl->start("long");
    saved.wait();
    auto now = pawl->get(run);
    EXPECT_EQ(now->last_checkpoint.as_integer(), 7);
    EXPECT_EQ(now->checkpoint_step, "second");
    EXPECT_EQ(now->percent, 50);
  }
  second_life = true;
  auto pawl = open(folder);
  EXPECT_NE(pawl->get(run)->task("second")->waits.find("is not defined in this process"),
            std::string::npos)
      << pawl->get(run)->task("second")->waits;
  define(*pawl);
  auto ended = pawl->wait(run);
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->output.as_integer(), 17);
  EXPECT_EQ(firsts, 1);
}

TEST(Orchestrator, FuturesAndEvents) {
  Folder folder;
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(sums())), "ok");
  std::mutex mutex;
  std::vector<std::string> told;
  auto subscription = pawl->subscribe(0, [&](const pawl::Event& e) {
    std::lock_guard lock(mutex);
    if (e.kind == pawl::Event::Kind::task && e.task_state == TaskState::completed) {
      told.push_back(e.task);
    }
    if (e.kind == pawl::Event::Kind::run) told.push_back(to_string(e.run_state));
  });
  auto future = pawl->execute_async("sums", 1);
  EXPECT_EQ(future.get()->output.json(), R"({"plus":3,"words":"2"})");
  EXPECT_EQ(pawl->execute_async("nothing").get().status().code(), pawl::Code::not_found);
  subscription->stop();
  std::lock_guard lock(mutex);
  ASSERT_GE(told.size(), 6u);
  EXPECT_EQ(told.front(), "pending");
  EXPECT_EQ(told[2], "twice");
}

TEST(Orchestrator, TheSameKeyGivesTheSameRun) {
  Folder folder;
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(sums())), "ok");
  auto first = pawl->start("sums", 1, {.key = "k"});
  EXPECT_EQ(*pawl->start("sums", 1, {.key = "k"}), *first);
  EXPECT_EQ(pawl->start("sums", 2, {.key = "k"}).status().code(), pawl::Code::conflict);
  EXPECT_EQ(pawl->wait(*first)->state, RunState::completed);
}

TEST(Orchestrator, NamesWhatIsNear) {
  Folder folder;
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(sums())), "ok");
  EXPECT_EQ(text(pawl->start("sum").status()),
            "no workflow \"sum\" is defined in this process (did you mean \"sums\"?)");
  EXPECT_EQ(pawl->get(99).status().code(), pawl::Code::not_found);
  EXPECT_EQ(pawl->wait(99).status().code(), pawl::Code::not_found);
  EXPECT_EQ(pawl->cancel(99).code(), pawl::Code::not_found);
}

}  // namespace
