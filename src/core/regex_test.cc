#include "core/regex.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace pawl::core {
namespace {

bool hit(std::string_view pattern, std::string_view text) {
  auto r = Regex::compile(pattern);
  EXPECT_TRUE(r.ok()) << pattern << ": " << (r.ok() ? "" : r.error().message);
  if (!r.ok()) return false;
  auto found = r->search(text);
  EXPECT_TRUE(found.ok());
  return found.ok() && *found;
}

TEST(Regex, Matches) {
  struct {
    const char* pattern;
    const char* yes;
    const char* no;
  } cases[] = {
      {R"(^\d{4}-\d{2}-\d{2}$)", "2026-01-31", "2026-1-31"},
      {"b", "abc", "ac"},
      {"^abc$", "abc", "xabc"},
      {"a|b|", "zzz", nullptr},
      {"^(cat|dog)s?$", "dogs", "dogss"},
      {"^a*b+c?$", "aabb", "aac"},
      {"^[a-c_-]+$", "a_-c", "d"},
      {"^[^0-9]$", "x", "5"},
      {"^[]a]+$", "]a", "b"},
      {R"(^[\w.]+@[\w.]+$)", "me@x.org", "me x"},
      {R"(\bcat\b)", "a cat!", "concat"},
      {R"(\Bcat)", "concat", "cat"},
      {"^.$", "漢", "ab"},
      {"^[ä-ü]$", "ö", "a"},
      {R"(^\x41\u00e4$)", "Aä", "Aa"},
      {"^(a{2}){2,3}$", "aaaaaa", "aaaaa"},
      {"^a{0}$", "", "a"},
      {"^a{2,}$", "aaa", "a"},
      {"^(?:ab)+?$", "abab", "aba"},
      {"^(a*)*$", "aaa", "b"},
      {"^(|a)+$", "aa", "b"},
      {R"(^\s\S\D\W$)", " x-!", "xxxx"},
      {R"(^\$\.\{$)", "$.{", "x"},
      {"", "", nullptr},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(hit(c.pattern, c.yes)) << c.pattern;
    if (c.no != nullptr) {
      EXPECT_FALSE(hit(c.pattern, c.no)) << c.pattern;
    }
  }
}

TEST(Regex, RefusesWhatItCannotDo) {
  for (const char* p :
       {"(a", "a)", "[a", "*a", "a**", "a{2", "a{x}", "a{3,2}", "a{1001}", "(?=a)", "(?<n>a)",
        "\\1", "\\", "\\q", "[z-a]", "[\\d-z]", "\\x4", "((a{1000}){1000})"}) {
    EXPECT_FALSE(Regex::compile(p).ok()) << p;
  }
  EXPECT_FALSE(Regex::compile(std::string(5000, 'a')).ok());
  EXPECT_FALSE(Regex::compile(std::string(2000, '(') + std::string(2000, ')')).ok());
  EXPECT_EQ(Regex::compile("ab(c").error().message,
            "column 5 of the pattern: a `(` without its `)`");
}

TEST(Regex, NoPatternHangs) {
  auto start = system_clock().mono();
  std::string text(20'000, 'a');
  EXPECT_FALSE(hit("^(a+)+b$", text));
  EXPECT_FALSE(hit("^(a|aa)+$", text + "!"));
  EXPECT_FALSE(hit("(x+x+)+y", std::string(20'000, 'x')));
  auto r = Regex::compile("^(a?){500}a{500}$");
  ASSERT_TRUE(r.ok());
  std::uint64_t steps = 100'000;
  auto out = r->search(text, steps);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().code, Errc::too_large);
  EXPECT_EQ(steps, 0u);
  EXPECT_LT(system_clock().mono() - start, std::chrono::seconds(5));
}

TEST(Regex, ReadsBytesThatAreNotUtf8) {
  EXPECT_TRUE(hit("^..$", "\xff\xfe"));
  EXPECT_FALSE(hit("^.$", "\xe6\xbc"));
}

}  // namespace
}  // namespace pawl::core
