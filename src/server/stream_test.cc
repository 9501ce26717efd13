// The stream over real sockets, with a real engine behind it and a worker that does what it is
// told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/text.h"
#include "server/http_client_testing.h"
#include "server/stream_session.h"
#include "server/ws_frames.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTwoTasks =
    "pawl: 1\nname: pair\ntasks:\n  a: {run: 'true'}\n  b: {run: 'true', needs: [a]}\n";
constexpr const char* kToken = "let me in";

// A worker whose test says when and what it reports.
class HandWorker final : public core::WorkerLink {
 public:
  void assign(std::vector<core::Assignment> batch) override {
    std::lock_guard lock(mutex_);
    for (auto& a : batch)
      given_.push_back(std::move(a));
    changed_.notify_all();
  }
  void cancel(const core::Fence&) override {}
  void refused(const core::Fence&) override {}
  core::Fence take() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return !given_.empty(); });
    if (given_.empty()) {
      ADD_FAILURE() << "nothing was given to the worker";
      return {};
    }
    auto fence = given_.front().fence;
    given_.pop_front();
    return fence;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<core::Assignment> given_;
};

// The other side of a WebSocket: frames go out masked, whole messages come in.
class WsClient {
 public:
  WsClient(std::uint16_t port, const std::string& target, const std::string& more = "")
      : raw_(port) {
    raw_.send(str("GET ", target,
                  " HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
                  "websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                  more, "\r\n"));
    head_ = raw_.read_until("\r\n\r\n");
  }
  const std::string& head() const { return head_; }
  void say(const std::string& text, std::uint8_t opcode = 1, bool last = true) {
    std::string frame;
    frame += static_cast<char>((last ? 0x80 : 0) | opcode);
    frame += static_cast<char>(0x80 | (text.size() < 126 ? text.size() : 126));
    if (text.size() >= 126) {
      frame += static_cast<char>(text.size() >> 8);
      frame += static_cast<char>(text.size() & 0xff);
    }
    frame += std::string(4, '\0');  // a mask that leaves all as it is
    raw_.send(frame + text);
  }
  void subscribe(const std::string& topic, std::optional<std::uint64_t> after = {}) {
    say(str(R"({"op":"subscribe","topic":")", topic, '"',
            after ? str(",\"after_seq\":", *after) : std::string(), '}'));
  }
  // The next message; null once the connection is closed. Pings are passed over.
  Json next() {
    while (true) {
      std::string head = raw_.read_bytes(2);
      if (head.size() < 2) return {};
      auto opcode = head[0] & 0x0f;
      std::uint64_t size = head[1] & 0x7f;
      int more = size == 126 ? 2 : size == 127 ? 8 : 0;
      if (more > 0) {
        size = 0;
        for (char c : raw_.read_bytes(static_cast<std::size_t>(more)))
          size = size << 8 | static_cast<unsigned char>(c);
      }
      std::string payload = raw_.read_bytes(size);
      if (opcode == 8) {
        code = payload.size() < 2 ? 0
                                  : static_cast<unsigned char>(payload[0]) << 8 |
                                        static_cast<unsigned char>(payload[1]);
        return {};
      }
      if (opcode != 1) continue;
      auto json = Json::parse(payload);
      return json.ok() ? *json : Json("no JSON: " + payload);
    }
  }
  // The next one of this type.
  Json next_of(std::string_view type) {
    for (Json j = next(); !j.is_null(); j = next())
      if (j["type"].is_string() && j["type"].as_string() == type) return j;
    ADD_FAILURE() << "closed with " << code << " before any " << type;
    return {};
  }
  int code = -1;

 private:
  RawClient raw_;
  std::string head_;
};

class Stream : public testing::Test, public HttpHandler {
 protected:
  Stream() {
    store_ = store::open_memory();
    engine::Options options;
    options.store = store_.get();
    engine_ = std::move(engine::Engine::open(std::move(options)).value());
    hub_ = std::make_unique<StreamHub>(*engine_, *store_, system_clock());
    EXPECT_TRUE(hub_->start().ok());
    server_ = std::move(HttpServer::open({}, *this).value());
    worker_ = std::make_shared<HandWorker>();
    id_ = engine_->join({"hand", {}, {}, {}}, worker_, {});
    engine_->offer(id_, 100);
    workflow_ = engine_->register_workflow({kTwoTasks, "", {}}).value();
  }
  ~Stream() override {
    server_.reset();
    hub_.reset();
    engine_->leave(id_);
    engine_->stop();
  }
  std::size_t body_limit(const HttpRequest&) override { return 0; }
  void handle(HttpRequest request, HttpReply reply) override {
    if (request.path == "/ws") {
      return open_websocket(*hub_, request, std::move(reply),
                            {request.query == "in", [](auto token) { return token == kToken; }});
    }
    std::optional<std::uint64_t> after;
    if (const auto* last = request.header("last-event-id")) after = std::stoull(*last);
    open_event_stream(*hub_, parse_topic(request.path.substr(1)).value(), after, std::move(reply));
  }
  HttpResponse refused(const HttpRefusal& r) override { return {r.status, "", r.why, {}}; }

