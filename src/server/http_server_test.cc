#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "server/http_client_testing.h"

namespace pawl::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Sends everything back that it is sent, in pieces as they come.
class Echo : public HttpListener {
 public:
  void opened(std::shared_ptr<HttpChannel> channel) override { channel_ = std::move(channel); }
  void received(std::string_view bytes) override {
    if (bytes == "bye") return channel_->close();
    if (!channel_->send(bytes, 1u << 20)) ++refused;
  }
  void closed() override {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  bool wait_closed() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return closed_; });
  }
  std::shared_ptr<HttpChannel> channel() { return channel_; }
  std::atomic<int> refused{0};

 private:
  std::shared_ptr<HttpChannel> channel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

class TestHandler : public HttpHandler {
 public:
  std::size_t body_limit(const HttpRequest& head) override {
    return head.path == "/small" ? 10 : 1u << 20;
  }
  void handle(HttpRequest r, HttpReply reply) override {
    if (r.path == "/later") return keep(std::move(reply));
    if (r.path == "/never") return;
    if (r.path == "/echo") return reply.take_over({101, "", "", {{"Upgrade", "echo"}}}, echo);
    if (r.path == "/big") return reply.send({200, "text/plain", std::string(8u << 20, 'x'), {}});
    if (r.path == "/thread") {
      std::thread([reply = std::move(reply)]() mutable {
        reply.send({200, "text/plain", "from afar", {}});
      }).detach();
      return;
    }
    reply.send({200, "text/plain", str(r.method, ' ', r.path, '?', r.query, ' ', r.body), {}});
  }
  HttpResponse refused(const HttpRefusal& refusal) override {
    return {refusal.status, "text/plain", refusal.why, {}};
  }
  void keep(HttpReply reply) {
    std::lock_guard lock(mutex_);
    kept_.push_back(std::move(reply));
    changed_.notify_all();
  }
  void wait_kept() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !kept_.empty(); });
  }
  void answer_kept() {
    wait_kept();
    std::unique_lock lock(mutex_);
    for (auto& reply : kept_)
      reply.send({200, "text/plain", "at last", {}});
    kept_.clear();
  }
  std::shared_ptr<Echo> echo = std::make_shared<Echo>();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HttpReply> kept_;
};

struct HttpServerTest : testing::Test {
  TestHandler handler;
  HttpServer::Options options;
  std::unique_ptr<HttpServer> server;

  RawClient connect() {
    if (!server) {
      auto opened = HttpServer::open(options, handler);
      EXPECT_TRUE(opened.ok()) << opened.error().message;
      server = std::move(*opened);
    }
    return RawClient(server->port());
  }
  static std::string get(std::string_view path, std::string_view more = "") {
    return str("GET ", path, " HTTP/1.1\r\nHost: h\r\n", more, "\r\n");
  }
};

TEST_F(HttpServerTest, AnswersOneRequestAfterAnother) {
  auto client = connect();
  ASSERT_TRUE(client.send(get("/a?b")));
  const auto first = client.response();
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(first,
              EndsWith("GMT\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n\r\nGET /a?b "));
  ASSERT_TRUE(client.send("POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel"));
  ASSERT_TRUE(client.send("lo"));
  EXPECT_THAT(client.response(), EndsWith("\r\n\r\nPOST /c? hello"));
  ASSERT_TRUE(client.send(get("/d", "Connection: close\r\n")));
  const auto last = client.rest();
  EXPECT_THAT(last, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpServerTest, AnswersInOrderWhatCameAtOnce) {
  options.threads = 2;
  auto client = connect();
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += get(i % 3 == 0 ? "/thread" : str("/", i));
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 200; ++i) {
    const auto want = i % 3 == 0 ? std::string("from afar") : str("GET /", i, "? ");
    ASSERT_THAT(client.response(), EndsWith(want)) << i;
  }
}

