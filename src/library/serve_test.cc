// serve(): routes over a real socket, who is let in, and the end.
#include "pawl/serve.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "library/library_testing.h"

namespace {

using library_testing::Door;
using library_testing::Folder;
using library_testing::text;
using pawl::Request;
using pawl::Response;
using pawl::Role;
using pawl::Value;
using testing::HasSubstr;
using testing::StartsWith;

// Sends bytes, and reads until the server closes the connection.
std::string ask(std::uint16_t port, const std::string& bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

std::string get(const std::string& path, const std::string& more = "Host: localhost\r\n") {
  return "GET " + path + " HTTP/1.1\r\n" + more + "Connection: close\r\n\r\n";
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// An app, served by a thread until the test ends.
class ServeTest : public testing::Test {
 protected:
  ServeTest() : app_("echo") {
    app_.route("GET", "/show/{what}", Role::viewer, [](pawl::Orchestrator&, const Request& r) {
      Value v = Value::object({{"what", r.path_args.at("what")}});
      for (const auto& [key, value] : r.query)
        v.set(key, value);
      if (auto tag = r.headers.find("x-tag"); tag != r.headers.end()) v.set("tag", tag->second);
      return Response::json(v);
    });
    app_.route("POST", "/length", Role::admin, [](pawl::Orchestrator&, const Request& r) {
      const auto in_file = r.body_file < 0 ? 0 : ::lseek(r.body_file, 0, SEEK_END);
      return Response::json(Value::object({{"memory", r.body.size()}, {"file", in_file}}));
    });
    app_.route("GET", "/slow", Role::viewer, [this](pawl::Orchestrator&, const Request&) {
      begun_.open();
      go_on_.wait();
      return Response::json("slow");
    });
    options_.body_folder = folder_.path();
    options_.max_body_bytes = 1u << 20;
  }
  ~ServeTest() override {
    if (serving_.joinable()) stop();
  }

  void start() {
    ASSERT_EQ(::pipe(pipe_), 0);
    options_.stop_fd = pipe_[0];
    std::promise<std::uint16_t> ready;
    auto port = ready.get_future();
    options_.on_ready = [&ready](std::uint16_t p) { ready.set_value(p); };
    serving_ = std::thread([this] { ended_ = serve(app_, *pawl_, options_); });
    ASSERT_EQ(port.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    port_ = port.get();
  }
  void stop() {
    ::close(pipe_[1]);
    serving_.join();
    ::close(pipe_[0]);
  }

  Folder folder_;
  std::unique_ptr<pawl::Orchestrator> pawl_ = open(folder_);
  pawl::App app_;
  pawl::ServeOptions options_;
  Door begun_, go_on_;
  std::thread serving_;
  pawl::Status ended_;
  std::uint16_t port_ = 0;
  int pipe_[2] = {-1, -1};
};

TEST_F(ServeTest, AnswersRoutes) {
  start();
  const auto shown = ask(port_, get("/show/a%20b?c=d%26e&f", "Host: localhost\r\nX-Tag: t\r\n"));
  EXPECT_THAT(shown, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(shown, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(shown, HasSubstr(R"({"what":"a b","c":"d&e","f":"","tag":"t"})"));
  EXPECT_THAT(ask(port_, get("/nowhere")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(port_, post("/show/x", "")), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(port_, get("/show/a%2Fb")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(port_, get("/show/%zz")), StartsWith("HTTP/1.1 400 "));
  const auto head = ask(port_, "HEAD /show/x HTTP/1.0\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST_F(ServeTest, LargeBodiesAreFiles) {
  start();
  EXPECT_THAT(ask(port_, post("/length", std::string(1000, 'x'))),
              HasSubstr(R"({"memory":1000,"file":0})"));
  EXPECT_THAT(ask(port_, post("/length", std::string(500'000, 'x'))),
              HasSubstr(R"({"memory":0,"file":500000})"));
  EXPECT_THAT(ask(port_, post("/length", std::string(2u << 20, 'x'))), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServeTest, OtherSitesAreKeptOut) {
  options_.hosts = {"Plant.example"};
  start();
  auto status = [&](const std::string& fields) {
    return ask(port_, get("/show/x", fields)).substr(0, 12);
  };
  EXPECT_EQ(status("Host: 127.0.0.1:80\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: [::1]\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: plant.example\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: LOCALHOST:1\r\nOrigin: http://localhost:1\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(status("Host: localhost\r\nOrigin: http://evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(status("Host: localhost\r\nOrigin: null\r\n"), "HTTP/1.1 403");
}

TEST_F(ServeTest, WhatIsBeingAnsweredIsAnsweredBeforeTheEnd) {
  start();
  auto slow = std::async(std::launch::async, [this] { return ask(port_, get("/slow")); });
  begun_.wait();
  ::close(pipe_[1]);
  go_on_.open();
  EXPECT_THAT(slow.get(), HasSubstr("\"slow\""));
  serving_.join();
  ::close(pipe_[0]);
  EXPECT_EQ(text(ended_), "ok");
  EXPECT_EQ(ask(port_, get("/show/x")), "");
}

TEST_F(ServeTest, WhatCannotBeBegunSoonIsToldSo) {
  options_.threads = 1;
  start();
  std::vector<std::future<std::string>> asked;
  for (int i = 0; i < 80; ++i)
    asked.push_back(std::async(std::launch::async, [this] { return ask(port_, get("/slow")); }));
  // One is begun and 64 wait; the rest, some of which may come before the first is begun, go away.
  int answered = 0, sent_away = 0;
  for (bool opened = false; auto& a : asked) {
    if (!std::exchange(opened, true)) {
      begun_.wait();
      while (std::none_of(asked.begin(), asked.end(), [](auto& other) {
        return other.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready;
      })) {
      }
      go_on_.open();
    }
    const auto answer = a.get();
    answered += answer.starts_with("HTTP/1.1 200 ");
    sent_away += answer.starts_with("HTTP/1.1 503 ");
  }
  EXPECT_EQ(answered + sent_away, 80);
  EXPECT_GE(answered, 64);
  EXPECT_GE(sent_away, 1);
}

TEST_F(ServeTest, RefusesToListenToTheWorld) {
  for (const char* address : {"0.0.0.0", "::", "192.168.0.1", "localhost", ""}) {
    options_.address = address;
    EXPECT_EQ(serve(app_, *pawl_, options_).code(), pawl::Code::invalid) << address;
  }
  options_.address = "127.0.0.1";
  start();
  options_.port = port_;
  EXPECT_EQ(serve(app_, *pawl_, options_).code(), pawl::Code::conflict);
}

}  // namespace
