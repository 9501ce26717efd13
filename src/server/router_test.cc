#include "server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "server/router_testing.h"

namespace pawl::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<HttpResponse> say_route(Call& call) {
  Json j = Json::object();
  j.set("operation", call.route->operation_id).set("caller", call.caller.name);
  for (const auto& [name, value] : call.args)
    j.set(name, value);
  for (const auto& [name, value] : call.query)
    j.set(str("?", name), value);
  if (!call.body.is_null()) j.set("body", call.body);
  return json_response(j);
}

class RouterTest : public testing::Test {
 protected:
  void add(Role role, std::string method, std::string pattern, std::string id,
           std::vector<std::string> takes = {}) {
    bed.router.add(role, {std::move(method),
                          std::move(pattern),
                          std::move(id),
                          answering(say_route),
                          {"limit", "label"},
                          std::move(takes),
                          4096});
  }
  void SetUp() override {
    add(Role::anyone, "GET", "/open", "open");
    add(Role::viewer, "GET", "/runs/{id}", "get_run");
    add(Role::viewer, "GET", "/runs/stats", "stats");
    add(Role::operator_, "POST", "/runs/{id}/cancel", "cancel", {"application/json"});
    add(Role::admin, "DELETE", "/runs/{id}", "remove");
    add(Role::worker, "POST", "/work", "claim", {"application/json", "application/yaml"});
    add(Role::anyone, "GET", "/", "home");
    bed.open();
  }
  int status(std::string_view method, std::string_view target, std::string_view token = {},
             std::string_view body = {}, const AskHeaders& headers = {}) {
    return bed.ask(method, target, token, body, headers).status;
  }
  RouterBed bed;
};

TEST_F(RouterTest, ArgumentsAndQueryAreDecodedOnce) {
  auto a = bed.ask("GET", "/runs/a%20b%2541?limit=1&label=x+y&label=%26", "viewer");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.json()["operation"], "get_run");
  EXPECT_EQ(a.json()["id"], "a b%41");
  EXPECT_EQ(a.json()["?label"], "&");
  EXPECT_EQ(bed.ask("GET", "/runs/stats", "viewer").json()["operation"], "stats");
  EXPECT_EQ(bed.ask("GET", "/").json()["operation"], "home");
}

TEST_F(RouterTest, PathsThatCanBeReadInTwoWaysAreRefused) {
  for (const char* path : {"/runs//1", "//runs/1", "/runs/..", "/runs/../open", "/runs/%2e%2e",
                           "/runs/%2E", "/runs/a%2Fb", "/runs/a%5Cb", "/runs/%00", "/runs/%0a",
                           "/runs/%zz", "/runs/%4", "/runs/%ff", "/runs/%c0%af"}) {
    EXPECT_EQ(status("GET", path, "admin"), 400) << path;
  }
  for (const char* path : {"/runs/1/", "/run", "/runs", "/RUNS/1", "/open/x"})
    EXPECT_EQ(status("GET", path, "admin"), 404) << path;
}

