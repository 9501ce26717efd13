// api/openapi.yaml and the router, held together in both directions: what is described is there
// with that role, what is there is described, and every answer has the shape that is promised.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "core/doc.h"
#include "core/schema.h"
#include "server/api_testing.h"

namespace pawl::server {
namespace {

const Json& spec() {
  static const Json parsed = core::Doc::read_yaml(kOpenapi).root().to_json();
  return parsed;
}

// References replaced by what they name, and objects closed: an answer has no field that is not
// described.
Json resolve(const Json& j) {
  if (j.is_array()) {
    Json out = Json::array();
    for (const auto& item : j.as_array())
      out.push(resolve(item));
    return out;
  }
  if (!j.is_object()) return j;
  if (const Json* ref = j.find("$ref")) {
    const Json* at = &spec();
    for (auto part : split(std::string_view(ref->as_string()).substr(2), '/')) {
      at = at->find(part);
      if (!at) return Json();
    }
    return resolve(*at);
  }
  Json out = Json::object();
  for (const auto& [key, value] : j.as_object())
    out.set(key, resolve(value));
  if (out["properties"].is_object() && !out.find("additionalProperties"))
    out.set("additionalProperties", false);
  return out;
}

struct Operation {
  std::string method, path, id, role;
  Json json;  // resolved
};

std::vector<Operation> operations() {
  std::vector<Operation> out;
  for (const auto& [path, methods] : spec()["paths"].as_object()) {
    for (const auto& [method, op] : methods.as_object()) {
      auto verb = method;
      std::transform(verb.begin(), verb.end(), verb.begin(),
                     [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      out.push_back(
          {verb, path, op["operationId"].as_string(), op["x-role"].as_string(), resolve(op)});
    }
  }
  return out;
}

std::set<std::string> keys(const Json& object) {
  std::set<std::string> out;
  if (object.is_object())
    for (const auto& member : object.as_object())
      out.insert(member.first);
  return out;
}

std::set<std::string> parameters(const Json& op, std::string_view in) {
  std::set<std::string> out;
  for (std::size_t i = 0; i < op["parameters"].size(); ++i) {
    const auto& p = op["parameters"][i];
    if (p["in"] == in) out.insert(p["name"].as_string());
  }
  return out;
}

TEST(Openapi, TheDescriptionIsReadWithoutAFinding) {
  auto doc = core::Doc::read_yaml(kOpenapi);
  EXPECT_FALSE(doc.broken());
  for (const auto& p : doc.problems())
    ADD_FAILURE() << p.line << ": " << p.message;
  for (const auto& [name, schema] : spec()["components"]["schemas"].as_object()) {
    for (const auto& issue : core::check_schema(resolve(schema)))
      ADD_FAILURE() << name << issue.pointer << ": " << issue.message;
  }
  const auto codes = resolve(spec()["components"]["schemas"]["Problem"])["properties"]["code"];
  EXPECT_EQ(codes["enum"].size(), problem_kinds().size());
  for (std::size_t i = 0; i < codes["enum"].size(); ++i)
    EXPECT_NE(find_problem_kind(codes["enum"][i].as_string()), nullptr);
}

TEST(Openapi, TheRouterAndTheDescriptionAreTheSame) {
  ApiBed bed;
  std::set<std::string> described, there;
  const auto all = operations();
  for (const auto& op : all)
    described.insert(str(op.method, " ", op.path, " ", op.id, " ", op.role));
  for (const auto* route : bed.router->dump()) {
    there.insert(str(route->method, " ", route->pattern, " ", route->operation_id, " ",
                     to_string(route->role)));
    auto op = std::find_if(all.begin(), all.end(),
                           [&](const Operation& o) { return o.id == route->operation_id; });
    if (op == all.end()) continue;
    EXPECT_EQ(parameters(op->json, "query"),
              std::set<std::string>(route->query.begin(), route->query.end()))
        << route->operation_id;
    EXPECT_EQ(keys(op->json["requestBody"]["content"]),
              std::set<std::string>(route->takes.begin(), route->takes.end()))
        << route->operation_id;
    const bool open = op->json["security"].is_array() && op->json["security"].size() == 0;
    EXPECT_EQ(open, route->role == Role::anyone) << route->operation_id;
  }
  EXPECT_EQ(described, there);
}

// The path with its parameters' examples.
std::string target_of(const Operation& op) {
  auto path = op.path;
  for (std::size_t i = 0; i < op.json["parameters"].size(); ++i) {
    const auto& p = op.json["parameters"][i];
    const auto name = str("{", p["name"].as_string(), "}");
    if (const auto at = path.find(name); at != std::string::npos)
      path.replace(at, name.size(), p["example"].as_string());
  }
  return path;
}

// Where an operation's own example does not fit the run of the bed.
std::string body_of(const Operation& op) {
  if (op.id == "submit_run") return R"({"workflow": "gated", "labels": {"team": "ads"}})";
  if (op.id == "plan_workflow") return R"({"inputs": {"day": "2026-01-31"}})";
  if (op.id == "retry_run") return R"({"task": "approve"})";
  if (op.id == "recover_run") return R"({"from": "approve"})";
  const auto& content = op.json["requestBody"]["content"]["application/json"];
  return content.is_null() ? std::string() : content["example"].dump();
}

// An answer that goes on: what asks for it.
std::string stream_query(const Operation& op) {
  return op.id == "open_event_stream" ? "?topic=run%2F1&after_seq=0" : "";
}
AskHeaders stream_fields(const Operation& op) {
  if (op.id != "open_websocket") return {};
  return {{"Connection", "Upgrade"},
          {"Upgrade", "websocket"},
          {"Sec-WebSocket-Version", "13"},
          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
}

// Registers worker 1; its session.
std::string session_of(ApiBed& bed, const Operation& op) {
  if (op.path.find("{worker_id}") == std::string::npos) return "";
  auto params = Json::object().set("key", "0123456789abcdef").set("name", "test");
  return (*Json::parse(*bed.gateway->enrol(params, {})))["session"].as_string();
}

void bring_to(ApiBed& bed, const Operation& op) {
  if (op.id == "resume_run") {
    ASSERT_TRUE(bed.engine->pause(RunId{1}, "test").ok());
  }
  if (op.id == "retry_run" || op.id == "recover_run") {
    ASSERT_TRUE(bed.engine->reject(RunId{1}, {"approve", "test", ""}).ok());
  }
}

void check_answer(const Operation& op, const Answer& a, std::string_view who) {
  const auto where = str(op.id, " as ", who, ": ", a.status, " ", a.body);
  const auto& responses = op.json["responses"];
  const Json* described = responses.find(str(a.status));
  if (!described) described = responses.find("default");
  ASSERT_NE(described, nullptr) << where;
  const auto type = std::string(split(a.header("Content-Type"), ';')[0]);
  const auto& content = (*described)["content"];
  const Json* media = content.find(type);
  ASSERT_NE(media, nullptr) << where << " is " << type;
  if (type == "text/plain") return;
  for (const auto& issue : core::validate(a.json(), (*media)["schema"]))
    ADD_FAILURE() << where << "\n" << issue.pointer << ": " << issue.message;
}

TEST(Openapi, EveryRouteAnswersEachPrincipalAsItsRoleSays) {
  const std::pair<const char*, Role> principals[] = {
      {"", Role::anyone},       {"garbage", Role::anyone}, {"expired", Role::anyone},
      {"viewer", Role::viewer}, {"worker", Role::worker},  {"operator", Role::operator_},
      {"admin", Role::admin}};
  int cases = 0;
  for (const auto& op : operations()) {
    const auto wanted = op.role == "anyone" ? Role::anyone : parse_role(op.role).value();
    bool worked = false;
    for (const auto& [who, role] : principals) {
      ApiBed bed;
      bring_to(bed, op);
      const auto before = bed.store->find_run(RunId{1}).value()->header.version;
      const bool stream = op.json["x-stream"].is_bool();
      const auto target = str(target_of(op), stream_query(op));
      const auto session = session_of(bed, op);
      const auto a =
          stream && allows(role, wanted)
              ? bed.ask_head(op.method, target, who, stream_fields(op))
              : bed.ask(op.method, target, who, body_of(op), {{"Pawl-Session", session}});
      ++cases;
      if (allows(role, wanted)) {
        if (stream) {
          EXPECT_EQ(a.status, op.id == "open_websocket" ? 101 : 200) << op.id << " as " << who;
        } else {
          EXPECT_TRUE(a.status >= 200 && a.status < 300)
              << op.id << " as " << who << ": " << a.body;
        }
        worked = true;
        if (stream) continue;  // it does not end
      } else {
        EXPECT_EQ(a.status, role == Role::anyone ? 401 : 403) << op.id << " as " << who;
        const auto after = bed.store->find_run(RunId{1}).value()->header.version;
        EXPECT_EQ(before, after) << op.id << " as " << who;
      }
      check_answer(op, a, who);
    }
    EXPECT_TRUE(worked) << op.id;
  }
  EXPECT_GT(cases, 200);
}

TEST(Openapi, WhatIsNotThereAnswersAsDescribed) {
  ApiBed bed;
  for (const auto& op : operations()) {
    auto target = op.path;
    for (auto at = target.find('{'); at != std::string::npos; at = target.find('{'))
      target.replace(at, target.find('}') - at + 1, "99");
    if (target == op.path) continue;
    auto body = op.id == "recover_run" ? R"({"from": "a"})" : body_of(op);
    const auto a = bed.ask(op.method, target, "admin", body);
    EXPECT_EQ(a.status, 404) << op.id << ": " << a.body;
    check_answer(op, a, "admin");
  }
}

TEST(Openapi, IsServedAsJson) {
  ApiBed bed;
  auto a = bed.ask("GET", "/api/v1/openapi.json", "");
  EXPECT_EQ(a.json()["openapi"], "3.1.0");
  EXPECT_EQ(a.json(), spec());
}

}  // namespace
}  // namespace pawl::server
