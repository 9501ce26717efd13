#include "core/doc.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl::core {
namespace {

std::string read(std::string_view text) {
  Doc d = Doc::read(text);
  if (!d.problems().empty()) {
    const DocProblem& p = d.problems()[0];
    return str(p.line, ":", p.column, " ", p.code);
  }
  return d.root().to_json().dump();
}

TEST(DocYaml, FollowsTheCoreSchema) {
  struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"[yes, no, on, off, y, n]", R"(["yes","no","on","off","y","n"])"},
      {"[true, True, TRUE, false, tRue]", R"([true,true,true,false,"tRue"])"},
      {"[null, Null, NULL, ~, nUll]", R"([null,null,null,null,"nUll"])"},
      {"[012, 0o14, 0xfF, -7, +3, 0o8, 0x, 1_000]", R"([12,12,255,-7,3,"0o8","0x","1_000"])"},
      {"[1.5, .5, 5., 1e3, -1.5E-2, 1.2.3, ., -, 1e]",
       R"([1.5,0.5,5.0,1000.0,-0.015,"1.2.3",".","-","1e"])"},
      {"[12:30, 2026-01-31, 1h, 3x]", R"(["12:30","2026-01-31","1h","3x"])"},
      {"['1', \"true\", '']", R"(["1","true",""])"},
      {"a:\nb: ''", R"({"a":null,"b":""})"},
      {"a: |\n  x\n  y\nb: >\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}"},
      {"a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]",
       R"({"a":{"k":[1,2]},"b":{"k":[1,2]},"c":[{"k":[1,2]},{"k":[1,2]}]})"},
      {"- -9223372036854775808\n- 9223372036854775807",
       "[-9223372036854775808,9223372036854775807]"},
      {"\"\\u00e4\\n\\x41\"", "\"ä\\nA\""},
  };
  for (const auto& c : cases)
    EXPECT_EQ(read(c.text), c.expected) << c.text;
}

TEST(DocYaml, RefusesWithThePlace) {
  struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"a: !t x", "1:4 tag"},
      {"a: 1\n---\nb: 2", "2:1 several_documents"},
      {"a: 1\nb: 2\na: 3", "3:1 duplicate_key"},
      {"a: 1\n1: 2", "2:1 key_not_string"},
      {"? [a]\n: 1", "1:3 key_not_string"},
      {"<<: {a: 1}", "1:1 merge_key"},
      {"a: *b", "1:4 unknown_alias"},
      {"a: &a [*a]", "1:8 alias_cycle"},
      {"a: 9223372036854775808", "1:4 number_range"},
      {"a: .nan", "1:4 number_range"},
      {"a:\n\tb: 1", "2:1 tab"},
      {"a: [1", "2:1 syntax"},
      {"", "1:1 syntax"},
      {"a: \"\\0\"", "1:4 bad_text"},
      {"a: b\x01", "1:5 bad_text"},
      {"ä: \xff", "1:4 bad_text"},
      {"a: \xed\xa0\x80", "1:4 bad_text"},
      {"a: \xc0\x80", "1:4 bad_text"},
  };
  for (const auto& c : cases) {
    std::string text = c.text;
    if (c.expected == std::string("2:1 syntax")) text += "\n";
    EXPECT_EQ(read(text), c.expected) << c.text;
  }
  EXPECT_EQ(read(std::string_view("a: b\0c", 6)), "1:5 bad_text");
}

TEST(DocJson, IsStrict) {
  struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {R"({"a": [1, -2.5e3, true, null, "x\n\u00e4\ud83d\ude00\/"], "b": {}})",
       "{\"a\":[1,-2500.0,true,null,\"x\\nä😀/\"],\"b\":{}}"},
      {"{\"a\": 1,}", "1:9 syntax"},
      {"{\"a\": 01}", "1:7 syntax"},
      {"{\"a\": .5}", "1:7 syntax"},
      {"{\"a\": 1.}", "1:9 syntax"},
      {"{\"a\": +1}", "1:7 syntax"},
      {"{\"a\": nul}", "1:7 syntax"},
      {"{\"a\" 1}", "1:6 syntax"},
      {"{\"a\": \"x\ty\"}", "1:9 syntax"},
      {"{\"a\": \"\\x\"}", "1:9 syntax"},
      {"{\"a\": \"\\ud800x\"}", "1:8 syntax"},
      {"{\"a\": \"\\u0000\"}", "1:8 bad_text"},
      {"{\"a\": 1}\n\n x", "3:2 syntax"},
      {"{\"ä\": 1, x}", "1:10 syntax"},
      {"{\"a\": 99999999999999999999}", "1:7 number_range"},
      {"{\"a\": 1e999}", "1:7 number_range"},
      {"{\"a\": 1, \"a\": 2}", "1:10 duplicate_key"},
      {"{", "1:2 syntax"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(read(c.text), c.expected) << c.text;
}

TEST(Doc, ByteOrderMarksAndLineEndsOfWindows) {
  EXPECT_EQ(read("\xEF\xBB\xBF{\"a\": 1}"), "{\"a\":1}");
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a: 1\r\nb: [x,\r\n  y]\r\n"),
            R"({"a":1,"b":["x","y"]})");
  EXPECT_EQ(read("\xFF\xFE"
                 "a"),
            "1:1 bad_text");
}

