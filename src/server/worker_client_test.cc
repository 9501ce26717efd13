// The worker's end of the protocol against a real server: engine, gateway, router and sockets.
#include "server/worker_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fs_testing.h"
#include "base/text.h"
#include "engine/engine.h"
#include "server/router_testing.h"
#include "server/worker_routes.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::server {
namespace {

using core::Fence;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kLong = seconds(30);

// A server that can be killed and started again on the same port.
struct Server {
  TempDir dir;
  std::uint16_t port = 0;
  WorkerSession::Terms terms;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<WorkerGateway> gateway;
  RoleDoor door;
  std::unique_ptr<Router> router;
  std::unique_ptr<HttpServer> http;

  void start() {
    store::SqliteOptions where;
    where.directory = dir.path();
    auto opened = store::open_sqlite(where);
    PAWL_ASSERT(opened.ok());
    store = std::move(*opened);
    engine::Options o;
    o.store = store.get();
    o.reunion = terms.lease;
    auto made = engine::Engine::open(std::move(o));
    PAWL_ASSERT(made.ok());
    engine = std::move(*made);
    WorkerGateway::Options g;
    g.port = engine.get();
    g.terms = terms;
    gateway = std::make_unique<WorkerGateway>(std::move(g));
    router = std::make_unique<Router>(Router::Options{&door, 2, 16, nullptr});
    add_worker_routes(*router, *gateway);
    HttpServer::Options h;
    h.port = port;
    auto listening = HttpServer::open(h, *router);
    PAWL_ASSERT(listening.ok());
    http = std::move(*listening);
    port = http->port();
  }
  void stop() {
    http.reset();
    gateway.reset();
    router.reset();
    engine.reset();
    store.reset();
  }
  ~Server() { stop(); }
  RunId submit(std::string_view tasks) {
    auto id = engine->register_workflow({str("pawl: 1\nname: w\ntasks:\n", tasks), "", {}});
    PAWL_ASSERT(id.ok());
    return *engine->submit({.workflow = *id});
  }
  core::RunState end_of(RunId run) {
    auto ended = engine->wait_for_end(run, system_clock().mono() + kLong);
    EXPECT_TRUE(ended.ok() && *ended);
    core::RunState state{};
    (void)engine->inspect(run, [&](const core::Run& r) { state = r.state; });
    return state;
  }
  Attempt attempts(RunId run) {
    Attempt n = 0;
    (void)engine->inspect(run, [&](const core::Run& r) { n = r.rows[0].attempt; });
    return n;
  }
};

// What a worker was told.
struct Told final : core::WorkerLink {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<core::Assignment> assignments;
  std::vector<Fence> cancels, refusals, receipts;
  void assign(std::vector<core::Assignment> batch) override {
    std::lock_guard lock(mutex);
    std::move(batch.begin(), batch.end(), std::back_inserter(assignments));
    changed.notify_all();
  }
  void cancel(const Fence& f) override { add(cancels, {f}); }
  void refused(const Fence& f) override { add(refusals, {f}); }
  void recorded(std::vector<Fence> f) override { add(receipts, std::move(f)); }
  void add(std::vector<Fence>& to, std::vector<Fence> what) {
    std::lock_guard lock(mutex);
    to.insert(to.end(), what.begin(), what.end());
    changed.notify_all();
  }
  template <typename List>
  bool wait(const List& list, std::size_t n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, [&] { return list.size() >= n; });
  }
};

struct WorkerClientTest : testing::Test {
  Server server;
  std::shared_ptr<Told> told = std::make_shared<Told>();
  std::mutex mutex;
  std::condition_variable noted;
  std::string notes;
  std::unique_ptr<WorkerClient> client;
  WorkerId id;

