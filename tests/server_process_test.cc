// `pawl up` and `pawl serve` as processes: what they print, who may call, what a signal and a kill
// leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <charconv>

#include "base/text.h"
#include "server/router_testing.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

using server::Answer;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kGated = R"(
pawl: 1
name: gated
tasks:
  before: {action: shell, run: echo hello}
  gate: {needs: [before], action: gate, with: {question: Go on?}}
  after: {needs: [gate], action: shell, run: "echo done"}
)";

std::uint16_t port_of(const Child& child) {
  EXPECT_TRUE(child.says("info serving url=http://")) << child.said();
  const auto said = child.said();
  const auto at = said.find("url=http://");
  const auto colon = said.find(':', at + 11);
  std::uint16_t port = 0;
  if (at != std::string::npos && colon != std::string::npos)
    std::from_chars(said.data() + colon + 1, said.data() + said.size(), port);
  return port;
}

class ServerProcess : public testing::Test {
 protected:
  Child start(std::string command = "up", std::vector<std::string> more = {}) {
    std::vector<std::string> words = {std::move(command), "--listen", "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return place_.start(words);
  }
  static Answer ask(std::uint16_t port, std::string_view method, std::string_view target,
                    std::string_view token = {}, std::string_view body = {},
                    const server::AskHeaders& headers = {}) {
    server::RawClient client(port);
    client.send(server::request_text(method, target, token, body, headers));
    return server::parse_answer(client.rest());
  }
  Answer submit(std::uint16_t port, const std::string& key) {
    ask(port, "POST", "/api/v1/workflows", "", kGated, {{"Content-Type", "application/yaml"}});
    return ask(port, "POST", "/api/v1/runs", "", R"({"workflow": "gated"})",
               {{"Idempotency-Key", key}});
  }
  // Asked again and again, no longer than two minutes.
  static bool waits_at_gate(const Child& child, std::uint16_t port) {
    for (int i = 0; i < 6'000; ++i) {
      if (ask(port, "GET", "/api/v1/gates").json()["items"].size() == 1) return true;
      if (child.ends_within(std::chrono::milliseconds(20))) return false;
    }
    return false;
  }
  Place place_;
};

TEST_F(ServerProcess, UpRunsWorkThatTheApiSubmits) {
  auto up = start();
  const auto port = port_of(up);
  EXPECT_EQ(ask(port, "GET", "/readyz").status, 200);
  auto made = submit(port, "k");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/api/v1/runs/1");
  ASSERT_TRUE(waits_at_gate(up, port));
  EXPECT_EQ(ask(port, "POST", "/api/v1/gates/1.gate/approve").status, 200);
  EXPECT_EQ(place_.pawl({"wait", "1"}).code, 0);  // through the control socket
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs/1").json()["state"], "completed");
  auto lines = ask(port, "GET", "/api/v1/runs/1/tasks/before/logs").json()["items"];
  EXPECT_EQ(lines[std::size_t{0}]["text"], "hello");
  // A file that another terminal runs is carried by the server.
  place_.write("w.yaml", "pawl: 1\nname: w\ntasks: {a: {action: shell, run: 'echo x'}}\n");
  auto run = place_.pawl({"run", "w.yaml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs/2").json()["state"], "completed");
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
}

TEST_F(ServerProcess, ServeRunsNothingItself) {
  auto serve = start("serve");
  const auto port = port_of(serve);
  ASSERT_EQ(submit(port, "k").status, 201);
  auto why = ask(port, "GET", "/api/v1/runs/1/why?task=before").json()["items"];
  EXPECT_EQ(why[std::size_t{0}]["reason"], "no_worker") << why.dump();
  EXPECT_EQ(ask(port, "GET", "/api/v1/system").json()["mode"], "serve");
  serve.signal(SIGINT);
  EXPECT_EQ(serve.wait().code, 0);
}

TEST_F(ServerProcess, APortOrADirectoryInUseIsSaid) {
  auto up = start();
  const auto port = port_of(up);
  auto taken = place_.pawl({"up", "--listen", str(port), "--data", place_.file("other")});
  EXPECT_EQ(taken.code, 9);
  EXPECT_THAT(taken.err, HasSubstr("another program does"));
  EXPECT_THAT(taken.err, HasSubstr("--listen"));
  struct stat s {};
  EXPECT_NE(::stat(place_.file("other").c_str(), &s), 0);  // nothing was begun
  auto owned = place_.pawl({"serve", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(owned.code, 9);
  EXPECT_THAT(owned.err, HasSubstr(str("process ", up.pid())));
  EXPECT_EQ(place_.pawl({"serve", "--listen", "example.org:80"}).code, 2);
  EXPECT_EQ(place_.pawl({"serve", "--listen", "127.0.0.1:99999"}).code, 2);
}

TEST_F(ServerProcess, TokensOpenAndCloseAServerThatRuns) {
  auto up = start();
  const auto port = port_of(up);
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs").status, 200);
  auto made = place_.pawl({"token", "create", "ci", "--role", "viewer"});
  ASSERT_EQ(made.code, 0) << made.err;
  const auto token = std::string(trim(made.out));
  EXPECT_EQ(token.size(), 69u);
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs").status, 401);
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs", token).status, 200);
  EXPECT_EQ(ask(port, "POST", "/api/v1/runs", token, "{}").status, 403);
  auto listed = place_.pawl({"token", "ls", "--json"});
  EXPECT_EQ(listed.json()[std::size_t{0}]["role"], "viewer");
  EXPECT_THAT(listed.out, Not(HasSubstr(token)));
  EXPECT_EQ(place_.pawl({"token", "create", "ci", "--role", "admin"}).code, 9);
  EXPECT_EQ(place_.pawl({"token", "create", "other"}).code, 2);
  EXPECT_EQ(place_.pawl({"token", "create", "other", "--role", "admin"}).code, 0);
  EXPECT_EQ(place_.pawl({"token", "rm", "ci"}).code, 0);
  EXPECT_EQ(ask(port, "GET", "/api/v1/runs", token).status, 401);
  EXPECT_EQ(place_.pawl({"token", "rm", "ci"}).code, 7);
}

TEST_F(ServerProcess, AServerOnTheNetworkMakesATokenOnce) {
  std::string token;
  for (int start_number = 0; start_number < 2; ++start_number) {
    auto up = place_.start({"up", "--listen", "0.0.0.0:0"});
    const auto port = port_of(up);
    const auto said = up.said();
    const auto at = said.find("pawl_");
    EXPECT_EQ(at != std::string::npos, start_number == 0);
    if (start_number == 0) token = said.substr(at, 69);
    EXPECT_EQ(ask(port, "GET", "/api/v1/system").status, 401);
    EXPECT_EQ(ask(port, "GET", "/livez").status, 200);
    EXPECT_EQ(ask(port, "GET", "/api/v1/system", token).status, 200);
    up.signal(SIGTERM);
    EXPECT_EQ(up.wait().code, 0);
  }
}

TEST_F(ServerProcess, WhatWasAnsweredSurvivesAKill) {
  std::string first;
  {
    auto up = start();
    const auto port = port_of(up);
    first = submit(port, "once").json()["run_id"].as_string();
    ASSERT_TRUE(waits_at_gate(up, port));
    up.signal(SIGKILL);
    up.wait();
  }
  auto up = start();
  const auto port = port_of(up);
  auto again = submit(port, "once");
  EXPECT_EQ(again.json()["run_id"], first);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  ASSERT_TRUE(waits_at_gate(up, port));
  EXPECT_EQ(ask(port, "POST", str("/api/v1/gates/", first, ".gate/approve")).status, 200);
  EXPECT_EQ(place_.pawl({"wait", first}).code, 0);
  EXPECT_EQ(ask(port, "GET", str("/api/v1/runs/", first, "/tasks/before")).json()["attempts"], 1);
}

TEST_F(ServerProcess, LogsCanBeJson) {
  auto up = place_.start({"up", "--listen", "127.0.0.1:0", "--log-json"});
  ASSERT_TRUE(up.says("\"serving\""));
  up.signal(SIGTERM);
  auto out = up.wait();
  for (auto line : split(trim(out.err), '\n')) {
    auto parsed = Json::parse(line);
    EXPECT_TRUE(parsed.ok()) << line;
  }
}

}  // namespace
}  // namespace pawl::e2e