TEST(Doc, KnowsWhereEverythingStands) {
  Doc d = Doc::read("a:\n  b/c: [1, {d: x}]\n  e: &k {f: 2}\ng: *k\n");
  DocRef x = d.root().locate("/a/b~1c/1/d");
  EXPECT_EQ(x.text(), "x");
  EXPECT_EQ(x.line(), 2u);
  EXPECT_EQ(x.node().column, 16u);
  EXPECT_EQ(d.pointer(x.index()), "/a/b~1c/1/d");
  DocRef copy = d.root().locate("/g/f");
  EXPECT_EQ(copy.line(), 3u);  // an alias stands where its anchor does
  EXPECT_EQ(d.pointer(copy.index()), "/g/f");
  EXPECT_EQ(d.root().locate("/a/nope/deeper").index(), d.root().find("a").index());
  Doc j = Doc::read("{\"ä\": \"ö\", \"k\":\n  [true]}");
  EXPECT_EQ(j.root().find("k").line(), 2u);
  EXPECT_EQ(j.root().find("k").node().column, 3u);
  EXPECT_EQ(j.root().find("ä").node().column, 7u);
}

double seconds_to_read(const std::string& text, std::string* outcome = nullptr) {
  auto start = system_clock().mono();
  Doc d = Doc::read(text);
  if (outcome != nullptr) *outcome = d.problems().empty() ? "" : d.problems()[0].code;
  return std::chrono::duration<double>(system_clock().mono() - start).count();
}

