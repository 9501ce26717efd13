// The gateway over a real engine, with a clock that is moved by hand and workers that are nothing
// but calls.
#include "server/worker_gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <optional>

#include "base/text.h"
#include "engine/engine_testing.h"

namespace pawl::server {
namespace {

using core::TaskState;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A worker as any language could write it: what it sends is JSON, what it has is what came.
struct Remote {
  std::string key, id, session;
  std::int64_t claims = 0, reports = 0;
  std::optional<Result<Json>> last;  // what the last claim was answered
  std::function<void()> hang_up;
  int answers = 0;
};

struct GatewayTest : testing::Test {
  engine::Bed bed{options()};
  std::vector<std::unique_ptr<Remote>>
      remotes;  // outlive the gateway, which answers them at its end
  std::unique_ptr<WorkerGateway> gateway;

  static engine::BedOptions options() {
    engine::BedOptions o;
    o.engine.reunion = seconds(30);
    return o;
  }
  void SetUp() override { start(); }
  void start() {
    WorkerGateway::Options o;
    o.port = &bed.port();
    o.clock = &bed.clock;
    o.seed = 1;
    o.thread = false;
    gateway = std::make_unique<WorkerGateway>(std::move(o));
  }
  // Everything that follows without time.
  void settle() {
    for (int i = 0; i < 4; ++i) {
      bed.settle();
      gateway->tick();
    }
  }
  void pass(Duration d) {
    for (const auto until = bed.clock.mono() + d; bed.clock.mono() < until;) {
      bed.clock.advance(std::min<Duration>(milliseconds(500), until - bed.clock.mono()));
      settle();
    }
  }
  static Json params(std::string_view text) { return *Json::parse(text); }

