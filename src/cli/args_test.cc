#include "cli/args.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace pawl::cli {
namespace {

const CommandTable& table() {
  static const CommandTable made{
      .program = "tool",
      .summary = "a tool",
      .examples = {},
      .commands = {{.name = "copy",
                    .summary = "copy files",
                    .group = "Files",
                    .args = {{.name = "FROM"}, {.name = "TO", .many = true}},
                    .flags = {{.name = "force", .letter = 'f'},
                              {.name = "label",
                               .letter = 'l',
                               .kind = FlagKind::pair,
                               .value = "K=V",
                               .repeat = true},
                              {.name = "count",
                               .letter = 'n',
                               .kind = FlagKind::integer,
                               .value = "N",
                               .fallback = "3"},
                              {.name = "mode",
                               .kind = FlagKind::choice,
                               .value = "MODE",
                               .choices = "fast|safe"}}},
                   {.name = "pick",
                    .summary = "pick one",
                    .group = "Files",
                    .args = {{.name = "KIND", .complete = Complete::choice, .choices = "red|green"},
                             {.name = "NOTE", .optional = true}},
                    .flags = {{.name = "from",
                               .kind = FlagKind::text,
                               .value = "PLACE",
                               .required = true}}},
                   {.name = "status", .summary = "show it", .group = "Files"}},
      .flags = {{.name = "quiet", .letter = 'q'},
                {.name = "timeout", .kind = FlagKind::duration, .value = "DURATION"}},
      .topics = {},
  };
  return made;
}

Result<Invocation> parse(std::string_view line) {
  std::vector<std::string> words;
  for (auto word : split(line, ' ')) {
    if (!word.empty()) words.emplace_back(word == "''" ? "" : word);
  }
  return parse_args(table(), words);
}

Invocation parsed(std::string_view line) {
  auto result = parse(line);
  EXPECT_TRUE(result.ok()) << line << ": " << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : Invocation();
}

std::string error(std::string_view line) {
  auto result = parse(line);
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.error().code, Errc::usage);
  return result.error().message;
}

TEST(Args, FlagsAndArgumentsMix) {
  for (const char* line : {"copy a b -f -n 5 --label x=1", "--quiet copy -f a --count=5 -lx=1 b -q",
                           "copy -qf a -n5 b --label=x=1", "copy -fn5 a -l=x=1 b --quiet"}) {
    auto got = parsed(line);
    ASSERT_TRUE(got.command) << line;
    EXPECT_EQ(got.command->name, "copy");
    EXPECT_EQ(got.args(), (std::vector<std::string>{"a", "b"})) << line;
    EXPECT_TRUE(got.on("force")) << line;
    EXPECT_EQ(got.integer("count"), 5) << line;
    EXPECT_EQ(got.pairs("label"), (std::vector<std::pair<std::string, std::string>>{{"x", "1"}}));
  }
}

TEST(Args, WhatIsAbsentHasItsFallback) {
  auto got = parsed("copy a b");
  EXPECT_FALSE(got.on("force"));
  EXPECT_FALSE(got.given("count"));
  EXPECT_EQ(got.integer("count"), 3);
  EXPECT_EQ(got.text("mode"), std::nullopt);
  EXPECT_EQ(got.duration("timeout"), std::nullopt);
  EXPECT_TRUE(got.pairs("label").empty());
}

TEST(Args, TheLastOneHoldsAndRepeatedOnesAddUp) {
  auto got =
      parsed("copy a b --mode fast --mode safe -l x=1 -l y= -l x=a=b --timeout 1h --timeout 5s");
  EXPECT_EQ(got.text("mode"), "safe");
  EXPECT_EQ(got.duration("timeout"), std::chrono::seconds(5));
  EXPECT_EQ(got.pairs("label"), (std::vector<std::pair<std::string, std::string>>{
                                    {"x", "1"}, {"y", ""}, {"x", "a=b"}}));
  EXPECT_EQ(got.all("mode"), (std::vector<std::string>{"fast", "safe"}));
}

TEST(Args, DashesEndFlagsAndOneIsAnArgument) {
  EXPECT_EQ(parsed("copy -f - -- -x --force").args(),
            (std::vector<std::string>{"-", "-x", "--force"}));
  EXPECT_EQ(parsed("copy a '' b").args(), (std::vector<std::string>{"a", "", "b"}));
  // A flag takes the next word as its value, whatever it looks like.
  EXPECT_EQ(parsed("pick red --from --x").text("from"), "--x");
  EXPECT_EQ(parsed("pick red --from=").text("from"), "");
}

TEST(Args, ArgumentsHaveNames) {
  auto got = parsed("pick red --from here");
  EXPECT_EQ(got.arg("KIND"), "red");
  EXPECT_EQ(got.arg("NOTE"), std::nullopt);
  EXPECT_EQ(parsed("pick red why --from here").arg("NOTE"), "why");
  EXPECT_EQ(parsed("copy a b c d").args().size(), 4u);
}