// Bounds are ten times what an instrumented build takes.
TEST(Doc, BombsCostTheirOwnSize) {
  std::string code, bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    bomb += str("a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k)
      bomb += str(k == 0 ? "" : ", ", "*a", i - 1);
    bomb += "]\n";
  }
  EXPECT_LT(seconds_to_read(bomb, &code), 5);
  EXPECT_EQ(code, "alias_budget");
  std::string ladder = "a0: &a0 [x]\n";
  for (int i = 1; i < 300; ++i)
    ladder += str("a", i, ": &a", i, " [*a", i - 1, "]\n");
  EXPECT_LT(seconds_to_read(ladder, &code), 5);
  EXPECT_EQ(code, "too_deep");
  for (std::string open : {"[", "{a: ", "- ", "? "}) {
    std::string deep;
    while (deep.size() < 1'000'000)
      deep += open;
    EXPECT_LT(seconds_to_read(deep, &code), 20) << open;
    EXPECT_NE(code, "") << open;
  }
  std::string nested = "{\"a\":";
  for (int i = 0; i < 100'000; ++i)
    nested += "[";
  EXPECT_LT(seconds_to_read(nested, &code), 5);
  EXPECT_EQ(code, "too_deep");
}

TEST(Doc, ManyKeysAndLongLines) {
  std::string keys = "{", yaml;
  for (int i = 0; i < 300'000; ++i)
    keys += str(i == 0 ? "" : ",", "\"k", i, "\":1");
  EXPECT_LT(seconds_to_read(keys + "}"), 10);
  std::string code;
  EXPECT_LT(seconds_to_read(keys + ",\"k7\":2}", &code), 10);
  EXPECT_EQ(code, "duplicate_key");
  std::string same = "{";
  for (int i = 0; i < 200'000; ++i)
    same += "\"k\":1,";
  Doc d = Doc::read(same + "\"z\":1}");
  EXPECT_EQ(d.problems().size() + d.problems_left_out(), 199'999u);
  EXPECT_LE(d.problems().size(), 1000u);
  for (int i = 0; i < 100'000; ++i)
    yaml += str("k", i, ": 1\n");
  EXPECT_LT(seconds_to_read(yaml), 20);
  EXPECT_LT(seconds_to_read("a: " + std::string(5'000'000, 'x')), 20);
  EXPECT_LT(seconds_to_read("a: \"" + std::string(5'000'000, 'x') + "\""), 20);
}

// -- Random documents say the same in both notations.

Json random_value(Random& r, int depth) {
  switch (r.below(depth > 3 ? 5 : 7)) {
    case 0:
      return Json();
    case 1:
      return Json(r.below(2) == 0);
    case 2:
      return Json(static_cast<std::int64_t>(r.next()));
    case 3:
      return Json(static_cast<double>(static_cast<std::int64_t>(r.next())) / 1024);
    case 4: {
      static const char* kTexts[] = {
          "",   "yes",  "no",  "012",  "1e3",  "a: b",  "# x",      "- x",          "'",  "\"",
          "\\", "\n",   " x ", "ä漢😀", "null", "~",     "{{",       "${{ x }}",     "@a", "`",
          "\t", "1.10", "<<",  "true", "0x1F", "\x7f?", "\xc2\x85", "\xe2\x80\xa8", "?"};
      std::string s;
      for (auto n = r.below(3) + 1; n > 0; --n)
        s += kTexts[r.below(std::size(kTexts) - 4)];
      return Json(std::move(s));
    }
    case 5: {
      Json list = Json::array();
      for (auto n = r.below(4); n > 0; --n)
        list.push(random_value(r, depth + 1));
      return list;
    }
    default: {
      Json map = Json::object();
      for (auto n = r.below(4); n > 0; --n)
        map.set(str("k", r.below(100), r.below(3) == 0 ? ": " : ""), random_value(r, depth + 1));
      return map;
    }
  }
}

// Block style, every string in double quotes (a JSON string is a YAML one) or, where it is safe,
// plain.
void print_yaml(const Json& v, int indent, std::string& out) {
  std::string margin(static_cast<std::size_t>(indent), ' ');
  if (v.is_array() && v.size() > 0) {
    for (const Json& e : v.as_array()) {
      out += str("\n", margin, "- ");
      print_yaml(e, indent + 2, out);
    }
  } else if (v.is_object() && v.size() > 0) {
    for (const auto& [k, e] : v.as_object()) {
      out += str("\n", margin, Json(k).dump(), ": ");
      print_yaml(e, indent + 2, out);
    }
  } else {
    out += v.dump();
  }
}

TEST(Doc, RandomDocumentsReadTheSameFromYamlAndJson) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Random r(seed);
    Json value = Json::object();
    for (int i = 0; i < 4; ++i)
      value.set(str("r", i), random_value(r, 0));
    std::string json = value.dump(), yaml;
    print_yaml(value, 0, yaml);
    Doc a = Doc::read_json(json), b = Doc::read_yaml(yaml), flow = Doc::read_yaml(json);
    ASSERT_TRUE(a.problems().empty()) << seed << json << a.problems()[0].message;
    ASSERT_TRUE(b.problems().empty()) << seed << yaml << b.problems()[0].message;
    ASSERT_TRUE(flow.problems().empty()) << seed << json << flow.problems()[0].message;
    EXPECT_EQ(a.root().to_json(), value) << seed;
    EXPECT_EQ(b.root().to_json(), value) << seed << yaml;
    EXPECT_EQ(flow.root().to_json(), value) << seed;
  }
}

TEST(Doc, TornAndFlippedTextNeverHurts) {
  const std::string good =
      "pawl: 1\nname: x\ntasks:\n  a: &a {run: \"x\\u00e4\", env: {A: 'b'}}\n  b: [*a, |\n"
      "  text\n]\n  c: {needs: [a], if: ${{ x }}}\n";
  const std::string json =
      R"({"pawl": 1, "tasks": {"a": {"run": "x\ud83d\ude00", "n": [1.5e3, true]}}})";
  Random r(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? good : json;
    for (auto n = r.below(4); n > 0; --n)
      text[r.below(text.size())] = static_cast<char>(r.below(256));
    text.resize(r.below(text.size() + 1));
    Doc d = Doc::read(text);
    if (!d.broken())
      (void)d.root().to_json();
    else
      EXPECT_FALSE(d.problems().empty());
  }
}

}  // namespace
}  // namespace pawl::core