  Result<Json> enrol(Remote& r, std::uint32_t slots, std::vector<std::string> held = {},
                     std::vector<std::string> queues = {}) {
    Json p = Json::object();
    p.set("key", r.key).set("name", str("host:", r.key)).set("slots", slots);
    Json list = Json::array(), names = Json::array();
    for (auto& f : held)
      list.push(f);
    for (auto& q : queues)
      names.push(q);
    p.set("held", list).set("queues", names);
    auto answer = gateway->enrol(p, {});
    if (!answer.ok()) return answer.error();
    auto json = *Json::parse(*answer);
    r.id = json["worker_id"].as_string();
    r.session = json["session"].as_string();
    r.claims = r.reports = 0;
    settle();
    return json;
  }
  Remote& worker(std::uint32_t slots = 0, std::vector<std::string> queues = {}) {
    auto& r = *remotes.emplace_back(std::make_unique<Remote>());
    r.key = str("key-of-a-worker-", remotes.size());
    EXPECT_TRUE(enrol(r, slots, {}, std::move(queues)).ok());
    return r;
  }
  // Asks with these members beside seq; `again`: under the last number.
  void ask(Remote& r, Json p, bool again = false) {
    p.set("seq", again ? r.claims : ++r.claims);
    r.last.reset();
    r.hang_up = gateway->claim({r.id, r.session}, p, [&r](Result<std::string> text) {
      ++r.answers;
      r.last = text.ok() ? Json::parse(*text) : Result<Json>(text.error());
    });
    settle();
  }
  void claim(Remote& r, int slots, double wait = 60) {
    ask(r, Json::object().set("slots", slots).set("wait_s", wait));
  }
  Result<Json> report(Remote& r, Json list, int slots = 0, bool again = false) {
    Json p = Json::object().set("seq", again ? r.reports : ++r.reports).set("slots", slots);
    p.set("reports", std::move(list));
    std::optional<Result<Json>> out;
    gateway->report({r.id, r.session}, p, [&](Result<std::string> text) {
      out = text.ok() ? Json::parse(*text) : Result<Json>(text.error());
    });
    settle();
    return *out;
  }
  static Json done(const std::string& fence, const char* kind = "completed") {
    return Json::array().push(
        Json::object().set("fence", fence).set("kind", kind).set("receipt", true));
  }
  static std::vector<std::string> words(const Json& list) {
    std::vector<std::string> out;
    for (const auto& one : list.as_array())
      out.push_back(one.is_string() ? one.as_string() : one["path"].as_string());
    return out;
  }
  std::vector<std::string> given(const Remote& r) {
    if (!r.last || !r.last->ok()) return {"nothing"};
    return words((**r.last)["assignments"]);
  }
  std::string fence(const Remote& r, std::size_t i = 0) {
    return (**r.last)["assignments"][i]["fence"].as_string();
  }
  WorkflowId define(int tasks = 1, const char* more = "") {
    std::string text = "pawl: 1\nname: w\ntasks:\n";
    for (int i = 0; i < tasks; ++i)
      text += str("  t", i, ": {action: noop", more, "}\n");
    return bed.define(text);
  }
};

TEST_F(GatewayTest, AClaimThatWaitsIsAnsweredWhenWorkComes) {
  auto id = define();
  auto& w = worker();
  claim(w, 1);
  EXPECT_FALSE(w.last);
  auto run = bed.submit(id);
  settle();
  ASSERT_THAT(given(w), ElementsAre("t0"));
  EXPECT_EQ((**w.last)["assignments"][0]["action"].as_string(), "noop");
  auto f = fence(w);
  auto answer = report(w, done(f));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  claim(w, 1);
  EXPECT_THAT(words((**w.last)["recorded"]), ElementsAre(f));
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(GatewayTest, OfferedSlotsBoundWhatIsGivenAndManyComeAtOnce) {
  auto id = define(10);
  auto& w = worker();
  bed.submit(id);
  claim(w, 4);
  ASSERT_THAT(given(w), ElementsAre("t0", "t1", "t2", "t3"));
  auto first = fence(w);
  claim(w, 0, 0);
  EXPECT_THAT(given(w), IsEmpty());
  claim(w, 3, 0);  // came with the claim's own commit, or with the next call
  if (given(w).empty()) claim(w, 3);
  EXPECT_THAT(given(w), ElementsAre("t4", "t5", "t6"));
  // A report frees slots; what it brings is there when the worker asks.
  ASSERT_TRUE(report(w, done(first), 1).ok());
  ask(w, Json::object().set("wait_s", 60));
  EXPECT_THAT(given(w), ElementsAre("t7"));
}

TEST_F(GatewayTest, WithoutWorkAClaimEndsWhenItsTimeIsUp) {
  auto& w = worker();
  claim(w, 1, 10);
  pass(seconds(9));
  EXPECT_FALSE(w.last);
  pass(seconds(2));
  EXPECT_THAT(given(w), IsEmpty());
  EXPECT_EQ(w.answers, 1);
}

TEST_F(GatewayTest, ARepeatedCallAnswersTheSameAndChangesNothing) {
  auto id = define(2);
  auto& w = worker();
  claim(w, 1);
  auto run = bed.submit(id);
  settle();
  ASSERT_THAT(given(w), ElementsAre("t0"));
  auto f = fence(w);
  auto text = (**w.last).dump();
  ask(w, Json::object().set("slots", 1).set("wait_s", 60), true);
  EXPECT_EQ((**w.last).dump(), text);
  auto first = report(w, done(f), 1);
  auto commits = bed.statistics().tasks_ended;
  auto second = report(w, done(f), 1, true);
  EXPECT_EQ(first->dump(), second->dump());
  EXPECT_EQ(bed.statistics().tasks_ended, commits);
  EXPECT_THAT(words((*second)["refused"]), IsEmpty());
  ask(w, Json::object().set("wait_s", 60));
  EXPECT_THAT(given(w), ElementsAre("t1"));
  ask(w, Json::object().set("wait_s", 0));  // the slot was offered once, not twice
  EXPECT_THAT(given(w), IsEmpty());
  EXPECT_EQ(bed.task(run, "t1"), TaskState::running);
}

TEST_F(GatewayTest, AnOlderCallIsRefused) {
  auto& w = worker();
  claim(w, 0, 0);
  claim(w, 0, 0);
  w.claims = 0;
  claim(w, 0, 0);
  ASSERT_TRUE(w.last && !w.last->ok());
  EXPECT_EQ(w.last->error().code, Errc::conflict);
  (void)report(w, Json::array());
  (void)report(w, Json::array());
  w.reports = 0;
  EXPECT_EQ(report(w, Json::array()).error().code, Errc::conflict);
}

TEST_F(GatewayTest, ACancelEndsTheWaitOfAWorkerThatIsFull) {
  auto id = define();
  auto& w = worker();
  auto run = bed.submit(id);
  claim(w, 1);
  ASSERT_THAT(given(w), ElementsAre("t0"));
  auto f = fence(w);
  claim(w, 0);
  EXPECT_FALSE(w.last);
  ASSERT_TRUE(bed.command(run, core::Cancel{"me"}).ok());
  settle();
  ASSERT_TRUE(w.last);
  EXPECT_THAT(words((**w.last)["cancel"]), ElementsAre(f));
  ASSERT_TRUE(report(w, done(f, "cancelled")).ok());
  EXPECT_EQ(bed.state(run), core::RunState::cancelled);
}

TEST_F(GatewayTest, WhatWasNotFetchedIsCancelledAtOnce) {
  auto id = define();
  auto& w = worker();
  claim(w, 1, 1);
  pass(seconds(2));
  auto run = bed.submit(id);  // its slot is still lent
  ASSERT_TRUE(bed.command(run, core::Cancel{"me"}).ok());
  settle();
  EXPECT_EQ(bed.state(run), core::RunState::cancelled);
  claim(w, 1, 0);
  EXPECT_THAT(given(w), IsEmpty());
  EXPECT_THAT(words((**w.last)["cancel"]), IsEmpty());
}

TEST_F(GatewayTest, AWorkerThatIsSilentForItsLeaseIsLostAndItsLateReportRefused) {
  auto id = define();
  auto& lost = worker();
  auto run = bed.submit(id);
  claim(lost, 1);
  auto f = fence(lost);
  auto& other = worker();
  claim(other, 1);
  pass(seconds(29));
  EXPECT_EQ(bed.task(run, "t0"), TaskState::running);
  EXPECT_FALSE(other.last);
  ASSERT_TRUE(report(other, Json::array()).ok());  // a heartbeat
  pass(seconds(2));
  ASSERT_THAT(given(other), ElementsAre("t0"));
  EXPECT_NE(fence(other), f);
  EXPECT_EQ(report(lost, done(f)).error().code, Errc::not_found);
  // It registers again with what it holds, and hears that nobody waits for it.
  ASSERT_TRUE(enrol(lost, 1, {f}).ok());
  ask(lost, Json::object().set("wait_s", 60));
  EXPECT_THAT(words((**lost.last)["refused"]), ElementsAre(f));
  EXPECT_THAT(words((*report(lost, done(f)))["refused"]), ElementsAre(f));
  EXPECT_EQ(bed.task(run, "t0"), TaskState::running);
  ASSERT_TRUE(report(other, done(fence(other))).ok());
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(GatewayTest, HeartbeatsKeepTheLease) {
  auto id = define();
  auto& w = worker();
  auto run = bed.submit(id);
  claim(w, 1);
  auto f = fence(w);
  for (int i = 0; i < 10; ++i) {
    pass(seconds(20));
    ASSERT_TRUE(report(w, Json::array()).ok());
  }
  ASSERT_TRUE(report(w, done(f)).ok());
  EXPECT_EQ(bed.state(run), core::RunState::completed);
}

TEST_F(GatewayTest, WhoHangsUpIsGivenNothingUntilItAsksAgain) {
  auto id = define();
  auto& w = worker();
  claim(w, 1);
  w.hang_up();
  settle();
  ASSERT_TRUE(w.last && !w.last->ok());
  auto run = bed.submit(id);
  settle();
  EXPECT_EQ(bed.task(run, "t0"), TaskState::queued);
  ask(w, Json::object().set("slots", 1).set("wait_s", 60), true);  // repeats what had no answer
  EXPECT_THAT(given(w), ElementsAre("t0"));
}

TEST_F(GatewayTest, SlotsThatNobodyAsksForAreTakenBack) {
  auto id = define(2);
  auto& w = worker();
  claim(w, 2, 1);
  pass(seconds(2));
  EXPECT_THAT(given(w), IsEmpty());
  pass(seconds(6));  // alive, but it asks no more
  auto run = bed.submit(id);
  settle();
  EXPECT_EQ(bed.task(run, "t0"), TaskState::queued);
}

TEST_F(GatewayTest, AWorkerThatDrainsIsGivenNothingMore) {
  auto id = define();
  auto& w = worker();
  claim(w, 2);
  gateway->report({w.id, w.session}, params(R"({"seq":1,"drain":true})"),
                  [](Result<std::string> r) { EXPECT_TRUE(r.ok()); });
  auto run = bed.submit(id);
  settle();
  EXPECT_EQ(bed.task(run, "t0"), TaskState::queued);
  EXPECT_FALSE(w.last);
}

TEST_F(GatewayTest, WorkThatNobodyFetchesIsGivenBack) {
  auto id = define(1);
  auto& slow = worker();
  claim(slow, 1, 1);
  pass(seconds(2));
  auto run = bed.submit(id);  // its slot is still lent
  settle();
  EXPECT_EQ(bed.task(run, "t0"), TaskState::running);
  auto& other = worker();
  claim(other, 1);
  pass(seconds(7));
  EXPECT_THAT(given(other), ElementsAre("t0"));
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(GatewayTest, ANewLifeOfAWorkerKeepsWhatItHoldsAndLosesTheRest) {
  auto id = define(2);
  auto& w = worker();
  auto run = bed.submit(id);
  claim(w, 2);
  ASSERT_THAT(given(w), ElementsAre("t0", "t1"));
  auto kept = fence(w, 0), gone = fence(w, 1);
  auto old = w.session;
  ASSERT_TRUE(enrol(w, 2, {kept}).ok());
  EXPECT_NE(w.session, old);
  ask(w, Json::object().set("wait_s", 60));
  ASSERT_THAT(given(w), ElementsAre("t1"));  // again, under the next number
  EXPECT_NE(fence(w), gone);
  ASSERT_TRUE(report(w, done(kept)).ok());
  ASSERT_TRUE(report(w, done(fence(w))).ok());
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  // The old life is shut out.
  auto id_and_old = WorkerGateway::Who{w.id, old};
  gateway->report(id_and_old, params(R"({"seq":99})"),
                  [](Result<std::string> r) { EXPECT_EQ(r.error().code, Errc::forbidden); });
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(GatewayTest, ACancelReachesTheNextLifeToo) {
  auto id = define();
  auto& w = worker();
  auto run = bed.submit(id);
  claim(w, 1);
  auto f = fence(w);
  claim(w, 0);
  ASSERT_TRUE(bed.command(run, core::Cancel{"me"}).ok());
  settle();
  ASSERT_TRUE(enrol(w, 0, {f}).ok());
  claim(w, 0, 0);
  EXPECT_THAT(words((**w.last)["cancel"]), ElementsAre(f));
}

TEST_F(GatewayTest, AfterARestartOfTheServerWorkersGoOn) {
  auto id = define(2);
  auto& a = worker();
  auto& b = worker();
  auto run = bed.submit(id);
  claim(a, 1);
  claim(b, 1);
  auto fa = fence(a), fb = fence(b);
  gateway.reset();
  bed.crash(false);
  start();
  EXPECT_EQ(report(a, done(fa)).error().code, Errc::not_found);
  ASSERT_TRUE(enrol(a, 0, {fa}).ok());
  pass(seconds(10));
  ASSERT_TRUE(enrol(b, 0, {fb}).ok());
  EXPECT_THAT(words((*report(a, done(fa)))["refused"]), IsEmpty());
  EXPECT_THAT(words((*report(b, done(fb)))["refused"]), IsEmpty());
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  for (const auto& e : bed.events(run))
    EXPECT_NE(e.reason, core::Reason::lost);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(GatewayTest, NobodySpeaksForAnothersAttempt) {
  auto id = define();
  auto& a = worker();
  auto& b = worker();
  auto run = bed.submit(id);
  claim(a, 1);
  auto f = fence(a);
  EXPECT_THAT(words((*report(b, done(f)))["refused"]), ElementsAre(f));
  EXPECT_EQ(bed.task(run, "t0"), TaskState::running);
  std::string answer;
  auto lines = Json::object().set(
      "batches",
      Json::array().push(params(str(R"({"fence":")", f, R"(","lines":[[1,"out","x"]]})"))));
  gateway->log({b.id, b.session}, lines, [&](Result<std::string> text) { answer = *text; });
  EXPECT_EQ(answer, str(R"({"refused":[")", f, "\"]}"));
  gateway->log({a.id, a.session}, lines, [&](Result<std::string> text) { answer = *text; });
  EXPECT_EQ(answer, R"({"refused":[]})");
  gateway->report({a.id, b.session}, params(R"({"seq":1})"),
                  [](Result<std::string> r) { EXPECT_EQ(r.error().code, Errc::forbidden); });
}

TEST_F(GatewayTest, LeavingGivesBackWhatIsUnfinished) {
  auto id = define();
  auto& a = worker();
  auto run = bed.submit(id);
  claim(a, 1);
  ASSERT_TRUE(gateway->leave({a.id, a.session}).ok());
  settle();
  EXPECT_EQ(bed.task(run, "t0"), TaskState::queued);
  EXPECT_EQ(gateway->leave({a.id, a.session}).error().code, Errc::not_found);
  EXPECT_EQ(gateway->list()["items"].size(), 0u);
}

TEST_F(GatewayTest, QueuesAreServedAsRegisteredAndAsAllowed) {
  auto id = define(1, ", queue: gpu");
  auto& plain = worker(0, {"default"});
  auto& gpu = worker(0, {"gpu"});
  claim(plain, 1);
  claim(gpu, 1);
  bed.submit(id);
  settle();
  EXPECT_FALSE(plain.last);
  EXPECT_THAT(given(gpu), ElementsAre("t0"));
  auto p = params(R"({"key":"0123456789abcdef","name":"n","queues":["gpu"]})");
  EXPECT_EQ(gateway->enrol(p, {"default"}).error().code, Errc::forbidden);
  EXPECT_TRUE(gateway->enrol(p, {"default", "gpu"}).ok());
  ASSERT_TRUE(gateway->enrol(p.set("queues", Json()).set("key", "0123456789abcdeg"), {"a"}).ok());
  EXPECT_EQ(gateway->list()["items"][3]["queues"].dump(), R"(["a"])");
}

TEST_F(GatewayTest, WhatIsMalformedIsNamed) {
  auto message = [&](std::string_view text) {
    auto r = gateway->enrol(params(text), {});
    return r.ok() ? std::string("taken") : r.error().message;
  };
  EXPECT_THAT(message("{}"), HasSubstr("\"key\""));
  EXPECT_THAT(message(R"({"key":"short","name":"n"})"), HasSubstr("\"key\""));
  EXPECT_THAT(message(R"({"key":"0123456789abcdef"})"), HasSubstr("\"name\""));
  EXPECT_THAT(message(R"({"key":"0123456789abcdef","name":"n","held":["1.2"]})"),
              HasSubstr("\"fence\""));
  EXPECT_THAT(message(R"({"key":"0123456789abcdef","name":"n","slots":-1})"), HasSubstr("slots"));
  auto& w = worker();
  gateway->report({w.id, w.session}, params(R"({"seq":1,"reports":[{"fence":"1.0.1.1"}]})"),
                  [](Result<std::string> r) {
                    EXPECT_THAT(r.error().message, HasSubstr("reports[0]: \"kind\""));
                  });
  gateway->claim({w.id, w.session}, params(R"({"slots":1})"),
                 [](Result<std::string> r) { EXPECT_THAT(r.error().message, HasSubstr("seq")); });
}

TEST(GatewayThread, AnswersFromItsOwnThread) {
  struct Port final : core::WorkerPort {
    std::shared_ptr<core::WorkerLink> link;
    WorkerId join(core::WorkerInfo, std::shared_ptr<core::WorkerLink> l,
                  std::vector<core::Fence>) override {
      link = std::move(l);
      return WorkerId(7);
    }
    void offer(WorkerId, std::uint32_t) override {}
    void report(WorkerId, std::vector<core::Report>, std::uint32_t) override {}
    void log(WorkerId, core::LogBatch) override {}
    void leave(WorkerId) override {}
  } port;
  WorkerGateway::Options o;
  o.port = &port;
  auto gateway = std::make_unique<WorkerGateway>(std::move(o));
  auto json =
      *Json::parse(*gateway->enrol(*Json::parse(R"({"key":"0123456789abcdef","name":"n"})"), {}));
  const auto session = json["session"].as_string();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> answers;
  auto take = [&](Result<std::string> text) {
    std::lock_guard lock(mutex);
    answers.push_back(text.ok() ? *text : text.error().message);
    changed.notify_all();
  };
  gateway->claim({"7", session}, *Json::parse(R"({"seq":1,"slots":1,"wait_s":60})"), take);
  port.link->cancel({RunId{1}, 0, 1, 1});  // not its own: nobody is told
  port.link->refused({RunId{1}, 0, 1, 1});
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, seconds(20), [&] { return answers.size() == 1; }));
    EXPECT_EQ(answers[0], R"({"assignments":[],"cancel":[],"refused":["1.0.1.1"],"recorded":[]})");
  }
  gateway->claim({"7", session}, *Json::parse(R"({"seq":2,"wait_s":60})"), take);
  gateway.reset();
  EXPECT_THAT(answers[1], HasSubstr("stopped"));
  port.link->refused({RunId{1}, 0, 1, 1});  // an engine that ends later than the gateway
}

}  // namespace
}  // namespace pawl::server
