// The value: making, sharing, changing, comparing, printing.
#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "base/random.h"
#include "base/text.h"

namespace pawl {
namespace {

TEST(Json, TakesWhatCppHasAndKeepsItsType) {
  EXPECT_EQ(Json().type(), Json::Type::null);
  EXPECT_EQ(Json(nullptr).type(), Json::Type::null);
  EXPECT_EQ(Json(true).type(), Json::Type::boolean);
  EXPECT_EQ(Json(1).type(), Json::Type::integer);
  EXPECT_EQ(Json('a').type(), Json::Type::integer);
  EXPECT_EQ(Json(1u).as_integer(), 1);
  EXPECT_EQ(Json(1.0).type(), Json::Type::number);
  EXPECT_EQ(Json("text").type(), Json::Type::string);
  EXPECT_EQ(Json(std::string_view("a\0b", 3)).as_string().size(), 3u);
  EXPECT_EQ(Json(Json::Array{1, "two"}).size(), 2u);
  EXPECT_EQ(Json::object({{"a", 1}}).size(), 1u);
  EXPECT_EQ(Json(INT64_MIN).as_integer(), INT64_MIN);
  EXPECT_EQ(Json(std::uint64_t{INT64_MAX}).as_integer(), INT64_MAX);
  // An unsigned number beyond int64 never turns negative.
  EXPECT_EQ(Json(UINT64_MAX).type(), Json::Type::number);
  EXPECT_EQ(Json(UINT64_MAX).as_double(), 18446744073709551616.0);
  EXPECT_EQ(Json(3).as_double(), 3.0);
}

TEST(Json, AnswersNullForWhatIsNotThere) {
  auto value = Json::object({{"a", Json::Array{1, 2}}});
  EXPECT_EQ(value["a"][1].as_integer(), 2);
  EXPECT_TRUE(value["a"][2].is_null());
  EXPECT_TRUE(value["a"]["b"].is_null());
  EXPECT_TRUE(value["b"]["c"][0].is_null());
  EXPECT_EQ(value.find("b"), nullptr);
  EXPECT_EQ(Json(1).find("b"), nullptr);
  EXPECT_EQ(Json("text").size(), 0u);
}

TEST(Json, NullBecomesWhatIsPutIntoIt) {
  Json value;
  value.set("list", Json().push(1).push("two")).set("empty", Json::object());
  EXPECT_EQ(value.dump(), R"({"list":[1,"two"],"empty":{}})");
  value.set("list", 3);  // replaced where it stands
  EXPECT_EQ(value.dump(), R"({"list":3,"empty":{}})");
  EXPECT_TRUE(value.erase("list"));
  EXPECT_FALSE(value.erase("list"));
  EXPECT_FALSE(Json(1).erase("list"));
  EXPECT_EQ(value.dump(), R"({"empty":{}})");
}

TEST(Json, ACopyIsItsOwnFromTheFirstChange) {
  auto original = Json::object({{"a", Json::Array{1}}, {"b", "text"}});
  auto copy = original;
  EXPECT_EQ(&copy.as_object(), &original.as_object());  // shared until then
  copy.set("a", Json(copy["a"]).push(2));
  copy.erase("b");
  EXPECT_EQ(original.dump(), R"({"a":[1],"b":"text"})");
  EXPECT_EQ(copy.dump(), R"({"a":[1,2]})");
}

TEST(Json, CanBePutIntoItself) {
  Json list = Json::array({1});
  list.push(list);
  EXPECT_EQ(list.dump(), "[1,[1]]");
  Json object;
  object.set("self", object);
  EXPECT_EQ(object.dump(), R"({"self":null})");
  object.set("self", object);
  EXPECT_EQ(object.dump(), R"({"self":{"self":null}})");
  object = object["self"];  // the part outlives the whole
  EXPECT_EQ(object.dump(), R"({"self":null})");
  auto& alias = object;
  object = alias;
  object = std::move(alias);
  EXPECT_EQ(object.dump(), R"({"self":null})");
}

TEST(Json, AMovedFromValueIsNull) {
  Json a = "text";
  Json b = std::move(a);
  EXPECT_TRUE(a.is_null());  // NOLINT: that is the point
  EXPECT_EQ(b.as_string(), "text");
}

TEST(Json, ComparesNumbersByWhatTheyAre) {
  EXPECT_EQ(Json(1), Json(1.0));
  EXPECT_EQ(Json(1.0), Json(1));
  EXPECT_NE(Json(1), Json(1.5));
  EXPECT_NE(Json(1), Json(true));
  EXPECT_NE(Json(0), Json());
  EXPECT_NE(Json("1"), Json(1));
  // 2^53 + 1 has no double: rounding it would make these equal.
  EXPECT_NE(Json(std::int64_t{9007199254740993}), Json(9007199254740992.0));
  EXPECT_NE(Json(INT64_MAX), Json(9223372036854775808.0));
  EXPECT_EQ(Json(INT64_MIN), Json(-9223372036854775808.0));
  EXPECT_NE(Json(0), Json(std::nan("")));
  EXPECT_NE(Json(std::nan("")), Json(std::nan("")));
}

TEST(Json, ComparesObjectsWithoutRegardToOrder) {
  EXPECT_EQ(*Json::parse(R"({"a":1,"b":[1,2]})"), *Json::parse(R"({"b":[1.0,2],"a":1})"));
  EXPECT_NE(*Json::parse(R"({"a":1})"), *Json::parse(R"({"b":1})"));
  EXPECT_NE(*Json::parse(R"({"a":1})"), *Json::parse(R"({"a":1,"b":1})"));
  EXPECT_NE(*Json::parse("[1,2]"), *Json::parse("[2,1]"));
  EXPECT_EQ(Json::object(), Json::object());
  EXPECT_NE(Json::object(), Json::array());
}

TEST(Json, PrintsDoublesShortAndReadsThemBackTheSame) {
  const std::pair<double, const char*> kCases[] = {
      {3.0, "3.0"},    {-0.0, "-0.0"},         {0.1, "0.1"},       {1e21, "1e+21"},
      {1e-7, "1e-07"}, {123456.0, "123456.0"}, {5e-324, "5e-324"}, {1.0 / 3, "0.3333333333333333"},
  };
  for (const auto& [value, text] : kCases) {
    EXPECT_EQ(Json(value).dump(), text);
    auto back = Json::parse(text);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->type(), Json::Type::number) << text;
    EXPECT_EQ(back->as_double(), value);
    EXPECT_EQ(std::signbit(back->as_double()), std::signbit(value));
  }
}

TEST(Json, PrintsWhatJsonCannotSayAsNull) {
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-HUGE_VAL).dump(), "null");
  EXPECT_EQ(Json::array({HUGE_VAL}).dump(), "[null]");
}

