#include <gtest/gtest.h>

#include "core/scope_testing.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

std::shared_ptr<const Workflow> workflow() {
  auto parsed = parse_workflow(R"(
pawl: 1
name: x
inputs:
  day:      {type: string, required: true, pattern: '^\d{4}$'}
  epochs:   {type: integer, default: 10, minimum: 1, maximum: 100}
  rate:     {type: number}
  fast:     {type: boolean, default: false}
  files:    {type: array, items: {type: string}}
  any:      {}
  maybe:    {type: [integer, "null"]}
  token:    {type: string, secret: true, minLength: 5}
tasks:
  a: {run: x}
)",
                               "x.yaml");
  EXPECT_TRUE(parsed.workflow);
  return parsed.workflow;
}

TEST(Inputs, DefaultsAreFilledInInTheOrderOfTheFile) {
  auto v = check_inputs(*workflow(), json_of(R"({"epochs": 5, "day": "2026"})"));
  ASSERT_TRUE(v.ok()) << v.error().message;
  EXPECT_EQ(v->dump(),
            R"({"day":"2026","epochs":5,"rate":null,"fast":false,"files":null,"any":null,)"
            R"("maybe":null,"token":null})");
  // What a run recorded can be given again.
  auto again = check_inputs(*workflow(), *v);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, *v);
}

TEST(Inputs, AllViolationsAtOnce) {
  auto v = check_inputs(
      *workflow(), json_of(R"({"epochs": 500, "files": ["a", 1], "fats": true, "token": "abc"})"));
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().code, Errc::invalid_workflow);
  EXPECT_EQ(v.error().message,
            "input \"day\" is required and was not given\n"
            "input \"epochs\": must be at most 100, found 500\n"
            "input \"files\" at /1: expected string, found the number 1\n"
            "input \"token\": does not satisfy its schema\n"
            "input \"fats\" is unknown; did you mean \"fast\"?");
  EXPECT_FALSE(check_inputs(*workflow(), json_of("[1]")).ok());
}

TEST(Inputs, TextIsReadAsTheDeclaredType) {
  auto w = workflow();
  struct {
    const char* name;
    const char* text;
    const char* expected;
  } cases[] = {
      {"day", "2026", "\"2026\""},
      {"epochs", "12", "12"},
      {"epochs", "12.0", "12"},
      {"rate", "0.5", "0.5"},
      {"rate", "3", "3"},
      {"fast", "true", "true"},
      {"files", "[\"a\"]", "[\"a\"]"},
      {"any", "12", "12"},
      {"any", "hello", "\"hello\""},
      {"any", "{\"a\": 1}", "{\"a\":1}"},
      {"maybe", "null", "null"},
      {"maybe", "", "null"},
      {"maybe", "4", "4"},
      {"day", "true", "\"true\""},
  };
  for (const auto& c : cases) {
    auto v = read_input(*w, c.name, c.text);
    ASSERT_TRUE(v.ok()) << c.name << "=" << c.text << ": " << v.error().message;
    EXPECT_EQ(v->dump(), c.expected);
  }
  for (auto [name, text] : {std::pair{"epochs", "ten"},
                            {"epochs", "1e300"},
                            {"fast", "yes"},
                            {"files", "a,b"},
                            {"files", "[1"},
                            {"rate", ""},
                            {"epoch", "1"}}) {
    auto v = read_input(*w, name, text);
    ASSERT_FALSE(v.ok()) << name;
    EXPECT_EQ(v.error().code, Errc::invalid_workflow);
  }
  EXPECT_EQ(read_input(*w, "epoch", "1").error().message,
            "input \"epoch\" is unknown; did you mean \"epochs\"?");
  EXPECT_EQ(read_input(*w, "epochs", "ten").error().message,
            "input \"epochs\": expected an integer, found \"ten\"");
}

}  // namespace
}  // namespace pawl::core
