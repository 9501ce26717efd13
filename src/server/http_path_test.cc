#include "server/http_path.h"

#include <gtest/gtest.h>

namespace pawl::server {
namespace {

TEST(HttpPath, QueriesAreDecodedOnce) {
  QueryItems items;
  const char* why = nullptr;
  ASSERT_TRUE(decode_query("a=1&b=x+y%2Bz&&c&=d&a=%2541", items, why));
  EXPECT_EQ(items, (QueryItems{{"a", "1"}, {"b", "x y+z"}, {"c", ""}, {"", "d"}, {"a", "%41"}}));
  EXPECT_TRUE(decode_query("", items, why));
  EXPECT_TRUE(items.empty());
}

TEST(HttpPath, QueriesThatCannotBeTextAreRefused) {
  using std::string_view_literals::operator""sv;
  QueryItems items;
  for (auto query : {"a=%00"sv, "a=\0"sv, "%zz=1"sv, "a=%f"sv, "a=%ff"sv, "\xc3=1"sv}) {
    const char* why = nullptr;
    EXPECT_FALSE(decode_query(query, items, why)) << query;
    EXPECT_NE(why, nullptr);
  }
  std::string many;
  for (int i = 0; i < 101; ++i)
    many += "a=1&";
  const char* why = nullptr;
  EXPECT_FALSE(decode_query(many, items, why));
}

TEST(HttpPath, WhatIsEscapedReadsBack) {
  const std::string text = "clean[0] \"+%&=?#\xc3\xa4";
  std::vector<std::string> segments;
  const char* why = nullptr;
  ASSERT_TRUE(decode_path("/" + percent_encode(text), segments, why));
  EXPECT_EQ(segments, std::vector<std::string>{text});
}

}  // namespace
}  // namespace pawl::server