TEST(Json, StringsAreEscapedAndAlwaysUtf8) {
  EXPECT_EQ(Json("\"\\/\b\f\n\r\t\x01\x1f\x7f").dump(),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(Json("caf\xc3\xa9").dump(), "\"caf\xc3\xa9\"");
  EXPECT_EQ(Json("a\xff"
                 "b")
                .dump(),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(Json("a\xe6\x95").dump(), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(Json(Json::Array{}).dump(), "[]");
  // Each special byte at each place of an eight-byte step.
  for (char special : {'"', '\\', '\n', '\x1f'}) {
    for (std::size_t at = 0; at < 20; at++) {
      std::string text(20, 'x');
      text[at] = special;
      EXPECT_EQ(Json::parse(Json(text).dump())->as_string(), text);
    }
  }
}

TEST(Json, IndentsForPeople) {
  auto value = *Json::parse(R"({"a":[1,{"b":[]}],"c":{},"d":"x"})");
  EXPECT_EQ(value.pretty(),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": "
            "\"x\"\n}");
}

TEST(Json, LargeObjectsFindEveryKey) {
  for (std::size_t size : {31, 32, 33, 34, 1000, 50'000}) {
    Json made;
    for (std::size_t i = 0; i < size; i++)
      made.set(str("key_", i), i);
    for (std::size_t i = 0; i < size; i++)
      made.set(str("key_", i), i + 1);  // replaced, not added
    ASSERT_EQ(made.size(), size);
    auto read = *Json::parse(made.dump());
    Json::Object members(made.as_object());
    auto given = Json::object(std::move(members));
    for (const auto* object : {&made, &read, &given}) {
      for (std::size_t i = 0; i < size; i++) {
        auto* found = object->find(str("key_", i));
        ASSERT_TRUE(found) << i;
        ASSERT_EQ(found->as_integer(), static_cast<std::int64_t>(i + 1));
      }
      EXPECT_EQ(object->find("key_"), nullptr);
      EXPECT_EQ(object->find(""), nullptr);
    }
    EXPECT_EQ(made, given);
  }
}

TEST(Json, ErasingKeepsTheIndexRight) {
  Json object;
  for (int i = 0; i < 100; i++)
    object.set(str("key_", i), i);
  auto before = object;
  for (int i = 0; i < 100; i += 3)
    EXPECT_TRUE(object.erase(str("key_", i)));
  object.set("new", "value");
  for (int i = 0; i < 100; i++) {
    EXPECT_EQ(object.find(str("key_", i)) != nullptr, i % 3 != 0) << i;
    EXPECT_EQ(before[str("key_", i)].as_integer(), i);
  }
  EXPECT_EQ(object["new"].as_string(), "value");
}

// The same steps on a Json and on a plain list of pairs.
TEST(Json, AnObjectIsAMapInWrittenOrder) {
  Random random(7);
  Json object = Json::object();
  std::vector<std::pair<std::string, int>> model;
  for (int step = 0; step < 5000; step++) {
    auto key = str('k', random.below(120));
    auto at = std::find_if(model.begin(), model.end(), [&](auto& m) { return m.first == key; });
    auto kept =
        random.below(50) == 0 ? object : Json();  // now and then a copy that must not change
    auto kept_text = kept.dump();
    if (random.below(3) == 0) {
      EXPECT_EQ(object.erase(key), at != model.end());
      if (at != model.end()) model.erase(at);
    } else {
      object.set(key, step);
      if (at != model.end()) {
        at->second = step;
      } else {
        model.emplace_back(key, step);
      }
    }
    EXPECT_EQ(kept.dump(), kept_text);
  }
  ASSERT_EQ(object.size(), model.size());
  for (std::size_t i = 0; i < model.size(); i++) {
    EXPECT_EQ(object.as_object()[i].first, model[i].first);
    EXPECT_EQ(object.as_object()[i].second.as_integer(), model[i].second);
    EXPECT_EQ(object[model[i].first].as_integer(), model[i].second);
  }
}

TEST(Json, CopiesAreReadAndChangedFromManyThreads) {
  Json::Object members;
  for (int i = 0; i < 500; i++)
    members.emplace_back(str("key_", i), str("a long enough value ", i));
  const auto shared = Json::object(std::move(members));  // its index is not built yet
  std::vector<std::thread> threads;
  std::atomic<int> found{0};
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; i++) {
        auto copy = shared;
        if (copy.find(str("key_", i))) found++;
        if (i % 50 == 0) copy.set(str("mine_", t), i);
        EXPECT_EQ(copy.size(), 500u + (i % 50 == 0));
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(found, 2000);
  EXPECT_EQ(shared.size(), 500u);
}

TEST(Json, ABugIsSaidAloud) {
  EXPECT_DEATH(Json("text").as_integer(), "is_integer\\(\\) does not hold");
  EXPECT_DEATH(Json(1).set("a", 1), "is_object\\(\\) does not hold");
  EXPECT_DEATH(Json(1).push(1), "is_array\\(\\) does not hold");
}

TEST(Json, NamesItsTypes) {
  EXPECT_STREQ(Json::type_name(Json::Type::null), "null");
  EXPECT_STREQ(Json::type_name(Json::Type::boolean), "boolean");
  EXPECT_STREQ(Json::type_name(Json::Type::integer), "integer");
  EXPECT_STREQ(Json::type_name(Json::Type::number), "number");
  EXPECT_STREQ(Json::type_name(Json::Type::string), "string");
  EXPECT_STREQ(Json::type_name(Json::Type::array), "array");
  EXPECT_STREQ(Json::type_name(Json::Type::object), "object");
}

}  // namespace
}  // namespace pawl