TEST_F(RouterTest, UnknownMethodsNameTheKnownOnes) {
  auto a = bed.ask("POST", "/runs/1", "admin");
  EXPECT_EQ(a.status, 405);
  EXPECT_EQ(a.header("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(status("OPTIONS", "/open"), 405);
  auto head = bed.ask("HEAD", "/open");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_NE(head.header("Content-Length"), "0");
}

TEST_F(RouterTest, EachRoleMayWhatItsRouteSays) {
  struct Row {
    const char *method, *target;
    int none, viewer, operator_, admin, worker;
  };
  const Row rows[] = {
      {"GET", "/open", 200, 200, 200, 200, 200},
      {"GET", "/runs/1", 401, 200, 200, 200, 403},
      {"POST", "/runs/1/cancel", 401, 403, 200, 200, 403},
      {"DELETE", "/runs/1", 401, 403, 403, 200, 403},
      {"POST", "/work", 401, 403, 403, 200, 200},
  };
  for (const auto& r : rows) {
    EXPECT_EQ(status(r.method, r.target), r.none) << r.target;
    EXPECT_EQ(status(r.method, r.target, "garbage"), r.none) << r.target;
    EXPECT_EQ(status(r.method, r.target, "viewer"), r.viewer) << r.target;
    EXPECT_EQ(status(r.method, r.target, "operator"), r.operator_) << r.target;
    EXPECT_EQ(status(r.method, r.target, "admin"), r.admin) << r.target;
    EXPECT_EQ(status(r.method, r.target, "worker"), r.worker) << r.target;
  }
  auto a = bed.ask("GET", "/runs/1");
  EXPECT_EQ(a.header("Content-Type"), "application/problem+json");
  EXPECT_THAT(a.header("WWW-Authenticate"), HasSubstr("Bearer"));
  EXPECT_EQ(a.json()["code"], "unauthenticated");
  EXPECT_EQ(a.json()["instance"], "/runs/1");
  EXPECT_EQ(status("GET", "/open", "", "", {{"Host", "evil"}}), 403);
}

TEST_F(RouterTest, UnknownParametersAreRefusedWithTheNearest) {
  auto a = bed.ask("GET", "/open?limt=3");
  EXPECT_EQ(a.status, 400);
  EXPECT_EQ(a.json()["errors"][std::size_t{0}]["pointer"], "?limt");
  EXPECT_THAT(a.json()["hint"].as_string(), HasSubstr("limit"));
  EXPECT_EQ(status("GET", "/open?limit=%zz"), 400);
  EXPECT_EQ(status("GET", "/open?limit=%00"), 400);
  EXPECT_EQ(status("GET", "/open?limit=%ff"), 400);
}

TEST_F(RouterTest, BodiesAreWhatTheirTypeSays) {
  EXPECT_EQ(bed.ask("POST", "/work", "worker", "{\"a\":1}").json()["body"]["a"], 1);
  EXPECT_EQ(bed.ask("POST", "/work", "worker").json()["body"], Json::object());
  EXPECT_EQ(status("POST", "/work", "worker", "[1]"), 400);
  EXPECT_EQ(status("POST", "/work", "worker", "{\"a\":"), 400);
  EXPECT_EQ(status("POST", "/work", "worker", "{\"a\":1,\"a\":2}"), 400);
  EXPECT_EQ(status("POST", "/work", "worker", "{\"a\":[\"x\\u0000\"]}"), 400);
  const std::string deep = str("{\"a\":", std::string(80, '['), std::string(80, ']'), "}");
  EXPECT_EQ(status("POST", "/work", "worker", deep), 400);
  EXPECT_EQ(status("POST", "/work", "worker", "{}", {{"Content-Type", "text/plain"}}), 415);
  EXPECT_EQ(status("POST", "/work", "worker", "{}", {{"Content-Type", "application/json;x=1"}}),
            415);
  EXPECT_EQ(status("POST", "/work", "worker", "{}",
                   {{"Content-Type", "Application/JSON; charset=UTF-8"}}),
            200);
  EXPECT_EQ(status("POST", "/work", "worker", "x: [", {{"Content-Type", "application/yaml"}}), 200);
  EXPECT_EQ(status("POST", "/runs/1/cancel", "admin", "x", {{"Content-Type", "application/yaml"}}),
            415);
  EXPECT_EQ(status("GET", "/open", "", "{}"), 400);
}

TEST_F(RouterTest, WhoIsNotSignedInSendsLittle) {
  RouterBed other;
  other.router.add(
      Role::operator_,
      {"PUT", "/file", "put", answering(say_route), {}, {"application/json"}, 1u << 20});
  other.open();
  const auto large = str("{\"a\":\"", std::string(100'000, 'x'), "\"}");
  EXPECT_EQ(other.ask("PUT", "/file", "operator", large).status, 200);
  EXPECT_EQ(other.ask("PUT", "/file", "viewer", large).status, 413);
  EXPECT_EQ(other.ask("PUT", "/file", "", large).json()["code"], "too_large");
}

TEST_F(RouterTest, EveryAnswerHasAnIdAndTheCarefulFields) {
  auto a = bed.ask("GET", "/open", "", "", {{"X-Request-Id", "abc-1"}});
  EXPECT_EQ(a.header("X-Request-Id"), "abc-1");
  EXPECT_EQ(a.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(a.header("Cache-Control"), "no-store");
  auto b = bed.ask("GET", "/open", "", "", {{"X-Request-Id", "a b"}});
  EXPECT_EQ(b.header("X-Request-Id").size(), 16u);
  EXPECT_NE(b.header("X-Request-Id"), bed.ask("GET", "/open").header("X-Request-Id"));
  auto refused = bed.ask("GET", "/nowhere");
  EXPECT_EQ(refused.json()["request_id"], refused.header("X-Request-Id"));
  EXPECT_THAT(refused.head, Not(HasSubstr("Access-Control")));
  auto broken = bed.ask("BREW", "/open");
  EXPECT_EQ(broken.json()["status"], broken.status);
}

TEST_F(RouterTest, AnswersAreCounted) {
  status("GET", "/runs/1", "viewer");
  status("GET", "/runs/1");
  for (const auto& t : bed.router.tally()) {
    if (t.route->operation_id != "get_run") continue;
    EXPECT_EQ(t.by_class[2], 1u);
    EXPECT_EQ(t.by_class[4], 1u);
  }
}

TEST_F(RouterTest, AClosedRouterAnswersOnlyWhatIsAnyones) {
  bed.router.close();
  EXPECT_EQ(status("GET", "/open"), 200);
  EXPECT_EQ(status("GET", "/runs/1", "viewer"), 503);
}

TEST(RouterPool, AFullQueueIsToldAtOnceAndAnswersComeLater) {
  RouterBed bed(1, 1);
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  int inside = 0;
  bed.router.add(Role::anyone, {"GET", "/slow", "slow", answering([&](Call&) {
                                  std::unique_lock lock(mutex);
                                  ++inside;
                                  changed.notify_all();
                                  changed.wait(lock, [&] { return open; });
                                  return Result<HttpResponse>(text_response("done"));
                                })});
  Route later{"GET", "/later", "later", [](Call, HttpReply reply) {
                std::thread([r = std::move(reply)]() mutable { r.send({}); }).detach();
              }};
  later.blocks = false;
  bed.router.add(Role::anyone, std::move(later));
  Route dropped{"GET", "/dropped", "dropped", [](Call, HttpReply) {}};
  dropped.blocks = false;
  bed.router.add(Role::anyone, std::move(dropped));
  bed.open();
  RawClient first(bed.port()), second(bed.port());
  first.send(request_text("GET", "/slow", ""));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 1; });
  }
  second.send(request_text("GET", "/slow", ""));
  while (bed.router.pool().queued() == 0)
    std::this_thread::yield();
  auto full = bed.ask("GET", "/slow");
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.header("Retry-After"), "1");
  EXPECT_EQ(full.json()["retryable"], true);
  EXPECT_EQ(bed.ask("GET", "/later").status, 200);  // beside a pool that is full
  auto none = bed.ask("GET", "/dropped");
  EXPECT_EQ(none.status, 500);
  EXPECT_EQ(none.json()["code"], "internal");
  {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  EXPECT_EQ(parse_answer(first.rest()).body, "done");
  EXPECT_EQ(parse_answer(second.rest()).body, "done");
}

TEST(Problems, TheTableIsWholeAndErrorsFindTheirPlace) {
  for (int c = 0; c <= static_cast<int>(Errc::internal); ++c) {
    auto p = problem_of({static_cast<Errc>(c), "what\nhint: do"});
    EXPECT_NE(find_problem_kind(p.code), nullptr);
    EXPECT_EQ(p.detail, "what");
    EXPECT_EQ(p.hint, "do");
  }
  EXPECT_EQ(problem_of({Errc::stale_attempt, ""}).code, "stale_attempt");
  for (const auto& kind : problem_kinds())
    EXPECT_THAT(problem_page(kind), HasSubstr(std::string(kind.title)));
}

}  // namespace
}  // namespace pawl::server
