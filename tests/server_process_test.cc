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

TEST_F(ServerProcess, ApiSendsOneRequest) {
  auto up = start();
  const auto url = str("http://127.0.0.1:", port_of(up));
  place_.write("w.yaml", kGated);
  auto api = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "api");
    words.insert(words.end(), {"--server", url});
    return place_.pawl(words);
  };
  EXPECT_EQ(api({"GET", "/livez"}).out, "ok\n");
  EXPECT_EQ(api({"POST", "workflows", "-d", "@w.yaml"}).json()["name"], "gated");
  const std::vector<std::string> post = {
      "POST", "runs", "-d", R"({"workflow": "gated"})", "-H", "Idempotency-Key=k"};
  EXPECT_EQ(api(post).json()["run_id"], "1");
  EXPECT_EQ(api(post).json()["run_id"], "1");
  auto lost = api({"GET", "runs/99"});
  EXPECT_EQ(lost.code, 7);
  EXPECT_THAT(lost.err, HasSubstr("there is no run 99"));
  EXPECT_EQ(api({"POST", "runs", "-d", "{}"}).code, 2);
  place_.write("token", place_.pawl({"token", "create", "v", "--role", "viewer"}).out);
  EXPECT_EQ(api({"GET", "runs"}).code, 8);
  EXPECT_EQ(api({"GET", "runs", "--token-file", "token"}).code, 0);
  EXPECT_EQ(api({"POST", "runs", "-d", "{}", "--token-file", "token"}).code, 8);
  up.signal(SIGTERM);
  up.wait();
  EXPECT_EQ(api({"GET", "runs"}).code, 10);
  EXPECT_EQ(place_.pawl({"api", "GET", "runs", "--server", "nowhere"}).code, 2);
}

TEST_F(ServerProcess, CommandsWorkOnAServerAsOnADirectory) {
  auto up = start();
  const auto url = str("http://127.0.0.1:", port_of(up));
  Place elsewhere;  // without a data directory
  auto pawl = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--server", url});
    return elsewhere.pawl(words);
  };
  elsewhere.write("w.yaml",
                  "pawl: 1\nname: w\ninputs: {n: {type: integer, default: 1}}\ntasks:\n"
                  "  a: {action: shell, env: {N: '${{ inputs.n }}'}, run: 'echo n is $N; "
                  "echo \"{\\\"x\\\": $N}\" > $PAWL_OUTPUT'}\n"
                  "outputs: {x: '${{ tasks.a.outputs.x }}'}\n");
  elsewhere.write("bad.yaml", "pawl: 1\nname: bad\ntasks: {a: {action: shell, run: exit 3}}\n");
  auto run = pawl({"run", "w.yaml", "-i", "n=7"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("x: 7"));
  EXPECT_EQ(pawl({"run", "w", "-i", "n=8", "--json"}).json()["outputs"]["x"], 8);
  EXPECT_EQ(pawl({"run", "bad.yaml"}).code, 3);
  EXPECT_EQ(pawl({"run", "w.yaml", "-i", "n=x"}).code, 6);
  EXPECT_EQ(pawl({"ls", "-q"}).out, "3\n2\n1\n");
  EXPECT_EQ(pawl({"ls", "--state", "failed", "--json"}).json()[std::size_t{0}]["workflow"], "bad");
  EXPECT_THAT(pawl({"logs", "1", "a"}).out, HasSubstr("n is 7"));
  EXPECT_THAT(pawl({"show", "@last-failed"}).out, HasSubstr("failed"));
  EXPECT_EQ(pawl({"show", "99"}).code, 7);
  EXPECT_EQ(pawl({"wait", "1", "3"}).code, 3);
  EXPECT_EQ(pawl({"watch", "1", "-q"}).code, 0);
  const auto history = pawl({"history", "1"});
  EXPECT_THAT(history.out, HasSubstr("run completed"));
  EXPECT_EQ(history.out, place_.pawl({"history", "1"}).out);
  EXPECT_EQ(pawl({"ls"}).out, place_.pawl({"ls"}).out);
  elsewhere.write("g.yaml", kGated);
  EXPECT_EQ(pawl({"api", "POST", "workflows", "-d", "@g.yaml"}).code, 0);
  EXPECT_EQ(pawl({"api", "POST", "runs", "-d", R"({"workflow": "gated"})"}).code, 0);
  ASSERT_TRUE(waits_at_gate(up, port_of(up)));
  EXPECT_THAT(pawl({"why", "@last"}).out, HasSubstr("gate"));
  EXPECT_EQ(pawl({"pause", "4", "--json"}).json()["state"], "paused");
  EXPECT_EQ(pawl({"resume", "4"}).code, 0);
  EXPECT_EQ(pawl({"resume", "4"}).code, 9);
  EXPECT_EQ(pawl({"approve", "4"}).code, 0);
  EXPECT_EQ(pawl({"wait", "4"}).code, 0);
  EXPECT_EQ(pawl({"approve", "4"}).code, 9);
  auto again = pawl({"recover", "4", "--from", "after", "--json"});
  EXPECT_EQ(again.json()["source_run"], "4") << again.err;
  struct stat s {};
  EXPECT_NE(::stat(elsewhere.file(".pawl").c_str(), &s), 0);
}

TEST_F(ServerProcess, TasksHaveTheGraceToEnd) {
  const auto go = place_.pipe("go"), ready = place_.pipe("ready");
  LineReader hold(go), signs(ready);
  auto submit_held = [&](std::uint16_t port) {
    const auto text =
        str("pawl: 1\nname: held\ntasks: {a: {action: shell, shell: bash, kill_after: 1s"
            ", run: 'echo up > ",
            ready, "; read x < ", go, "'}}\n");
    ask(port, "POST", "/api/v1/workflows", "", text, {{"Content-Type", "application/yaml"}});
    EXPECT_EQ(ask(port, "POST", "/api/v1/runs", "", R"({"workflow": "held"})").status, 201);
  };
  // It writes to the pipe a moment before the worker hears that it runs; what it printed is later.
  auto known_to_run = [&](const Child& up, std::string_view run) {
    const auto lines = str("/api/v1/runs/", run, "/tasks/a/logs");
    for (int i = 0; i < 6'000; ++i) {
      if (ask(port_of(up), "GET", lines).json()["items"].size() > 0) return true;
      if (up.ends_within(std::chrono::milliseconds(20))) return false;
    }
    return false;
  };
  {
    auto up = start("up", {"--grace", "1m"});
    submit_held(port_of(up));
    ASSERT_EQ(signs.next(), "up");
    ASSERT_TRUE(known_to_run(up, "1"));
    up.signal(SIGTERM);
    ASSERT_TRUE(up.says("stopping"));
    place_.sh("echo on > go");
    EXPECT_EQ(up.wait().code, 0);
    const auto shown = place_.pawl({"show", "1", "--json"});
    EXPECT_EQ(shown.json()["state"], "completed") << shown.out << shown.err;
  }
  {
    auto up = start("up", {"--grace", "0s"});
    submit_held(port_of(up));
    ASSERT_EQ(signs.next(), "up");
    up.signal(SIGTERM);
    EXPECT_EQ(up.wait().code, 0);
    const auto shown = place_.pawl({"show", "2", "--json"});
    EXPECT_EQ(shown.json()["state"], "running") << shown.out << shown.err;
  }
  auto up = start();
  ASSERT_EQ(signs.next(), "up");  // again, from its beginning
  place_.sh("echo on > go");
  EXPECT_EQ(place_.pawl({"wait", "2"}).code, 0);
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
