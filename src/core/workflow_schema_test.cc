// api/workflow.schema.json says the same as the parser's tables of fields. The tables are asked the
// way a user asks them: by a field that is unknown.

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "core/failure.h"
#include "core/schema.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

Json published() {
  std::ifstream in(std::string(PAWL_SOURCE_DIR) + "/api/workflow.schema.json");
  std::stringstream text;
  text << in.rdbuf();
  auto parsed = Json::parse(text.str());
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? *parsed : Json();
}

std::set<std::string> keys(const Json& map) {
  std::set<std::string> out;
  if (map.is_object())
    for (const auto& [k, v] : map.as_object())
      out.insert(k);
  return out;
}

// "fields of a task: a, b, c; x-... is free"
std::set<std::string> listed(const std::string& hint) {
  std::set<std::string> out;
  auto from = hint.find(": "), to = hint.find("; x-");
  if (from == hint.npos || to == hint.npos) return out;
  for (auto name : split(std::string_view(hint).substr(from + 2, to - from - 2), ','))
    out.insert(std::string(trim(name)));
  return out;
}

std::set<std::string> parser_fields(const std::string& body) {
  for (const Diagnostic& d : parse_workflow(body, "x").findings)
    if (d.message.find("zzzzzzzzzzzz") != d.message.npos) return listed(d.hint);
  ADD_FAILURE() << "no unknown field in " << body;
  return {};
}

TEST(PublishedSchema, HasTheFieldsOfTheParser) {
  Json schema = published();
  const Json& defs = schema["$defs"];
  const std::string z = "zzzzzzzzzzzz: 1";
  const std::string task = "tasks: {a: {run: x, ";
  struct {
    const char* def;
    std::string body;
  } cases[] = {
      {"concurrency", "concurrency: {" + z + "}"},
      {"defaults", "defaults: {" + z + "}"},
      {"task", task + z + "}}"},
      {"retry", task + "retry: {" + z + "}}}"},
      {"backoff", task + "retry: {backoff: {" + z + "}}}}"},
      {"timeouts", task + "timeout: {" + z + "}}}"},
      {"recover_rule", task + "recover: [{" + z + "}]}}"},
      {"with_http", "tasks: {a: {action: http, with: {" + z + "}}}"},
      {"with_sleep", "tasks: {a: {action: sleep, with: {" + z + "}}}"},
      {"with_gate", "tasks: {a: {action: gate, with: {" + z + "}}}"},
      {"with_workflow", "tasks: {a: {action: workflow, with: {" + z + "}}}"},
  };
  EXPECT_EQ(keys(schema["properties"]), parser_fields(z));
  for (const auto& c : cases)
    EXPECT_EQ(keys(defs[c.def]["properties"]), parser_fields(c.body)) << c.def;
}

TEST(PublishedSchema, HasTheKeywordsOfInputs) {
  Json schema = published();
  const Json& defs = schema["$defs"];
  auto issues = check_schema(Json::object({{"zzzzzzzzzzzz", 1}}));
  ASSERT_EQ(issues.size(), 1u);
  std::set<std::string> keywords = listed(issues[0].hint);
  EXPECT_EQ(keys(defs["schema"]["properties"]), keywords);
  EXPECT_EQ(keys(defs["form_field"]["properties"]), keywords);
  keywords.insert("secret");
  EXPECT_EQ(keys(defs["input"]["properties"]), keywords);
}

TEST(PublishedSchema, HasTheSameWords) {
  Json schema = published();
  const Json& defs = schema["$defs"];
  const Json& classes = defs["failure_class"]["enum"];
  ASSERT_EQ(classes.size(), static_cast<std::size_t>(kFailureClassCount - 1));
  for (const Json& c : classes.as_array())
    EXPECT_TRUE(parse_failure_class(c.as_string())) << c.dump();
  for (const Json& name : defs["task_name"]["not"]["enum"].as_array()) {
    auto p = parse_workflow(str("tasks: {", name.as_string(), ": {run: x}}"), "x");
    bool refused = false;
    for (const Diagnostic& d : p.findings)
      refused = refused || d.code == "reserved_name";
    EXPECT_TRUE(refused) << name.dump();
  }
  for (const Json& f : defs["schema"]["properties"]["format"]["enum"].as_array())
    EXPECT_TRUE(check_schema(Json::object({{"format", f}})).empty()) << f.dump();
}

void each_description(const Json& v, const std::string& at, int& objects) {
  if (v.is_array())
    for (const Json& e : v.as_array())
      each_description(e, at, objects);
  if (!v.is_object()) return;
  if (v["properties"].is_object() && (v["type"].is_string() || v["type"].is_array())) {
    ++objects;
    EXPECT_TRUE(v["title"].is_string() && v["description"].is_string()) << at;
    EXPECT_TRUE(v["examples"].size() > 0) << at;
  }
  for (const auto& [k, e] : v.as_object())
    each_description(e, str(at, "/", k), objects);
}

TEST(PublishedSchema, ExplainsEveryKindOfObject) {
  int objects = 0;
  each_description(published(), "", objects);
  EXPECT_GE(objects, 14);
}

}  // namespace
}  // namespace pawl::core