  void join(std::uint32_t slots, const char* token = "worker") {
    WorkerClient::Options o;
    o.http.server = *parse_server(str("http://127.0.0.1:", server.port));
    o.http.token = token;
    o.key = "0123456789abcdef";
    o.first_pause = milliseconds(5);
    o.longest_pause = milliseconds(50);
    o.note = [this](const std::string& line) {
      std::lock_guard lock(mutex);
      notes += line + "\n";
      noted.notify_all();
    };
    client = std::make_unique<WorkerClient>(std::move(o));
    id = client->join({.name = "test"}, told, {});
    client->offer(id, slots);
  }
  bool says(std::string_view text) {
    std::unique_lock lock(mutex);
    return noted.wait_for(lock, kLong, [&] { return notes.find(text) != std::string::npos; });
  }
  Fence fence(std::size_t i = 0) {
    EXPECT_TRUE(told->wait(told->assignments, i + 1));
    std::lock_guard lock(told->mutex);
    return told->assignments[i].fence;
  }
  void report(const Fence& f, core::ReportKind kind, Json outputs = Json(),
              std::uint32_t slots = 0) {
    core::Report r;
    r.fence = f;
    r.kind = kind;
    r.outputs = std::move(outputs);
    r.receipt = true;
    client->report(id, {r}, slots);
  }
};

constexpr const char* kOne = "  a: {action: noop}\n";

TEST_F(WorkerClientTest, WorkComesIsReportedAndRecorded) {
  server.start();
  join(1);
  auto run = server.submit("  a: {action: noop}\n  b: {action: noop, needs: [a]}\n");
  report(fence(), core::ReportKind::completed, Json::object().set("n", 1), 1);
  report(fence(1), core::ReportKind::completed);
  EXPECT_EQ(server.end_of(run), core::RunState::completed);
  ASSERT_TRUE(told->wait(told->receipts, 2));
  EXPECT_THAT(told->receipts, ElementsAre(fence(), fence(1)));
  client->leave(id);
  EXPECT_TRUE(client->finish(kLong));
  EXPECT_EQ(server.gateway->list()["items"].size(), 0u);
}

TEST_F(WorkerClientTest, LinesComeBeforeTheEndAndOnlyOnce) {
  server.start();
  join(1);
  auto run = server.submit(kOne);
  const auto f = fence();
  for (std::uint64_t i = 0; i < 100; ++i) {
    client->log(id, {f, i, {{system_clock().now(), core::Stream::out, str("line ", i, '\0')}}});
  }
  report(f, core::ReportKind::completed);
  EXPECT_EQ(server.end_of(run), core::RunState::completed);
  store::LogQuery query;
  query.run = run;
  auto chunks = server.store->read_logs(query);
  ASSERT_TRUE(chunks.ok());
  std::vector<std::string> lines;
  for (const auto& chunk : *chunks)
    for (const auto& line : chunk.lines)
      lines.push_back(line.text);
  ASSERT_EQ(lines.size(), 100u);
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(lines[i], str("line ", i, ' '));
}

TEST_F(WorkerClientTest, WhatEndedWhileTheServerWasAwayIsDeliveredAndNotDoneAgain) {
  server.start();
  join(1);
  auto run = server.submit(kOne);
  const auto f = fence();
  server.stop();
  ASSERT_TRUE(says("the server is away"));
  report(f, core::ReportKind::completed);
  server.start();
  EXPECT_EQ(server.end_of(run), core::RunState::completed);
  EXPECT_EQ(server.attempts(run), 1u);
  ASSERT_TRUE(told->wait(told->receipts, 1));
  EXPECT_EQ(told->assignments.size(), 1u);
  EXPECT_TRUE(told->refusals.empty());
}

TEST_F(WorkerClientTest, AServerThatIsNotThereYetIsWaitedFor) {
  server.start();
  server.stop();  // its port is known
  join(1);
  ASSERT_TRUE(says("the server is away (cannot connect to 127.0.0.1:"));
  server.start();
  auto run = server.submit(kOne);
  report(fence(), core::ReportKind::completed);
  EXPECT_EQ(server.end_of(run), core::RunState::completed);
}

