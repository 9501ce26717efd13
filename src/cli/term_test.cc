#include "cli/term.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "base/text.h"
#include "cli/table.h"

namespace pawl::cli {
namespace {

Term describe(StreamFacts facts, std::map<std::string, std::string> variables,
              ColorChoice choice = ColorChoice::automatic) {
  return describe_term(facts, choice, [&](const char* name) -> const char* {
    auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Term, ColourIsForTerminalsThatWantIt) {
  constexpr StreamFacts kTty{.tty = true, .columns = 80}, kPipe{};
  EXPECT_TRUE(describe(kTty, {}).color);
  EXPECT_FALSE(describe(kPipe, {}).color);
  EXPECT_FALSE(describe(kTty, {{"NO_COLOR", "1"}}).color);
  EXPECT_TRUE(describe(kTty, {{"NO_COLOR", ""}}).color);  // the convention: not empty
  EXPECT_FALSE(describe(kTty, {{"TERM", "dumb"}}).color);
  EXPECT_TRUE(describe(kTty, {{"TERM", "xterm"}}).color);
  EXPECT_TRUE(describe(kPipe, {{"CLICOLOR_FORCE", "1"}}).color);
  EXPECT_FALSE(describe(kPipe, {{"CLICOLOR_FORCE", "0"}}).color);
  EXPECT_TRUE(describe(kPipe, {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}).color);
  EXPECT_TRUE(describe(kPipe, {{"NO_COLOR", "1"}}, ColorChoice::always).color);
  EXPECT_FALSE(describe(kTty, {{"CLICOLOR_FORCE", "1"}}, ColorChoice::never).color);
}

TEST(Term, WidthComesFromTheStreamThenColumns) {
  EXPECT_EQ(describe({.tty = true, .columns = 120}, {{"COLUMNS", "60"}}).width, 120);
  EXPECT_EQ(describe({.tty = true}, {{"COLUMNS", "60"}}).width, 60);
  EXPECT_EQ(describe({}, {}).width, 80);
  EXPECT_EQ(describe({}, {{"COLUMNS", "many"}}).width, 80);
  EXPECT_EQ(describe({}, {{"COLUMNS", "-4"}}).width, 80);
  EXPECT_EQ(describe({.columns = 3}, {}).width, 20);
  EXPECT_EQ(describe({}, {{"COLUMNS", "99999999999"}}).width, 80);
}

TEST(Term, Utf8ByTheFirstLocaleThatIsSet) {
  EXPECT_TRUE(describe({}, {{"LANG", "en_US.UTF-8"}}).utf8);
  EXPECT_TRUE(describe({}, {{"LC_ALL", "C.utf8"}, {"LANG", "C"}}).utf8);
  EXPECT_FALSE(describe({}, {{"LC_ALL", "C"}, {"LANG", "en_US.UTF-8"}}).utf8);
  EXPECT_TRUE(describe({}, {{"LC_ALL", ""}, {"LC_CTYPE", "zh_CN.UTF-8"}}).utf8);
  EXPECT_FALSE(describe({}, {}).utf8);
}

TEST(Term, ReadsTheColorFlag) {
  EXPECT_EQ(*parse_color_choice("auto"), ColorChoice::automatic);
  EXPECT_EQ(*parse_color_choice("always"), ColorChoice::always);
  EXPECT_EQ(*parse_color_choice("never"), ColorChoice::never);
  EXPECT_EQ(parse_color_choice("yes").error().message,
            "--color: found 'yes', expected one of auto, always, never");
}

TEST(Term, MeasuresWhatAReaderSees) {
  const std::pair<std::string_view, std::size_t> kCases[] = {
      {"", 0},        {"abc", 3},      {"数据装载", 8}, {"ｆｕｌｌ", 8}, {"한국어", 6},
      {"e\u0301", 1}, {"naïve", 5},    {"😀", 2},        {"a\u200bb", 2}, {"✓ ok", 4},
      {"ｱｲｳ", 3},     {"\xff\xff", 2}, {"\x1b[0m", 3},
  };
  for (const auto& [text, width] : kCases)
    EXPECT_EQ(display_width(text), width) << text;
}

TEST(Term, CutsBetweenCharactersOnly) {
  EXPECT_EQ(truncate("short", 5, true), "short");
  EXPECT_EQ(truncate("longer", 5, true), "long…");
  EXPECT_EQ(truncate("much longer", 8, false), "much ...");
  EXPECT_EQ(truncate("longer", 5, false), "long.");
  EXPECT_EQ(truncate("数据装载", 5, true), "数据…");
  EXPECT_EQ(truncate("数据装载", 4, true), "数…");
  EXPECT_EQ(truncate("abc", 1, true), "…");
  EXPECT_EQ(truncate("abc", 0, true), "");
  Random random(1);
  constexpr std::string_view kPieces[] = {"a", "数", "e\u0301", "😀", " ", "\xff", "ü"};
  for (int i = 0; i < 3000; i++) {
    std::string text;
    for (auto n = random.below(12); n > 0; n--)
      text += kPieces[random.below(std::size(kPieces))];
    auto width = random.below(14);
    auto cut = truncate(text, width, random.below(2));
    EXPECT_LE(display_width(cut), width) << text;
    if (cut != text) {
      EXPECT_TRUE(valid_utf8(cut)) << text;
    }
  }
}

TEST(Term, PadsAndWraps) {
  EXPECT_EQ(pad_right("数", 4), "数  ");
  EXPECT_EQ(pad_left("7", 3), "  7");
  EXPECT_EQ(pad_left("1234", 3), "1234");
  EXPECT_EQ(wrap("one two three", 9, 2), "  one two\n  three\n");
  EXPECT_EQ(wrap("averylongword x", 5, 0), "averylongword\nx\n");
  EXPECT_EQ(wrap("", 10, 0), "");
}

TEST(Term, UntrustedTextCannotDriveTheTerminal) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"plain text", "plain text"},
      {"数据 ✓", "数据 ✓"},
      {"\x1b[31mred\x1b[0m", "red"},
      {"\x1b[2J\x1b[Hgone", "gone"},
      {"a\x1b]0;title\x07"
       "b",
       "ab"},
      {"a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"},
      {"a\x1b]never ends", "anever ends"},
      {"a\x1bP1;2q\x1b\\b", "ab"},
      {"a\x1b(Bb\x1b"
       "7c",
       "abc"},
      {"end\x1b", "end"},
      {"end\x1b[", "end"},
      {"a\x1b\x1b[31mb", "ab"},
      {"\xc2\x9b"
       "31mred",
       "red"},
      {"\xc2\x85next", "?next"},
      {"over\rwrite", "over write"},
      {"dos\r\nline", "dos line"},
      {"tab\there\n", "tab here "},
      {"bell\a back\b del\x7f nul", "bell? back? del? nul"},
      {"a\u202e"
       "fdp.exe",
       "afdp.exe"},
      {"a\u2066x\u2069", "ax"},
      {"line\u2028sep", "line sep"},
      {"\xff", "\xef\xbf\xbd"},
  };
  for (const auto& [text, clean] : kCases)
    EXPECT_EQ(clean_line(text), clean);
  EXPECT_EQ(clean_text("a\n\tb\rc\r\nd\x1b[1A"), "a\n\tb\nc\nd");
  EXPECT_EQ(clean_line(std::string_view("a\0b", 3)), "a?b");
}

TEST(Term, NoiseComesOutClean) {
  Random random(2);
  constexpr std::string_view kNoise = "\x1b[]P;0m7\x07\\\x9b\xc2\x9d(B\r\n\t\x7f az\xe2\x80\xae";
  for (int i = 0; i < 5000; i++) {
    std::string text;
    for (auto n = random.below(30); n > 0; n--)
      text += kNoise[random.below(kNoise.size())];
    for (const auto& clean : {clean_line(text), clean_text(text)}) {
      EXPECT_TRUE(valid_utf8(clean));
      for (auto c : clean) {
        auto control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        EXPECT_TRUE(!control || c == '\n' || c == '\t') << static_cast<int>(c);
      }
      EXPECT_EQ(clean.find("\xc2\x9b"), std::string::npos);
      EXPECT_EQ(clean.find("\xe2\x80\xae"), std::string::npos);
      EXPECT_EQ(clean_text(clean), clean);  // nothing new appears by cleaning
    }
    EXPECT_EQ(clean_line(text).find('\n'), std::string::npos);
  }
}

TEST(Term, PaintsWhereColourIs) {
  Term term{.tty = true, .color = true, .utf8 = true};
  EXPECT_EQ(paint(term, Style::red, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(paint(term, Style::plain, "x"), "x");
  EXPECT_EQ(paint(term, Style::bold, ""), "");
  EXPECT_EQ(state_text(term, "completed"), "\x1b[32m✓ completed\x1b[0m");
  term.color = false;
  EXPECT_EQ(state_text(term, "failed"), "✗ failed");
  term.utf8 = false;
  EXPECT_EQ(state_text(term, "failed"), "x failed");
  EXPECT_EQ(state_text(term, "unheard-of"), "  unheard-of");
}

TEST(Term, EveryStateHasAMarkOfOneColumn) {
  for (const char* state :
       {"pending", "queued", "running", "waiting", "retrying", "paused", "recovering", "completed",
        "failed", "skipped", "cancelled", "pass", "warning", "fail"}) {
    auto mark = mark_of(state);
    EXPECT_NE(mark.utf8, " ") << state;
    EXPECT_EQ(display_width(mark.utf8), 1u) << state;
    EXPECT_EQ(mark.ascii.size(), 1u) << state;
  }
}

}  // namespace
}  // namespace pawl::cli