  RunId submit() {
    engine::SubmitRequest request;
    request.workflow = workflow_;
    request.inputs = Json::object();
    return engine_->submit(std::move(request)).value();
  }
  void report(const core::Fence& fence, core::ReportKind kind) {
    core::Report r;
    r.fence = fence;
    r.kind = kind;
    engine_->report(id_, {std::move(r)}, 0);
  }
  void do_task() {
    auto fence = worker_->take();
    report(fence, core::ReportKind::started);
    report(fence, core::ReportKind::completed);
  }
  void finish(RunId run) {
    do_task(), do_task();
    EXPECT_TRUE(engine_->wait_for_end(run, Mono::max()).value());
  }
  void log(const core::Fence& fence, std::uint64_t first, std::vector<std::string> texts) {
    core::LogBatch batch{fence, first, {}};
    for (auto& text : texts)
      batch.lines.push_back({system_clock().now(), core::Stream::out, std::move(text)});
    engine_->log(id_, std::move(batch));
  }
  std::uint16_t port() const { return server_->port(); }
  static std::vector<std::string> texts(const Json& message) {
    std::vector<std::string> out;
    for (const auto& line : message["data"]["lines"].as_array())
      out.push_back(line["text"].as_string());
    return out;
  }

  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<StreamHub> hub_;
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<HandWorker> worker_;
  WorkerId id_;
  WorkflowId workflow_;
};

TEST_F(Stream, ARunIsToldFromItsSnapshotToItsEndWithoutAGap) {
  auto run = submit();
  WsClient client(port(), "/ws?in", "Sec-WebSocket-Protocol: pawl.v1+json\r\n");
  EXPECT_THAT(client.head(), StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(client.head(), HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  EXPECT_THAT(client.head(), HasSubstr("Sec-WebSocket-Protocol: pawl.v1+json"));
  client.subscribe(str("run/", run.value));
  Json first = client.next();
  EXPECT_EQ(first["type"].as_string(), "snapshot");
  EXPECT_EQ(first["data"]["run_id"].as_integer(), run.value);
  std::int64_t last = first["seq"].as_integer();
  finish(run);
  while (true) {
    Json m = client.next_of("event");
    ASSERT_FALSE(m.is_null());
    EXPECT_EQ(m["seq"].as_integer(), ++last);
    EXPECT_EQ(m["topic"].as_string(), str("run/", run.value));
    if (m["data"]["event"].as_string() == "run_state" &&
        m["data"]["state"].as_string() == "completed") {
      break;
    }
  }
}

TEST_F(Stream, OneThatComesBackIsToldExactlyWhatItMissed) {
  auto run = submit();
  std::vector<std::string> whole, parts;
  auto read = [](WsClient& client, std::vector<std::string>& into, std::size_t most) {
    while (into.size() < most) {
      Json m = client.next_of("event");
      if (m.is_null()) return;
      into.push_back(m["data"].dump());
      if (m["data"]["event"].as_string() == "run_state" &&
          m["data"]["state"].as_string() == "completed") {
        return;
      }
    }
  };
  {
    WsClient client(port(), "/ws?in");
    client.subscribe(str("run/", run.value), 0);
    read(client, parts, 2);
  }
  finish(run);
  WsClient again(port(), "/ws?in"), all(port(), "/ws?in");
  again.subscribe(str("run/", run.value), 2);
  read(again, parts, 1000);
  all.subscribe(str("run/", run.value), 0);
  read(all, whole, 1000);
  EXPECT_GT(whole.size(), 4u);
  // What a live event says beside it (how the task is by then) is not in the history.
  for (auto* lines : {&whole, &parts})
    for (auto& line : *lines)
      line = line.substr(0, line.find(",\"live\""));
  EXPECT_THAT(parts.front(), HasSubstr("\"seq\":1,"));
  for (auto& line : parts)
    if (line.back() != '}') line += '}';
  for (auto& line : whole)
    if (line.back() != '}') line += '}';
  EXPECT_EQ(parts, whole);
}

TEST_F(Stream, LinesOfAnAttemptComeOnceAndInOrder) {
  auto run = submit();
  auto fence = worker_->take();
  report(fence, core::ReportKind::started);
  log(fence, 0, {"one", "two"});
  log(fence, 2, {"three"});
  WsClient every(port(), "/ws?in"), behind(port(), "/ws?in");
  auto topic = str("run/", run.value, "/logs/a/1");
  every.subscribe(topic);
  behind.subscribe(topic, 0);
  std::vector<std::string> got, rest;
  while (got.size() < 3) {
    Json m = every.next_of("log");
    ASSERT_FALSE(m.is_null());
    for (auto& t : texts(m))
      got.push_back(t);
  }
  log(fence, 3, {"four"});
  while (rest.size() < 3) {
    Json m = behind.next_of("log");
    ASSERT_FALSE(m.is_null());
    for (auto& t : texts(m))
      rest.push_back(t);
  }
  EXPECT_THAT(got, ElementsAre("one", "two", "three"));
  EXPECT_THAT(rest, ElementsAre("two", "three", "four"));
  EXPECT_THAT(texts(every.next_of("log")), ElementsAre("four"));
}

TEST_F(Stream, ProgressAndListsAreTold) {
  auto run = submit();
  auto fence = worker_->take();
  report(fence, core::ReportKind::started);
  WsClient client(port(), "/ws?in"), lists(port(), "/ws?in"), others(port(), "/ws?in");
  client.subscribe(str("run/", run.value));
  EXPECT_EQ(client.next()["type"].as_string(), "snapshot");
  lists.subscribe("runs?workflow=pair");
  others.subscribe("runs?workflow=another");
  EXPECT_EQ(lists.next()["data"]["items"].size(), 1u);
  EXPECT_EQ(others.next()["data"]["items"].size(), 0u);
  core::Report r;
  r.fence = fence;
  r.has_progress = true;
  r.progress = {3, 10, "files"};
  engine_->report(id_, {r}, 0);
  Json progress = client.next_of("progress");
  EXPECT_EQ(progress["data"]["task"].as_string(), "a");
  EXPECT_EQ(progress["data"]["progress"]["current"].as_double(), 3);
  report(fence, core::ReportKind::completed);
  do_task();
  for (std::string state; state != "completed";) {
    Json row = lists.next_of("patch");
    ASSERT_FALSE(row.is_null());
    state = row["data"]["state"].as_string();
  }
  others.say(R"({"op":"ping"})");
  EXPECT_EQ(others.next()["type"].as_string(), "pong") << "nothing of other workflows came before";
}

TEST_F(Stream, ServerSentEventsAreTheSameMessages) {
  auto run = submit();
  finish(run);
  RawClient client(port());
  client.send(
      str("GET /run/", run.value, " HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n\r\n"));
  auto text = client.read_until("\"state\":\"completed\"}}\n\n");
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_THAT(text, HasSubstr("\r\n\r\nid: 2\nevent: event\ndata: {\"topic\":\"run/1\","));
  EXPECT_THAT(text, testing::Not(HasSubstr("id: 1\n")));
}

TEST_F(Stream, WhoDoesNotSignInIsTurnedAway) {
  WsClient stranger(port(), "/ws"), forger(port(), "/ws"), guest(port(), "/ws");
  stranger.subscribe("system");
  EXPECT_TRUE(stranger.next().is_null());
  EXPECT_EQ(stranger.code, 1008);
  forger.say(R"({"op":"auth","token":"let me in!"})");
  EXPECT_TRUE(forger.next().is_null());
  EXPECT_EQ(forger.code, 1008);
  guest.say(str(R"({"op":"auth","token":")", kToken, "\"}"));
  EXPECT_EQ(guest.next()["type"].as_string(), "signed_in");
  guest.subscribe("system");
  EXPECT_EQ(guest.next()["data"]["open_runs"].as_integer(), 0);
}

TEST_F(Stream, WhatIsWrongIsSaidOnTheTopic) {
  WsClient client(port(), "/ws?in");
  auto error = [&](const std::string& text) {
    client.say(text);
    return client.next_of("error").dump();
  };
  EXPECT_THAT(error("{"), HasSubstr("no JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("is missing"));
  EXPECT_THAT(error(R"({"op":"dance","topic":"x"})"), HasSubstr("there is no op"));
  EXPECT_THAT(error(R"({"op":"subscribe"})"), HasSubstr("is missing"));
  EXPECT_THAT(error(R"({"op":"subscribe","topic":"run/0"})"), HasSubstr("no run's number"));
  EXPECT_THAT(error(R"({"op":"subscribe","topic":"run/99"})"), HasSubstr("not_found"));
  EXPECT_THAT(error(R"({"op":"subscribe","topic":"run/1","after_seq":-1})"),
              HasSubstr("after_seq"));
  auto run = submit();
  EXPECT_THAT(error(str(R"({"op":"subscribe","topic":"run/)", run.value, R"(/logs/zz/1"})")),
              HasSubstr("has no task 'zz'"));
  for (int i = 0; i < 100; ++i)
    client.subscribe(str("run/", run.value, "/logs/a/", i + 1));
  EXPECT_THAT(error(R"({"op":"subscribe","topic":"system"})"), HasSubstr("at most 100"));
  // Leaving what was never joined makes no room; leaving what was does.
  client.say(R"({"op":"unsubscribe","topic":"runs"})");
  EXPECT_THAT(error(R"({"op":"subscribe","topic":"system"})"), HasSubstr("at most 100"));
  client.say(str(R"({"op":"unsubscribe","topic":"run/)", run.value, R"(/logs/a/1"})"));
  client.subscribe("system");
  EXPECT_EQ(client.next_of("patch")["topic"].as_string(), "system");
}

TEST_F(Stream, BrokenFramesEndItWithTheirCode) {
  WsClient binary(port(), "/ws?in"), large(port(), "/ws?in"), text(port(), "/ws?in"),
      polite(port(), "/ws?in");
  binary.say("x", 2);
  EXPECT_TRUE(binary.next().is_null());
  EXPECT_EQ(binary.code, 1003);
  large.say(std::string(40'000, ' '), 1, false);
  large.say(std::string(40'000, ' '), 0);
  EXPECT_TRUE(large.next().is_null());
  EXPECT_EQ(large.code, 1009);
  text.say("\xff");
  EXPECT_TRUE(text.next().is_null());
  EXPECT_EQ(text.code, 1007);
  polite.say("\x03\xe8", 8);
  EXPECT_TRUE(polite.next().is_null());
  EXPECT_EQ(polite.code, 1000);
}

TEST_F(Stream, OneThatReadsNothingIsDroppedAndHoldsNobodyUp) {
  auto run = submit();
  auto fence = worker_->take();
  report(fence, core::ReportKind::started);
  WsClient deaf(port(), "/ws?in"), good(port(), "/ws?in");
  auto topic = str("run/", run.value, "/logs/a/1");
  deaf.subscribe(topic);
  good.subscribe(topic);
  std::uint64_t line = 0;
  while (hub_->statistics().dropped == 0 && line < 100'000) {
    std::vector<std::string> lines(100, std::string(1000, 'x'));
    log(fence, line, std::move(lines));
    line += 100;
    Json m = good.next_of("log");
    ASSERT_FALSE(m.is_null());
  }
  EXPECT_EQ(hub_->statistics().dropped, 1u);
  // It was told, behind what it had taken, and goes on with the number it had.
  std::int64_t last = -1;
  for (Json m = deaf.next(); !m.is_null(); m = deaf.next()) {
    EXPECT_EQ(m["data"]["first_line"].as_integer(), last + 1);
    last = m["seq"].as_integer();
  }
  EXPECT_EQ(deaf.code, 1013);
  WsClient again(port(), "/ws?in");
  again.subscribe(topic, static_cast<std::uint64_t>(last));
  while (last + 1 < static_cast<std::int64_t>(line)) {
    Json m = again.next_of("log");
    ASSERT_FALSE(m.is_null());
    EXPECT_EQ(m["data"]["first_line"].as_integer(), last + 1);
    last = m["seq"].as_integer();
  }
}

TEST_F(Stream, WhatIsNoHandshakeIsAnsweredSo) {
  RawClient client(port());
  client.send("GET /ws?in HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 426 "));
  client.send(
      "GET /ws?in HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_THAT(client.response(), HasSubstr("Sec-WebSocket-Version: 13"));
}

TEST(StreamTopics, AreReadStrictly) {
  EXPECT_EQ(parse_topic("system")->kind, StreamTopic::Kind::system);
  auto log = parse_topic("run/7/logs/train.fold[3]/2");
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->run.value, 7);
  EXPECT_EQ(log->task, "train.fold[3]");
  EXPECT_EQ(log->attempt, 2u);
  auto runs = parse_topic("runs?workflow=a%20b&state=failed&state=completed");
  ASSERT_TRUE(runs.ok());
  EXPECT_EQ(runs->filter.workflow, "a b");
  for (const char* bad :
       {"", "run", "run/", "run/x", "run/-1", "run/1/", "run/1/log", "run/1/logs/a",
        "run/1/logs//1", "run/1/logs/a/0", "runs?x=1", "runs?state=odd", "runs?workflow=%",
        "systems", "run/99999999999999999999"}) {
    EXPECT_FALSE(parse_topic(bad).ok()) << bad;
  }
  EXPECT_FALSE(parse_topic("runs?workflow=" + std::string(2000, 'x')).ok());
}

}  // namespace
}  // namespace pawl::server
