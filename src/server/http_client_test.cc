// The client over real sockets: against the real server, and against one that says what the test
// says.
#include "server/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "server/http_server.h"

namespace pawl::server {
namespace {

using testing::HasSubstr;

// Takes connections one after the other, and gives each the next of its answers, whatever is asked.
class Scripted {
 public:
  explicit Scripted(std::vector<std::string> answers) : answers_(std::move(answers)) {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd_.get(), 8), 0);
    socklen_t size = sizeof at;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Scripted() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port = 0;
  std::atomic<int> asked{0};

 private:
  void serve() {
    for (const auto& answer : answers_) {
      UniqueFd one(::accept(fd_.get(), nullptr, nullptr));
      if (!one) return;
      std::string in;
      char room[4096];
      while (in.find("\r\n\r\n") == std::string::npos) {
        const auto n = ::recv(one.get(), room, sizeof room, 0);
        if (n <= 0) break;
        in.append(room, static_cast<std::size_t>(n));
      }
      ++asked;
      (void)!::send(one.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  const std::vector<std::string> answers_;
  UniqueFd fd_;
  std::thread thread_;
};

HttpClient::Options to(std::uint16_t port) {
  HttpClient::Options o;
  o.server = *parse_server(str("http://127.0.0.1:", port));
  o.body_bytes = 1000;
  return o;
}
Mono soon() { return system_clock().mono() + std::chrono::seconds(20); }

TEST(ServerAddress, IsReadAsPeopleWriteIt) {
  auto a = parse_server("http://10.0.0.5:7070");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->host, "10.0.0.5");
  EXPECT_EQ(a->port, 7070);
  EXPECT_EQ(a->prefix, "");
  a = parse_server("http://[::1]:80/pawl/");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->host, "::1");
  EXPECT_EQ(a->authority, "[::1]:80");
  EXPECT_EQ(a->prefix, "/pawl");
  EXPECT_EQ(parse_server("http://host/")->port, 80);
  EXPECT_THAT(parse_server("https://host").error().message, HasSubstr("TLS"));
  EXPECT_THAT(parse_server("http://me:secret@host").error().message, HasSubstr("--token-file"));
  for (const char* bad :
       {"", "host:7070", "ftp://x", "http://", "http://:80", "http://x:0", "http://x:70000",
        "http://x:8o", "http://[::1", "http://a b", "http://x/\r\nA: b", "http://x?y"}) {
    EXPECT_FALSE(parse_server(bad).ok()) << bad;
  }
}

std::string answer_of(std::string_view raw, std::size_t piece) {
  HttpAnswerReader reader(1000);
  for (std::size_t i = 0; i < raw.size(); i += piece) {
    auto fed = reader.feed(raw.substr(i, piece));
    if (!fed.ok()) return str("refused: ", fed.error().message);
  }
  if (!reader.done()) {
    auto closed = reader.close();
    if (!closed.ok()) return str("cut: ", closed.error().message);
  }
  auto a = reader.take();
  return str(a.status, a.keep_alive ? " keep " : " close ", a.body);
}

TEST(HttpAnswer, IsReadInOnePieceAndInBytes) {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 keep hi"},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 keep "},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx", "201 keep x"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 keep "},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", "200 close to the end"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "200 close x"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n3\r\n wo\r\n0\r\nT: "
       "r\r\n\r\n",
       "200 keep hi wo"},
  };
  for (const auto& [raw, want] : cases) {
    EXPECT_EQ(answer_of(raw, 1), want);
    EXPECT_EQ(answer_of(raw, 10'000), want);
  }
}

TEST(HttpAnswer, WhatIsHostileIsRefused) {
  const std::string big(2000, 'x');
  const std::string cases[] = {
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 101 Switching\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhixx",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
      "HTTP/1.1 200 OK\r\n\r\n" + big,
      "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'x'),
  };
  for (const auto& raw : cases) {
    EXPECT_THAT(answer_of(raw, 1'000'000), HasSubstr("refused: ")) << raw.substr(0, 80);
  }
  EXPECT_THAT(answer_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", 9), HasSubstr("cut: "));
}

TEST(HttpClient, KeepsItsConnectionAndRepeatsOnANewOneWhereThatWasClosed) {
  const std::string hi = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  Scripted server({hi, hi});  // each connection is closed after one answer
  HttpClient client(to(server.port));
  for (int i = 0; i < 2; ++i) {
    auto answer = client.ask({"POST", "/x", "{}", {}}, soon());
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->body, "hi");
  }
  EXPECT_EQ(server.asked, 2);
}

TEST(HttpClient, SaysWhatIsWrong) {
  std::uint16_t closed = 0;
  {
    Scripted server({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"});
    closed = server.port;
    HttpClient client(to(server.port));
    auto cut = client.ask({"GET", "/", {}, {}}, soon());
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().code, Errc::unavailable);
  }
  HttpClient client(to(closed));
  auto none = client.ask({"GET", "/", {}, {}}, soon());
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Errc::unavailable);
  EXPECT_THAT(none.error().message, HasSubstr("cannot connect to 127.0.0.1:"));
}

// Never answers, and tells of each request and each hang-up.
struct Silent final : HttpHandler {
  std::size_t body_limit(const HttpRequest&) override { return 1u << 20; }
  void handle(HttpRequest, HttpReply reply) override {
    std::lock_guard lock(mutex);
    kept.push_back(std::move(reply));
    kept.back().when_gone([this] {
      std::lock_guard inner(mutex);
      ++gone;
      changed.notify_all();
    });
    changed.notify_all();
  }
  HttpResponse refused(const HttpRefusal& r) override { return {r.status, "", r.why, {}}; }
  bool wait(std::size_t asked, int hung_up) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20),
                            [&] { return kept.size() >= asked && gone >= hung_up; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<HttpReply> kept;
  int gone = 0;
};

TEST(HttpClient, EndsWhenItsTimeIsUpAndWhenItIsInterruptedAndTheServerSeesIt) {
  Silent silent;
  auto server = HttpServer::open({}, silent);
  ASSERT_TRUE(server.ok());
  {
    HttpClient client(to((*server)->port()));
    auto late =
        client.ask({"GET", "/", {}, {}}, system_clock().mono() + std::chrono::milliseconds(30));
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, Errc::timeout);
    ASSERT_TRUE(silent.wait(1, 1));
    std::thread other([&] {
      EXPECT_TRUE(silent.wait(2, 1));
      client.interrupt();
    });
    auto stopped = client.ask({"GET", "/", {}, {}}, soon());
    other.join();
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, Errc::conflict);
    EXPECT_EQ(client.ask({"GET", "/", {}, {}}, soon()).error().code, Errc::conflict);
  }
  EXPECT_TRUE(silent.wait(2, 2));
  std::lock_guard lock(silent.mutex);
  silent.kept.clear();
}

TEST(HttpClient, AnAnswerThatIsGivenIsNotAHangUp) {
  Silent silent;
  auto server = HttpServer::open({}, silent);
  ASSERT_TRUE(server.ok());
  {
    HttpClient client(to((*server)->port()));
    std::thread other([&] {
      EXPECT_TRUE(silent.wait(1, 0));
      std::lock_guard lock(silent.mutex);
      silent.kept[0].send({200, "text/plain", "at last", {}});
    });
    auto answer = client.ask({"GET", "/", {}, {}}, soon());
    other.join();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->body, "at last");
  }
  (*server)->drain(soon());
  std::lock_guard lock(silent.mutex);
  EXPECT_EQ(silent.gone, 0);
}

}  // namespace
}  // namespace pawl::server
