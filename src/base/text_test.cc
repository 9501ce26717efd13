#include "base/text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace pawl {
namespace {

TEST(Text, StrPutsPiecesInARow) {
  EXPECT_EQ(str("run ", 41, ": ", std::string("x"), '/', std::string_view("y"), ' ', 1.5, ' ', true,
                ' ', std::uint64_t{18446744073709551615u}, ' ', -1),
            "run 41: x/y 1.5 true 18446744073709551615 -1");
  EXPECT_EQ(str(), "");
}

TEST(Text, SplitsTrimsJoins) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(trim(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(lower("AbZ\xc3\x89"), "abz\xc3\x89");
}

// -- UTF-8

TEST(Text, KnowsUtf8) {
  const std::pair<std::string_view, std::size_t> kCases[] = {
      {"", std::string_view::npos},
      {"plain", std::string_view::npos},
      {"caf\xc3\xa9 \xe6\x95\xb0 \xf0\x9f\x98\x80", std::string_view::npos},
      {"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f"
       "\xbf\xbf",
       std::string_view::npos},
      {"ab\x80", 2},            // a continuation alone
      {"\xc0\x80", 0},          // overlong
      {"\xc1\xbf", 0},          //
      {"\xe0\x9f\xbf", 0},      //
      {"\xf0\x8f\xbf\xbf", 0},  //
      {"\xed\xa0\x80", 0},      // a surrogate
      {"\xf4\x90\x80\x80", 0},  // above U+10FFFF
      {"\xf5\x80\x80\x80", 0},  //
      {"\xff", 0},              //
      {"x\xc3", 1},             // cut short
      {"x\xe6\x95", 1},         //
      {"x\xf0\x9f\x98", 1},     //
      {"\xe6\x95 ", 0},         //
      {"\xc3\xc3\xa9", 0},      //
  };
  for (const auto& [text, bad] : kCases) {
    EXPECT_EQ(utf8_error(text), bad);
    EXPECT_EQ(valid_utf8(text), bad == std::string_view::npos);
    // Wherever it stands against the sixteen-byte steps.
    for (std::size_t before = 0; before < 40; before++) {
      auto moved = std::string(before, 'a') + std::string(text) + std::string(40, 'z');
      EXPECT_EQ(utf8_error(moved), bad == std::string_view::npos ? bad : before + bad);
    }
  }
}

TEST(Text, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(to_valid_utf8("ok \xe6\x95\xb0"), "ok \xe6\x95\xb0");
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b\xe6\x95"
                          "c\x80\x80"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c\xef\xbf\xbd");
  Random random(5);
  for (int i = 0; i < 3000; i++) {
    std::string noise;
    for (auto n = random.below(30); n > 0; n--)
      noise += static_cast<char>(random.next());
    EXPECT_TRUE(valid_utf8(to_valid_utf8(noise)));
  }
}

// -- Nearest names

TEST(Text, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("tarin", "train"), 1u);  // a swap counts one
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);       // no edit within a swap
  EXPECT_EQ(edit_distance("\xe6\x95\xb0\xe6\x8d\xae", "\xe6\x95\xb0"),
            1u);  // characters, not bytes
  EXPECT_EQ(edit_distance("a\xff", "a"), 1u);
}

TEST(Text, EditDistanceIsAMeasure) {
  Random random(6);
  auto word = [&] {
    std::string out;
    for (auto n = random.below(8); n > 0; n--)
      out += static_cast<char>('a' + random.below(3));
    return out;
  };
  for (int i = 0; i < 2000; i++) {
    auto a = word(), b = word();
    auto d = edit_distance(a, b);
    EXPECT_EQ(d, edit_distance(b, a));
    EXPECT_EQ(d == 0, a == b);
    EXPECT_LE(d, std::max(a.size(), b.size()));
    EXPECT_GE(d, std::max(a.size(), b.size()) - std::min(a.size(), b.size()));
  }
}