TEST(Args, HelpAndVersionCountWhateverElseStandsThere) {
  using Want = Invocation::Want;
  EXPECT_EQ(parsed("").want, Want::short_help);
  EXPECT_EQ(parsed("-h").want, Want::short_help);
  EXPECT_EQ(parsed("--help").want, Want::full_help);
  EXPECT_EQ(parsed("--version").want, Want::version);
  EXPECT_EQ(parsed("-V").want, Want::version);
  EXPECT_EQ(parsed("-q").want, Want::short_help);
  auto got = parsed("copy -h");  // FROM is missing, and that is not the question
  EXPECT_EQ(got.want, Want::short_help);
  EXPECT_EQ(got.command->name, "copy");
  EXPECT_EQ(parsed("copy a --help").want, Want::full_help);
}

TEST(Args, RefusalsSayWhatToWrite) {
  const std::pair<const char*, const char*> kCases[] = {
      {"cpoy a b", "there is no command 'cpoy'\n  did you mean: tool copy?\n  help: tool -h"},
      {"stat", "there is no command 'stat'\n  did you mean: tool status?\n  help: tool -h"},
      {"zzz", "there is no command 'zzz'\n  help: tool -h"},
      {"copy", "tool copy needs FROM\n  usage: tool copy FROM TO... [flags]\n  help: tool copy -h"},
      {"copy a", "tool copy needs TO\n  usage: tool copy FROM TO... [flags]\n  help: tool copy -h"},
      {"status a",
       "tool status takes no argument: found 'a'\n  usage: tool status\n"
       "  help: tool status -h"},
      {"pick red a b --from x",
       "tool pick takes no more than 2 arguments: found 'b'\n  usage: tool pick KIND [NOTE] --from "
       "PLACE [flags]\n  help: tool pick -h"},
      {"pick red", "tool pick needs --from PLACE\n  help: tool pick -h"},
      {"pick gren --from x",
       "tool pick KIND: found 'gren', expected one of red, green\n"
       "  did you mean: green?\n  help: tool pick -h"},
      {"copy a b --forec",
       "tool copy has no flag '--forec'\n  did you mean: --force?\n"
       "  help: tool copy -h"},
      {"copy a b --lab x=1",
       "tool copy has no flag '--lab'\n  did you mean: --label?\n"
       "  help: tool copy -h"},
      {"copy a b --xyzzy", "tool copy has no flag '--xyzzy'\n  help: tool copy -h"},
      {"copy a b -x", "tool copy has no flag '-x'\n  help: tool copy -h"},
      {"copy a -5",
       "tool copy has no flag '-5'\n  a value that begins with '-' goes behind '--', or "
       "as --flag=-1\n  help: tool copy -h"},
      {"--force copy a b",
       "tool has no flag '--force'\n  a command's flags come after it: tool "
       "COMMAND --force\n  help: tool -h"},
      {"-f copy a b",
       "tool has no flag '-f'\n  a command's flags come after it: tool COMMAND "
       "--force\n  help: tool -h"},
      {"copy a b --force=yes", "--force takes no value, but got 'yes'\n  help: tool copy -h"},
      {"copy a b --count", "--count needs a value: --count N\n  help: tool copy -h"},
      {"copy a b -n", "-n needs a value: -n N\n  help: tool copy -h"},
      {"copy a b -n x",
       "--count: found 'x', expected a whole number from 0 on\n"
       "  help: tool copy -h"},
      {"copy a b -n 1.5",
       "--count: found '1.5', expected a whole number from 0 on\n"
       "  help: tool copy -h"},
      {"copy a b -n 99999999999999999999",
       "--count: found '99999999999999999999', expected a whole number from 0 on\n"
       "  help: tool copy -h"},
      {"copy a b -l x",
       "--label: found 'x', expected K=V, a name and a value with '=' between them\n"
       "  help: tool copy -h"},
      {"copy a b --label =x",
       "--label: found '=x', expected K=V, a name and a value with '=' between "
       "them\n  help: tool copy -h"},
      {"copy a b --mode slow",
       "--mode: found 'slow', expected one of fast, safe\n"
       "  help: tool copy -h"},
      {"status --timeout 5",
       "--timeout: '5' is not a duration: the number 5 needs a unit: write 5s "
       "for seconds (units: us ms s m h d)\n  help: tool status -h"},
  };
  for (const auto& [line, message] : kCases)
    EXPECT_EQ(error(line), message) << line;
}

TEST(Args, ATypoInOurOwnCodeIsABug) {
  auto got = parsed("status");
  EXPECT_DEATH(got.on("force"), "the table has the flag");
  EXPECT_DEATH(got.arg("RUN"), "the table has the argument");
  EXPECT_DEATH(got.integer("quiet"), "FlagKind::integer");
}

}  // namespace
}  // namespace pawl::cli
