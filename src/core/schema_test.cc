#include "core/schema.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "core/scope_testing.h"

namespace pawl::core {
namespace {

std::string issues(const std::vector<SchemaIssue>& all) {
  std::string out;
  for (const SchemaIssue& i : all)
    out += str(out.empty() ? "" : " | ", i.pointer, " ", i.code);
  return out;
}
std::string invalid(const char* value, const char* schema) {
  EXPECT_EQ(issues(check_schema(json_of(schema))), "") << schema;
  return issues(validate(json_of(value), json_of(schema)));
}

TEST(Schema, Keywords) {
  struct {
    const char* value;
    const char* schema;
    const char* expected;
  } cases[] = {
      {"1", R"({"type": "integer"})", ""},
      {"1.0", R"({"type": "integer"})", ""},
      {"1.5", R"({"type": "integer"})", " type"},
      {"1", R"({"type": "number"})", ""},
      {"null", R"({"type": ["string", "null"]})", ""},
      {"3", R"({"type": ["string", "null"]})", " type"},
      {"\"b\"", R"({"enum": ["a", "b", 1]})", ""},
      {"1.0", R"({"enum": ["a", 1]})", ""},
      {"\"c\"", R"({"enum": ["a", "b"]})", " enum"},
      {"2", R"({"const": 1})", " const"},
      {"5", R"({"minimum": 5, "maximum": 5})", ""},
      {"4", R"({"minimum": 5})", " minimum"},
      {"6", R"({"maximum": 5})", " maximum"},
      {"5", R"({"exclusiveMinimum": 5})", " exclusiveMinimum"},
      {"5", R"({"exclusiveMaximum": 5})", " exclusiveMaximum"},
      {"9", R"({"multipleOf": 3})", ""},
      {"0.3", R"({"multipleOf": 0.1})", ""},
      {"10", R"({"multipleOf": 3})", " multipleOf"},
      {"\"äö\"", R"({"minLength": 2, "maxLength": 2})", ""},
      {"\"a\"", R"({"minLength": 2})", " minLength"},
      {"\"abc\"", R"({"maxLength": 2})", " maxLength"},
      {"\"x1\"", R"({"pattern": "^[a-z]\\d$"})", ""},
      {"\"1x\"", R"({"pattern": "^[a-z]\\d$"})", " pattern"},
      {"[1, \"a\"]", R"({"items": {"type": "integer"}})", "/1 type"},
      {"[1]", R"({"minItems": 2})", " minItems"},
      {"[1, 2, 3]", R"({"maxItems": 2})", " maxItems"},
      {"[1, 2, 1.0]", R"({"uniqueItems": true})", " uniqueItems"},
      {R"({"a/b": 1})", R"({"properties": {"a/b": {"type": "string"}}})", "/a~1b type"},
      {R"({"a": 1})", R"({"required": ["a", "b", "c"]})", " required |  required"},
      {R"({"a": 1, "c": 2})", R"({"properties": {"a": {}}, "additionalProperties": false})",
       "/c additionalProperties"},
      {R"({"a": 1, "c": 2})",
       R"({"properties": {"a": {}}, "additionalProperties": {"type": "string"}})", "/c type"},
      {R"([{"a": [1, {"b": "x"}]}])",
       R"({"items": {"properties": {"a": {"items": {"properties": {"b": {"type": "integer"}}}}}}})",
       "/0/a/1/b type"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(invalid(c.value, c.schema), c.expected) << c.value << " " << c.schema;
}

TEST(Schema, Formats) {
  struct {
    const char* format;
    const char* yes;
    const char* no;
  } cases[] = {
      {"date", "2024-02-29", "2026-02-29"},
      {"date", "1999-12-31", "99-12-31"},
      {"time", "12:30:00Z", "24:00:00Z"},
      {"time", "12:30:00.250+08:00", "12:30"},
      {"date-time", "2026-01-31T12:00:00Z", "2026-01-31"},
      {"duration", "1h30m", "90"},
      {"size", "100MiB", "100"},
      {"email", "a@b", "a@"},
      {"uri", "https://x.org/a", "x.org/a"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(matches_format(c.yes, c.format)) << c.yes;
    EXPECT_FALSE(matches_format(c.no, c.format)) << c.no;
  }
}

TEST(Schema, IsItselfChecked) {
  EXPECT_EQ(issues(check_schema(
                json_of(R"({"type": "strin", "minimun": 1, "pattern": "(", "format": "dat",
      "items": {"type": []}, "enum": [], "multipleOf": 0, "minLength": -1, "uniqueItems": 1,
      "required": true,
      "properties": {"a": 3}, "additionalProperties": 1, "title": 1, "x-mine": 1})"))),
            "/type unknown_type | /minimun unknown_keyword | /pattern bad_pattern | /format "
            "unknown_format | "
            "/items/type wrong_type | /enum wrong_type | /multipleOf wrong_type | /minLength "
            "wrong_type | "
            "/uniqueItems wrong_type | /required wrong_type | /properties/a wrong_type | "
            "/additionalProperties wrong_type | /title wrong_type");
  std::string deep = "{}";
  for (int i = 0; i < 40; ++i)
    deep = R"({"items": )" + deep + "}";
  EXPECT_NE(issues(check_schema(json_of(deep))).find("too_deep"), std::string::npos);
}

TEST(Schema, StopsCountingAtAHundred) {
  Json list = Json::array();
  for (int i = 0; i < 1000; ++i)
    list.push(Json("x"));
  EXPECT_EQ(validate(list, json_of(R"({"items": {"type": "integer"}})")).size(), 100u);
}

}  // namespace
}  // namespace pawl::core
