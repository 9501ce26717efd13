// The reader against what JSON is, and where it says that something is wrong.
#include "manufacturing/json_reader.h"

#include <gtest/gtest.h>
#include <pawl/value.h>

#include "manufacturing/batch_testing.h"
#include "manufacturing/json_tree.h"

namespace manufacturing {
namespace {

using pawl::Value;

std::string read(const std::string& text, std::size_t piece = 1u << 20) {
  JsonReader json("x", slow_source(text, piece));
  return json.value() && json.skip() && json.end() ? "ok" : json.error().text();
}

TEST(JsonReader, ReadsWhatJsonIsAndNothingElse) {
  for (const char* text :
       {"null", "true", "0", "-0", "12.5e-3", "1E+2", "[]", "{}", " [1, 2 ] ", "{\"a\": [{}, []]}",
        R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")", "\"\xc3\xa9\"", "[\n\t1\r\n]", "1e-400"}) {
    EXPECT_EQ(read(text), "ok") << text;
    EXPECT_EQ(read(text, 1), "ok") << text;
    EXPECT_TRUE(Value::parse(text).ok()) << text;
  }
  for (const char* text : {"",
                           "nul",
                           "tru",
                           "truer",
                           "+1",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "[1,]",
                           "[1 2]",
                           "[1",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "'a'",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "1 2",
                           "[]]",
                           "{}}",
                           "[}",
                           "1e400",
                           "nanny",
                           "Nan",
                           "-Inf"}) {
    EXPECT_NE(read(text), "ok") << text;
    EXPECT_EQ(read(text), read(text, 1)) << text;
  }
}

TEST(JsonReader, SaysWhere) {
  EXPECT_EQ(read("[1, 2,\n  x]"), "x:2:3: expected a value, found 'x'");
  EXPECT_EQ(read("[1, 2,\n  3,]"), "x:2:5: expected a value, found ']'");
  EXPECT_EQ(read("{\"a\" 1}"), "x:1:6: expected :, found '1'");
  EXPECT_EQ(read("{\"a\": 1 \"b\"}"), "x:1:9: expected , or }, found '\"'");
  EXPECT_EQ(read("\n[007]"), "x:2:2: a number begins with a needless 0");
  EXPECT_EQ(read("[1e999]"), "x:1:2: a number is too large");
  EXPECT_EQ(read("[\"abc"), "x:1:2: a string has no end");
  EXPECT_EQ(read("[1]\n\n  2"), "x:3:3: expected the end, found '2'");
  EXPECT_EQ(read("[1, "), "x:1:5: expected a value, found the end");
  EXPECT_EQ(read(std::string(70, '[')), "x:1:65: nested too deeply");
}

TEST(JsonReader, NumbersThatAreNone) {
  JsonReader json("x", text_source("[NaN, Infinity, -Infinity, 1.5, 12]"));
  ASSERT_TRUE(json.value());
  std::string kinds;
  while (json.next_item() && json.value())
    kinds += json.kind() == JsonReader::Kind::not_a_number ? "n" : json.integer() ? "i" : "d";
  EXPECT_TRUE(json.ok());
  EXPECT_EQ(kinds, "nnndi");
}

TEST(JsonReader, ReadsTheSameAsTheLibrary) {
  const std::string text =
      R"({"a": [1, -2.5e3, 0.1, 1e-300], "é": "x\u00e9\ud83d\ude00", "b": {"c": null, "d": true}})";
  for (std::size_t piece : {1u, 2u, 3u, 7u, 1000u}) {
    JsonReader json("x", slow_source(text, piece));
    ASSERT_TRUE(json.value() && json.skip() && json.end()) << json.error().text();
  }
  EXPECT_EQ(read_tree("x", text).value().value(), Value::parse(text).value());
  EXPECT_EQ(read_tree("x", "{\"a\": 1,\n \"a\": 2}").status().text(),
            "x:2:2: \"a\" is there twice");
}

TEST(JsonReader, AnErrorOfTheSourceIsTheError) {
  JsonReader json("x", [](char*, std::size_t) -> pawl::Result<std::size_t> {
    return pawl::Status(pawl::Code::io, "the cable is out");
  });
  EXPECT_FALSE(json.value());
  EXPECT_EQ(json.error().code(), pawl::Code::io);
}

}  // namespace
}  // namespace manufacturing