TEST_F(WorkerClientTest, AFinalReportSurvivesAServerThatDiesBetweenItsAnswerAndItsCommit) {
  server.start();
  join(1);
  auto run = server.submit(kOne);
  const auto f = fence();
  // A gateway whose engine forgets: as if it had been killed before its commit.
  struct Deaf final : core::WorkerPort {
    WorkerId join(core::WorkerInfo, std::shared_ptr<core::WorkerLink>,
                  std::vector<Fence>) override {
      return WorkerId(99);
    }
    void offer(WorkerId, std::uint32_t) override {}
    void report(WorkerId, std::vector<core::Report> r, std::uint32_t) override {
      std::lock_guard lock(mutex);
      reports += r.size();
      changed.notify_all();
    }
    void log(WorkerId, core::LogBatch) override {}
    void leave(WorkerId) override {}
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t reports = 0;
  } deaf;
  server.stop();
  {
    WorkerGateway::Options g;
    g.port = &deaf;
    WorkerGateway gateway(std::move(g));
    Router router(Router::Options{&server.door, 2, 16, nullptr});
    add_worker_routes(router, gateway);
    HttpServer::Options h;
    h.port = server.port;
    auto http = HttpServer::open(h, router);
    ASSERT_TRUE(http.ok());
    report(f, core::ReportKind::completed);
    std::unique_lock lock(deaf.mutex);
    ASSERT_TRUE(deaf.changed.wait_for(lock, kLong, [&] { return deaf.reports == 1; }));
  }
  server.start();
  EXPECT_EQ(server.end_of(run), core::RunState::completed);
  EXPECT_EQ(server.attempts(run), 1u);
}

TEST_F(WorkerClientTest, ACancelArrivesWhileTheWorkerIsFull) {
  server.start();
  join(1);
  auto run = server.submit(kOne);
  const auto f = fence();
  ASSERT_TRUE(server.engine->cancel(run, "me").ok());
  ASSERT_TRUE(told->wait(told->cancels, 1));
  EXPECT_THAT(told->cancels, ElementsAre(f));
  report(f, core::ReportKind::cancelled);
  EXPECT_EQ(server.end_of(run), core::RunState::cancelled);
}

TEST_F(WorkerClientTest, AReportThatNoServerTakesFailsItsTaskAndStopsNothingElse) {
  server.start();
  join(2);
  auto run = server.submit("  a: {action: noop}\n  b: {action: noop}\n");
  ASSERT_TRUE(told->wait(told->assignments, 2));
  core::Report bad, good;
  bad.fence = fence(0);
  good.fence = fence(1);
  bad.kind = good.kind = core::ReportKind::completed;
  bad.outputs = Json::object().set("x", std::string("a\0b", 3));
  client->report(id, {bad, good}, 0);
  EXPECT_EQ(server.end_of(run), core::RunState::failed);
  (void)server.engine->inspect(run, [&](const core::Run& r) {
    EXPECT_EQ(r.rows[0].state, core::TaskState::failed);
    EXPECT_EQ(r.rows[1].state, core::TaskState::completed);
  });
  EXPECT_TRUE(says("the server refuses what the worker reports of it"));
}

TEST_F(WorkerClientTest, ATokenThatIsNotTakenIsSaid) {
  server.start();
  join(1, "viewer");
  EXPECT_TRUE(says("it does not take this worker"));
}

TEST_F(WorkerClientTest, AfterADrainNothingMoreComes) {
  server.start();
  join(4);
  ASSERT_TRUE(says("registered"));
  client->offer(id, 0);
  client->leave(id);
  ASSERT_TRUE(client->finish(kLong));
  auto run = server.submit(kOne);
  (void)server.engine->inspect(
      run, [&](const core::Run& r) { EXPECT_EQ(r.rows[0].state, core::TaskState::queued); });
  EXPECT_TRUE(told->assignments.empty());
}

}  // namespace
}  // namespace pawl::server
