// The parser: what RFC 8259 allows, what it does not, and the text of every refusal.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/json.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl {
namespace {

std::string message(std::string_view text, Json::Limits limits = {}) {
  auto parsed = Json::parse(text, limits);
  if (parsed.ok()) return str("accepted: ", parsed->dump());
  EXPECT_EQ(parsed.error().code, Errc::usage);
  return parsed.error().message;
}

// The compact form of what was read, or the error.
std::string read(std::string_view text) {
  auto parsed = Json::parse(text);
  return parsed.ok() ? parsed->dump() : parsed.error().message;
}

TEST(JsonParse, AcceptsWhatTheStandardAllows) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"null", "null"},
      {" \t\r\n true \t\r\n ", "true"},
      {"false", "false"},
      {"[]", "[]"},
      {"[ ]", "[]"},
      {"{ }", "{}"},
      {"[[]   ]", "[[]]"},
      {"[null,1,\"1\",{}]", "[null,1,\"1\",{}]"},
      {"{\"\":0}", "{\"\":0}"},
      {"{\"a\":[],\"b\":{\"a\":1}}", "{\"a\":[],\"b\":{\"a\":1}}"},
      {"{\"\\u0061\":1,\"A\":2}", "{\"a\":1,\"A\":2}"},
      {"0", "0"},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"-1", "-1"},
      {"123e65", "1.23e+67"},
      {"0e+1", "0.0"},
      {"0e1", "0.0"},
      {"1E22", "1e+22"},
      {"1E-2", "0.01"},
      {"1e+2", "100.0"},
      {"123.456e78", "1.23456e+80"},
      {"0.1", "0.1"},
      {"-0.000000000000000000000000000000000000000000000000000000000000000000000000000001",
       "-1e-78"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808.0", "9223372036854775808.0"},
      {"1e-400", "0.0"},
      {"-0.000e5", "-0.0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"5e-324", "5e-324"},
      {"\"\"", "\"\""},
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
      {"\"\\u0000\"", "\"\\u0000\""},
      {"\"\\u001F\"", "\"\\u001f\""},
      {"\"\\u20ac\"", "\"\xe2\x82\xac\""},
      {"\"\\uD834\\uDd1e\"", "\"\xf0\x9d\x84\x9e\""},
      {"\"\\uFFFF\"", "\"\xef\xbf\xbf\""},
      {"\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""},
      {"\"\x7f\"", "\"\x7f\""},
      {"\"\xe2\x80\xa8\"", "\"\xe2\x80\xa8\""},
      {"\"a/*b*/c\"", "\"a/*b*/c\""},
      {"\"\xe6\x95\xb0\xe6\x8d\xae\"", "\"\xe6\x95\xb0\xe6\x8d\xae\""},
  };
  for (const auto& [text, expected] : kCases)
    EXPECT_EQ(read(text), expected) << text;
}

using Refusals = std::vector<std::pair<std::string_view, std::string_view>>;

void expect_refusals(const Refusals& cases) {
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(message(text), expected) << text;
}

TEST(JsonParse, RefusesBrokenStructure) {
  expect_refusals({
      {"", "line 1, column 1: found the end of the text, expected a value"},
      {"  \n ", "line 2, column 2: found the end of the text, expected a value"},
      {"[", "line 1, column 2: found the end of the text, expected a value"},
      {"[1", "line 1, column 3: found the end of the text, expected ',' or ']'"},
      {"[1,", "line 1, column 4: found the end of the text, expected a value"},
      {"[1,]", "line 1, column 4: found ']', expected a value after the comma"},
      {"[,1]", "line 1, column 2: found ',', expected a value"},
      {"[1,,2]", "line 1, column 4: found ',', expected a value"},
      {"[1 true]", "line 1, column 4: found 'true', expected ',' or ']'"},
      {"[1}", "line 1, column 3: found '}', expected ',' or ']'"},
      {"]", "line 1, column 1: found ']', expected a value"},
      {"[1]]", "line 1, column 4: found ']', expected the end of the text after the value"},
      {"{} {}", "line 1, column 4: found '{', expected the end of the text after the value"},
      {"1 2", "line 1, column 3: found '2', expected the end of the text after the value"},
      {"{", "line 1, column 2: found the end of the text, expected a key in double quotes or '}'"},
      {"{a: 1}", "line 1, column 2: found 'a', expected a key in double quotes or '}'"},
      {"{'a': 1}",
       "line 1, column 2: found a single quote, expected a key in double quotes or '}'"},
      {"{\"a\"}", "line 1, column 5: found '}', expected ':' after the key"},
      {"{\"a\" 1}", "line 1, column 6: found '1', expected ':' after the key"},
      {"{\"a\":}", "line 1, column 6: found '}', expected a value"},
      {"{\"a\":1", "line 1, column 7: found the end of the text, expected ',' or '}'"},
      {"{\"a\":1]", "line 1, column 7: found ']', expected ',' or '}'"},
      {"{\"a\":1,}",
       "line 1, column 8: found '}', expected a key in double quotes after the comma"},
      {"{\"a\":1,\n \"a\":2}",
       "line 2, column 2: found the key \"a\" a second time, expected each key once"},
      {"{\"a\":1,\"\\u0061\":2}",
       "line 1, column 8: found the key \"a\" a second time, expected each key once"},
  });
}

TEST(JsonParse, RefusesWordsAndNumbersThatJsonLacks) {
  expect_refusals({
      {"nul", "line 1, column 1: found 'nul', expected a value"},
      {"nulll", "line 1, column 5: found 'l', expected the end of the text after the value"},
      {"True", "line 1, column 1: found 'True', expected a value"},
      {"NaN", "line 1, column 1: found 'NaN', expected a value"},
      {"-Infinity", "line 1, column 2: found 'Infinity', expected a digit after '-'"},
      {"undefined_and_rather_long",
       "line 1, column 1: found 'undefined_and_rather', expected a value"},
      {"-", "line 1, column 2: found the end of the text, expected a digit after '-'"},
      {"+1", "line 1, column 1: found '+', expected a value"},
      {".5", "line 1, column 1: found '.', expected a value"},
      {"1.",
       "line 1, column 3: found the end of the text, expected a digit after the decimal point"},
      {"[1.e1]", "line 1, column 4: found 'e1', expected a digit after the decimal point"},
      {"1e", "line 1, column 3: found the end of the text, expected a digit in the exponent"},
      {"1e+", "line 1, column 4: found the end of the text, expected a digit in the exponent"},
      {"01",
       "line 1, column 1: found a number that begins with 0, expected a number without leading "
       "zeroes"},
      {"[-012]",
       "line 1, column 3: found a number that begins with 0, expected a number without "
       "leading zeroes"},
      {"0x1F", "line 1, column 2: found 'x1F', expected the end of the text after the value"},
      {"1_000", "line 1, column 2: found '_000', expected the end of the text after the value"},
      {"9223372036854775808",
       "line 1, column 1: found the integer 9223372036854775808, which 64 bits cannot hold, "
       "expected "
       "an integer from -9223372036854775808 to 9223372036854775807, or a number with a fraction "
       "or "
       "an exponent, which is read as a double"},
      {"-9223372036854775809",
       "line 1, column 1: found the integer -9223372036854775809, which 64 bits cannot hold, "
       "expected "
       "an integer from -9223372036854775808 to 9223372036854775807, or a number with a fraction "
       "or "
       "an exponent, which is read as a double"},
      {"1e400",
       "line 1, column 1: found the number 1e400, which a double cannot hold, expected a "
       "number up to about 1.8e308"},
      {"[-1.5e999]",
       "line 1, column 2: found the number -1.5e999, which a double cannot hold, "
       "expected a number up to about 1.8e308"},
  });
}

TEST(JsonParse, RefusesBrokenStrings) {
  expect_refusals({
      {"\"a", "line 1, column 3: found the end of the text inside a string, expected '\"'"},
      {"\"\\",
       "line 1, column 3: found the end of the text inside a string, expected an escape after "
       "'\\'"},
      {"\"a\nb\"",
       "line 1, column 3: found the control character 0x0a inside a string, expected its "
       "escape, such as \\n or \\u001f"},
      {"\"\\x41\"",
       "line 1, column 2: found an unknown escape, expected one of \\\" \\\\ \\/ \\b \\f "
       "\\n \\r \\t \\uXXXX"},
      {"\"\\u12\"",
       "line 1, column 2: found an unfinished \\u escape, expected four hexadecimal "
       "digits after \\u"},
      {"\"\\u12G4\"",
       "line 1, column 2: found an unfinished \\u escape, expected four hexadecimal "
       "digits after \\u"},
      {"\"\\ud800\"",
       "line 1, column 2: found half of a surrogate pair, expected \\uD800-\\uDBFF "
       "followed by \\uDC00-\\uDFFF"},
      {"\"\\ud800\\u0041\"",
       "line 1, column 2: found half of a surrogate pair, expected "
       "\\uD800-\\uDBFF followed by \\uDC00-\\uDFFF"},
      {"\"\\udc00\"",
       "line 1, column 2: found half of a surrogate pair, expected \\uD800-\\uDBFF "
       "followed by \\uDC00-\\uDFFF"},
  });
}

TEST(JsonParse, RefusesWhatIsNoText) {
  expect_refusals({
      {"\xef\xbb\xbf{}", "line 1, column 1: found a byte order mark, expected a value"},
      {"[1] // no", "line 1, column 5: found '/', expected the end of the text after the value"},
      {"[\"\xe6\x95\xb0\", \xe6\x8d\xae]",
       "line 1, column 7: found '\xe6\x8d\xae', expected a value"},
      {"\"\xff\"", "line 1, column 2: found byte 0xff, which is not UTF-8, expected UTF-8 text"},
      {"\"\xc0\xaf\"",
       "line 1, column 2: found byte 0xc0, which is not UTF-8, expected UTF-8 text"},
      {"\"\xed\xa0\x80\"",
       "line 1, column 2: found byte 0xed, which is not UTF-8, expected UTF-8 "
       "text"},
      {"[\x01]", "line 1, column 2: found the character 0x01, expected a value"},
      {"[1\f]", "line 1, column 3: found the character 0x0c, expected ',' or ']'"},
  });
}

TEST(JsonParse, ReadsANulByteAsAnErrorNotAsTheEnd) {
  EXPECT_EQ(
      message(std::string_view("[1]\0", 4)),
      "line 1, column 4: found the character 0x00, expected the end of the text after the value");
}

TEST(JsonParse, HoldsItsLimits) {
  auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(Json::parse(nested(64)).ok());
  EXPECT_EQ(message(nested(65)),
            "line 1, column 65: found nesting deeper than 64, expected a flatter value");
  EXPECT_EQ(message("[[1]]", {.max_depth = 1}),
            "line 1, column 2: found nesting deeper than 1, expected a flatter value");
  EXPECT_EQ(message("[1, 2]", {.max_bytes = 5}), "found 6 bytes of JSON, expected at most 5");
  EXPECT_TRUE(Json::parse("[1,2]", {.max_bytes = 5}).ok());
}

TEST(JsonParse, AMillionBracketsOverflowNoStack) {
  constexpr std::size_t kDepth = 1'000'000;
  auto text = std::string(kDepth, '[') + std::string(kDepth, ']');
  auto parsed = Json::parse(text, {.max_bytes = text.size(), .max_depth = kDepth});
  ASSERT_TRUE(parsed.ok());
  auto copy = *parsed;  // and the last owner takes it apart without recursion, too
}

std::string object_of(std::size_t keys) {
  std::string text = "{";
  for (std::size_t i = 0; i < keys; i++)
    text += str(i ? "," : "", "\"key_", i, "\":", i);
  return text;
}

TEST(JsonParse, RefusesDuplicatesInObjectsOfAnySize) {
  for (std::size_t keys : {1, 2, 31, 32, 33, 64, 65, 1000, 100'000}) {
    for (std::size_t twice : {std::size_t{0}, keys / 2, keys - 1}) {
      auto text = object_of(keys);
      EXPECT_TRUE(Json::parse(text + "}").ok());
      text += str(",\"key_", twice, "\":0}");
      auto error = message(text);
      EXPECT_TRUE(error.find(str("found the key \"key_", twice, "\" a second time")) !=
                  std::string::npos)
          << keys << " keys: " << error;
    }
  }
}

TEST(JsonParse, KeysThatShareLengthAndLettersAreStillTold) {
  // The same length, first, middle and last letter: what the quick check looks at.
  EXPECT_EQ(read("{\"abxcd\":1,\"ayxzd\":2}"), "{\"abxcd\":1,\"ayxzd\":2}");
  EXPECT_TRUE(message("{\"abxcd\":1,\"aYxZd\":2,\"abxcd\":3}").find("\"abxcd\" a second time") !=
              std::string::npos);
}

// Any value, nested up to `depth`.
Json random_value(Random& random, int depth) {
  auto text = [&] {
    std::string out;
    for (auto n = random.below(40); n > 0; n--) {
      constexpr std::string_view kPieces[] = {
          "a", "\"", "\\",         "\n",  "\x01", "\xc3\xa9", "\xe6\x95\xb0", "\xf0\x9f\x98\x80",
          "/", " ",  "0123456789", "\x7f"};
      out += kPieces[random.below(std::size(kPieces))];
    }
    return out;
  };
  switch (random.below(depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return random.below(2) == 0;
    case 2:
      return static_cast<std::int64_t>(random.next());
    case 3:
      return static_cast<std::int64_t>(random.below(1000)) - 500;
    case 4: {
      auto bits = random.next();
      double value;
      std::memcpy(&value, &bits, sizeof value);
      return std::isfinite(value) ? value : 0.5;
    }
    case 5:
      return text();
    case 6: {
      auto array = Json::array();
      for (auto n = random.below(10); n > 0; n--)
        array.push(random_value(random, depth - 1));
      return array;
    }
    default: {
      auto object = Json::object();
      for (auto n = random.below(random.below(20) ? 8 : 80); n > 0; n--) {
        object.set(text(), random_value(random, depth - 1));
      }
      return object;
    }
  }
}

TEST(JsonParse, ReadsBackWhateverWasPrinted) {
  Random random(41);
  for (int i = 0; i < 1000; i++) {
    auto value = random_value(random, 4);
    auto text = value.dump();
    auto compact = Json::parse(text);
    ASSERT_TRUE(compact.ok()) << text << '\n' << compact.error().message;
    EXPECT_EQ(*compact, value) << text;
    EXPECT_EQ(compact->dump(), text);
    auto pretty = Json::parse(value.pretty());
    ASSERT_TRUE(pretty.ok()) << value.pretty();
    EXPECT_EQ(pretty->dump(), text);
  }
}

TEST(JsonParse, BrokenTextNeverDoesWorseThanAnError) {
  Random random(42);
  int accepted = 0;
  for (int i = 0; i < 4000; i++) {
    auto text = random_value(random, 3).dump();
    for (auto n = 1 + random.below(3); n > 0 && !text.empty(); n--) {
      auto at = random.below(text.size());
      constexpr std::string_view kNoise = "{}[],:\"\\u0e+-.tfn \n\x80\xff";
      switch (random.below(3)) {
        case 0:
          text.erase(at, 1);
          break;
        case 1:
          text[at] = kNoise[random.below(kNoise.size())];
          break;
        default:
          text.insert(at, 1, kNoise[random.below(kNoise.size())]);
          break;
      }
    }
    auto parsed = Json::parse(text);
    if (!parsed.ok()) {
      EXPECT_TRUE(parsed.error().message.starts_with("line ")) << parsed.error().message;
      continue;
    }
    accepted++;
    auto again = Json::parse(parsed->dump());
    ASSERT_TRUE(again.ok()) << text;
    EXPECT_EQ(*again, *parsed) << text;
  }
  EXPECT_GT(accepted, 100);  // or the noise tests nothing but errors
}

}  // namespace
}  // namespace pawl