TEST(Text, NamesTheNearest) {
  const std::vector<std::string> names = {"validate", "plan",  "run",  "runs",
                                          "ls",       "clean", "Train"};
  EXPECT_EQ(nearest("vaildate", names), "validate");
  EXPECT_EQ(nearest("rnu", names), "run");
  EXPECT_EQ(nearest("run", names), "run");
  EXPECT_EQ(nearest("train", names), "Train");  // another case wins over another letter
  EXPECT_EQ(nearest("claen", names), "clean");
  EXPECT_EQ(nearest("xyz", names), "");
  EXPECT_EQ(nearest("zz", names), "");  // two letters, both wrong, are no likeness
  EXPECT_EQ(nearest("l", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest("deploy_to_prodution_now", {"deploy-to-production"}), "deploy-to-production");
  EXPECT_EQ(nearest("ab", {}), "");
}

// -- Durations

TEST(Text, ReadsDurations) {
  const std::pair<std::string_view, std::int64_t> kCases[] = {
      {"250ms", 250'000},
      {"5s", 5'000'000},
      {"10m", 600'000'000},
      {"1h30m", 5'400'000'000},
      {"2d", 172'800'000'000},
      {"1500us", 1'500},
      {"0s", 0},
      {"1d2h3m4s5ms6us", 93'784'005'006},
      {" 5s ", 5'000'000},
      {"1.5h", 5'400'000'000},
      {"0.25s", 250'000},
      {"0.0000001s", 0},
      {"0.33333333333333333333s", 333'333},
      {"9223372036854775807us", INT64_MAX},
  };
  for (const auto& [text, us] : kCases) {
    auto read = parse_duration(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().message;
    EXPECT_EQ(read->count(), us) << text;
  }
}

TEST(Text, RefusesDurationsAndSaysWhatToWrite) {
  constexpr auto kExpected = "expected a number with a unit, such as 30s, 10m or 1h30m";
  constexpr auto kTooLong = "it is longer than 292,000 years, more than Pawl can count";
  const std::pair<std::string_view, std::string> kCases[] = {
      {"", kExpected},
      {"  ", kExpected},
      {"s", kExpected},
      {".5s", kExpected},
      {"1h 30m", "the unit 'h ' is none of us ms s m h d"},
      {"10", "the number 10 needs a unit: write 10s for seconds (units: us ms s m h d)"},
      {"1h30", "the number 30 needs a unit: write 30s for seconds (units: us ms s m h d)"},
      {"1.5", "the number 1.5 needs a unit: write 1.5s for seconds (units: us ms s m h d)"},
      {"5.s", "the unit '.s' is none of us ms s m h d"},
      {"-5s", "it cannot be negative"},
      {"5x", "the unit 'x' is none of us ms s m h d"},
      {"5S", "the unit 'S' is none of us ms s m h d"},
      {"5min", "the unit 'min' is none of us ms s m h d"},
      {"30m1h", "larger units come first and each once, as in 1h30m"},
      {"1s1s", "larger units come first and each once, as in 1h30m"},
      {"106751992d", kTooLong},
      {"9223372036854775808us", kTooLong},
      {"99999999999999999999999s", kTooLong},
      {"9223372036854775807us1us", "larger units come first and each once, as in 1h30m"},
      {"5\xff", "the unit '\xef\xbf\xbd' is none of us ms s m h d"},
  };
  for (const auto& [text, why] : kCases) {
    auto read = parse_duration(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, Errc::usage);
    EXPECT_EQ(read.error().message,
              str('\'', to_valid_utf8(trim(text)), "' is not a duration: ", why));
  }
  EXPECT_EQ(parse_duration(std::string(100, 'x')).error().message,
            str('\'', std::string(60, 'x'), "...' is not a duration: ", kExpected));
}

TEST(Text, PrintsDurationsExactly) {
  const std::pair<std::int64_t, std::string_view> kCases[] = {
      {0, "0s"},
      {250'000, "250ms"},
      {1'500, "1500us"},
      {1'001'500, "1s1500us"},
      {5'400'000'000, "1h30m"},
      {172'800'000'000, "2d"},
      {90'250'000, "1m30s250ms"},
      {-5'000'000, "-5s"},
      {3'600'000'001, "1h1us"},
  };
  for (const auto& [us, text] : kCases)
    EXPECT_EQ(print_duration(Duration{us}), text);
  EXPECT_EQ(print_duration(Duration::min()), "-106751991d4h54s775808us");
  Random random(8);
  for (int i = 0; i < 5000; i++) {
    Duration d{static_cast<std::int64_t>(random.next() >> (1 + random.below(63)))};
    auto back = parse_duration(print_duration(d));
    ASSERT_TRUE(back.ok()) << print_duration(d);
    EXPECT_EQ(*back, d);
  }
  EXPECT_EQ(*parse_duration(print_duration(Duration::max())), Duration::max());
}

TEST(Text, FormatsDurationsForPeople) {
  const std::pair<std::int64_t, std::string_view> kCases[] = {
      {0, "0s"},
      {999, "999us"},
      {250'999, "250ms"},
      {12'390'000, "12.3s"},
      {59'999'999, "59.9s"},
      {60'000'000, "1m00s"},
      {250'000'000, "4m10s"},
      {7'500'000'000, "2h05m"},
      {270'000'000'000, "3d03h"},
      {-12'390'000, "-12.3s"},
  };
  for (const auto& [us, text] : kCases)
    EXPECT_EQ(format_duration(Duration{us}), text);
  EXPECT_EQ(format_duration(Duration::min()), "-106751991d04h");
}

// -- Sizes

TEST(Text, ReadsSizes) {
  const std::pair<std::string_view, std::uint64_t> kCases[] = {
      {"10MB", 10'000'000},
      {"100MiB", 104'857'600},
      {"0B", 0},
      {"1kB", 1'000},
      {"1KB", 1'000},
      {"1KiB", 1'024},
      {"1.5GB", 1'500'000'000},
      {"2 TB", 2'000'000'000'000},
      {"16383PiB", 16383ull << 50},
      {"18446744073709551615B", UINT64_MAX},
  };
  for (const auto& [text, bytes] : kCases) {
    auto read = parse_size(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().message;
    EXPECT_EQ(*read, bytes) << text;
  }
}

TEST(Text, RefusesSizesAndSaysWhatToWrite) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"", "expected a number with a unit, such as 10MB or 100MiB"},
      {"MB", "expected a number with a unit, such as 10MB or 100MiB"},
      {"-1MB", "expected a number with a unit, such as 10MB or 100MiB"},
      {"10", "it needs a unit: write 10MB (a million bytes), 10MiB (2^20) or 10B"},
      {"10mb", "the unit 'mb' is not known: did you mean 10MB?"},
      {"10Mib", "the unit 'Mib' is not known: did you mean 10MiB?"},
      {"10G", "the unit 'G' is not known: did you mean 10GB?"},
      {"10 bits", "the unit 'bits' is none of B kB MB GB TB PB KiB MiB GiB TiB PiB"},
      {"16384PiB", "it is more than 64 bits can hold"},
      {"99999999999999999999B", "it is more than 64 bits can hold"},
      {"1MB5", "the unit 'MB5' is none of B kB MB GB TB PB KiB MiB GiB TiB PiB"},
  };
  for (const auto& [text, why] : kCases) {
    auto read = parse_size(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().message, str('\'', text, "' is not a size: ", why));
  }
}

TEST(Text, FormatsSizesForPeople) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(999), "999B");
  EXPECT_EQ(format_size(1'000), "1.0kB");
  EXPECT_EQ(format_size(999'999), "999.9kB");
  EXPECT_EQ(format_size(1'500'000'000), "1.5GB");
  EXPECT_EQ(format_size(UINT64_MAX), "18.4EB");
}

// -- Times

TEST(Text, PrintsTimes) {
  EXPECT_EQ(format_time(kNoTime), "");
  EXPECT_EQ(format_time(Time{Duration{1'769'860'800'123'999}}), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(format_time(Time{Duration{-1}}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(Time{Duration{951'782'400'000'000}}), "2000-02-29T00:00:00.000Z");
  // Four digits for the year is all RFC 3339 has.
  EXPECT_EQ(format_time(kNever), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(Time::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Text, ReadsTimes) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"},
      {"2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"},
      {"2026-01-31 12:00:00.5Z", "2026-01-31T12:00:00.500Z"},
      {"2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123Z"},
      {"2026-01-31T12:00:00+08:00", "2026-01-31T04:00:00.000Z"},
      {"2026-01-31T20:30:00-05:30", "2026-02-01T02:00:00.000Z"},
      {"2024-02-29T23:59:60Z", "2024-03-01T00:00:00.000Z"},  // a leap second is the next one
      {" 2026-01-31T12:00:00-00:00 ", "2026-01-31T12:00:00.000Z"},
  };
  for (const auto& [text, expected] : kCases) {
    auto read = parse_time(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().message;
    EXPECT_EQ(format_time(*read), expected) << text;
  }
  Random random(9);
  for (int i = 0; i < 2000; i++) {
    Time t{Duration{static_cast<std::int64_t>(1 + random.below(253'402'300'799'000)) * 1'000}};
    EXPECT_EQ(*parse_time(format_time(t)), t);
  }
}

TEST(Text, RefusesTimes) {
  constexpr std::string_view kExpected = "expected RFC 3339, such as 2026-01-31T12:00:00Z";
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"", kExpected},
      {"yesterday", kExpected},
      {"2026-01-31", kExpected},
      {"2026-1-31T12:00:00Z", kExpected},
      {"2026-01-31T12:00Z", kExpected},
      {"2026-01-31T12:00:00.Z", kExpected},
      {"2026-01-31T12:00:00Zx", kExpected},
      {"2026-01-31T12:00:00+0800", kExpected},
      {"2026-01-31T12:00:00+24:00", kExpected},
      {"2026-01-31T12:00:00", "the time zone is missing: add Z for UTC, or +08:00"},
      {"2026-02-29T12:00:00Z", "there is no such day"},
      {"2026-13-01T12:00:00Z", "there is no such day"},
      {"2026-01-31T24:00:00Z", "there is no such time of day"},
      {"2026-01-31T12:00:61Z", "there is no such time of day"},
  };
  for (const auto& [text, why] : kCases) {
    auto read = parse_time(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().message, str('\'', text, "' is not a time: ", why));
  }
}

}  // namespace
}  // namespace pawl