TEST_F(HttpServerTest, AHeadIsAnsweredWithoutABody) {
  auto client = connect();
  ASSERT_TRUE(client.send("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const auto all = client.rest();
  EXPECT_THAT(all, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(all, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, WhoAsksAndClosesItsSideStillHears) {
  auto client = connect();
  ASSERT_TRUE(client.send(get("/later")));
  client.finish();
  handler.answer_kept();
  EXPECT_THAT(client.rest(), EndsWith("at last"));
}

TEST_F(HttpServerTest, AReplyThatIsDroppedIsAnError) {
  auto client = connect();
  ASSERT_TRUE(client.send(get("/never")));
  EXPECT_THAT(client.rest(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, RefusesAndCloses) {
  auto client = connect();
  ASSERT_TRUE(client.send("GET / HTTP/1.1\nHost: h\n\n"));
  const auto all = client.rest();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(server->statistics().refused, 1u);
}

TEST_F(HttpServerTest, ABodyIsRefusedBeforeItIsSent) {
  auto client = connect();
  ASSERT_TRUE(
      client.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n"
                  "Expect: 100-continue\r\n\r\n"));
  EXPECT_THAT(client.rest(), StartsWith("HTTP/1.1 413 "));
  auto whole = connect();
  ASSERT_TRUE(
      whole.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n01234567890"));
  EXPECT_THAT(whole.rest(), StartsWith("HTTP/1.1 413 "));
  auto expected = connect();
  ASSERT_TRUE(
      expected.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                    "Expect: 100-continue\r\n\r\n"));
  EXPECT_EQ(expected.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(expected.send("ok"));
  EXPECT_THAT(expected.response(), EndsWith("POST /small? ok"));
}

TEST_F(HttpServerTest, HeadsBodiesAndSilenceHaveAnEnd) {
  options.head_time = options.body_time = options.idle_time = std::chrono::milliseconds(300);
  auto head = connect();
  ASSERT_TRUE(head.send("GET / HTTP/1.1\r\nHost"));
  auto body = connect();
  ASSERT_TRUE(body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"));
  auto silent = connect();
  EXPECT_THAT(head.rest(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(body.rest(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(silent.rest(), "");
  EXPECT_TRUE(silent.closed());
}

TEST_F(HttpServerTest, WhoDoesNotReadIsCutOff) {
  options.write_time = std::chrono::milliseconds(300);
  auto client = connect();
  const int small = 4096;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ASSERT_TRUE(client.send(get("/big")));
  pollfd cut{client.fd(), 0, 0};  // nothing asked for: it tells of a reset only
  ASSERT_EQ(::poll(&cut, 1, 10'000), 1);
  EXPECT_TRUE(cut.revents & (POLLERR | POLLHUP));
}

TEST_F(HttpServerTest, ALargeAnswerArrivesWhole) {
  auto client = connect();
  ASSERT_TRUE(client.send(get("/big")));
  const auto all = client.response();
  EXPECT_EQ(all.size() - all.find("\r\n\r\n") - 4, 8u << 20);
}

TEST_F(HttpServerTest, MoreConnectionsThanAllowedAreClosedAtTheDoor) {
  options.connections = 2;
  auto one = connect(), two = connect();
  ASSERT_TRUE(one.send(get("/1")));
  EXPECT_THAT(one.response(), EndsWith("GET /1? "));
  ASSERT_TRUE(two.send(get("/2")));
  EXPECT_THAT(two.response(), EndsWith("GET /2? "));
  auto three = connect();
  EXPECT_EQ(three.rest(), "");
  EXPECT_EQ(server->statistics().turned_away, 1u);
  ASSERT_TRUE(two.send(get("/2", "Connection: close\r\n")));
  two.rest();
}

TEST_F(HttpServerTest, AConnectionCanBeTakenOver) {
  auto client = connect();
  ASSERT_TRUE(client.send(str(get("/echo"))));
  EXPECT_THAT(client.read_until("\r\n\r\n"),
              StartsWith("HTTP/1.1 101 Switching Protocols\r\nDate: "));
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(client.read_until("hello"), "hello");
  EXPECT_FALSE(handler.echo->channel()->send(std::string(100, 'x'), 99));
  EXPECT_TRUE(handler.echo->channel()->send("pushed", 99));
  EXPECT_EQ(client.read_until("pushed"), "pushed");
  ASSERT_TRUE(client.send("bye"));
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(handler.echo->wait_closed());
  EXPECT_FALSE(handler.echo->channel()->send("late", 1000));
}

TEST_F(HttpServerTest, WhatComesBehindTheHandshakeIsNotLost) {
  auto client = connect();
  ASSERT_TRUE(client.send(str(get("/echo"), "early")));
  EXPECT_THAT(client.read_until("early"), EndsWith("\r\n\r\nearly"));
}

TEST_F(HttpServerTest, ATakenConnectionThatBreaksIsToldOnce) {
  {
    auto client = connect();
    ASSERT_TRUE(client.send(get("/echo")));
    client.read_until("\r\n\r\n");
  }
  EXPECT_TRUE(handler.echo->wait_closed());
}

TEST_F(HttpServerTest, DrainsWhatIsDue) {
  auto idle = connect(), waiting = connect();
  ASSERT_TRUE(waiting.send(get("/later")));
  handler.wait_kept();
  std::thread drainer([&] { server->drain(system_clock().mono() + std::chrono::seconds(10)); });
  EXPECT_EQ(idle.rest(), "");
  handler.answer_kept();
  const auto all = waiting.rest();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, EndsWith("at last"));
  drainer.join();
  EXPECT_EQ(server->statistics().connections, 0u);
}

TEST_F(HttpServerTest, AReplyMayComeAfterTheServer) {
  auto client = connect();
  ASSERT_TRUE(client.send(get("/later")));
  handler.wait_kept();
  server.reset();
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.closed());
  handler.answer_kept();
}

TEST_F(HttpServerTest, AnAddressThatIsNoneOrTaken) {
  connect();
  HttpServer::Options taken;
  taken.port = server->port();
  auto again = HttpServer::open(taken, handler);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Errc::conflict);
  taken.address = "localhost";
  auto named = HttpServer::open(taken, handler);
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().code, Errc::usage);
}

// 64 clients that ask, break off in the middle, pipeline and close at random; all that ask properly
// are answered, and nothing is left behind.
TEST_F(HttpServerTest, ManyAtOnce) {
  options.threads = 2;
  connect();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        RawClient client(server->port());
        if (i % 5 == 1) {
          client.send("GET / HTTP/1.1\r\nHo");
          continue;
        }
        if (i % 5 == 2) {
          client.send(get("/big"));
          continue;
        }
        const auto path = str("/", t, "/", i);
        client.send(get(path) + get("/thread", "Connection: close\r\n"));
        const auto first = client.response(), second = client.response();
        if (!first.ends_with(str("GET ", path, "? ")) || !second.ends_with("from afar")) ++wrong;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  server->drain(system_clock().mono() + std::chrono::seconds(10));
  EXPECT_EQ(server->statistics().connections, 0u);
}

}  // namespace
}  // namespace pawl::server
