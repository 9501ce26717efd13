// Values and codecs: what crosses the border keeps its kind, and errors say where.
#include "pawl/value.h"

#include <gtest/gtest.h>

#include "pawl/codec.h"

namespace {

using pawl::Codec;
using pawl::Value;

struct Inner {
  std::vector<int> numbers;
  std::optional<std::string> note;
  bool operator==(const Inner&) const = default;
};
struct Outer {
  std::map<std::string, Inner> parts;
  double weight = 2.5;
  bool operator==(const Outer&) const = default;
};

}  // namespace

template <>
struct pawl::Codec<Inner> : pawl::Fields<Inner> {
  static auto fields() {
    return std::tuple(field("numbers", &Inner::numbers), field("note", &Inner::note));
  }
};
template <>
struct pawl::Codec<Outer> : pawl::Fields<Outer> {
  static auto fields() {
    return std::tuple(field("parts", &Outer::parts), field("weight", &Outer::weight));
  }
};

namespace {

TEST(Value, HoldsWhatJsonHolds) {
  Value v = Value::object({{"a", 1}, {"b", Value::array({true, nullptr, 1.5, "x"})}});
  EXPECT_EQ(v.json(), R"({"a":1,"b":[true,null,1.5,"x"]})");
  EXPECT_EQ(v.get("a").as_integer(), 1);
  EXPECT_EQ(v.get("b").at(3).as_string(), "x");
  EXPECT_EQ(v.key(1), "b");
  EXPECT_EQ(v.size(), 2u);
  EXPECT_TRUE(v.has("a"));
  EXPECT_FALSE(v.has("c"));
  Value copy = v;
  copy.set("a", 2).set("c", "new");
  EXPECT_EQ(v.get("a").as_integer(), 1);
  EXPECT_EQ(copy.get("c").as_string(), "new");
  EXPECT_EQ(*Value::parse(v.json()), v);
  EXPECT_EQ(Value::parse("[1,").status().code(), pawl::Code::invalid);
}

TEST(Value, ReadsWhatIsNotThereAsTheFallback) {
  Value v = 7;
  EXPECT_EQ(v.as_string("none"), "none");
  EXPECT_EQ(v.as_bool(true), true);
  EXPECT_EQ(v.as_double(), 7.0);
  EXPECT_TRUE(v.get("x").is_null());
  EXPECT_TRUE(v.at(3).is_null());
  EXPECT_EQ(v.key(0), "");
  EXPECT_EQ(v.size(), 0u);
  v.push(1);
  EXPECT_EQ(v.json(), "[1]");
  v.set("k", 1);
  EXPECT_EQ(v.json(), R"({"k":1})");
  Value moved = std::move(v);
  EXPECT_EQ(moved.json(), R"({"k":1})");
}

TEST(Codec, StructsThereAndBack) {
  Outer outer{{{"x", {{1, 2}, "hello"}}, {"y", {}}}, 0.5};
  auto v = Codec<Outer>::encode(outer);
  EXPECT_EQ(v.json(),
            R"({"parts":{"x":{"numbers":[1,2],"note":"hello"},"y":{"numbers":[],"note":null}},)"
            R"("weight":0.5})");
  EXPECT_EQ(*Codec<Outer>::decode(v), outer);
  EXPECT_EQ(Codec<Outer>::decode(Value::object())->weight, 2.5);
}

TEST(Codec, ErrorsSayWhere) {
  auto wrong = Value::parse(R"({"parts": {"x": {"numbers": [1, "2"]}}})");
  EXPECT_EQ(Codec<Outer>::decode(*wrong).status().message(),
            "parts.x.numbers.[1]: expected an integer, found a string");
  EXPECT_EQ(Codec<std::uint8_t>::decode(300).status().message(),
            "expected an integer that fits its type, found an integer 300");
  EXPECT_FALSE(Codec<unsigned>::decode(-1).ok());
  EXPECT_FALSE(Codec<bool>::decode(1).ok());
  EXPECT_EQ(Codec<double>::decode(3).value(), 3.0);
}

TEST(Value, OfAFailureEndsTheProcess) {
  pawl::Result<int> none(pawl::Code::not_found, "no such thing", "look elsewhere");
  EXPECT_EQ(none.value_or(3), 3);
  EXPECT_DEATH(none.value(), "not_found: no such thing \\(look elsewhere\\)");
}

}  // namespace
