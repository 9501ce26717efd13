#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"

namespace pawl {
namespace {

// Logs into a file, at a time that stands still.
class LogTest : public testing::Test {
 protected:
  void set(LogLevel level, bool json) {
    set_log({.level = level, .json = json, .fd = fd_.get(), .clock = &clock_});
  }
  ~LogTest() override { set_log({}); }
  std::string written() { return *read_file(dir_ / "log"); }

  TempDir dir_;
  ManualClock clock_;
  UniqueFd fd_{open((dir_ / "log").c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600)};
};

TEST_F(LogTest, WritesTextForPeople) {
  set(LogLevel::debug, false);
  log_info("run completed", {{"run", 41}, {"workflow", "nightly-ctr"}, {"verdict", nullptr}});
  log_debug("plain");
  log_warning("odd values", {{"text", "two words"}, {"empty", ""}, {"list", Json::Array{1, 2}}});
  log_error("no \"quotes\" to escape, no \\ either");
  EXPECT_EQ(written(),
            "2023-11-14T22:13:20.000Z info run completed run=41 workflow=nightly-ctr verdict=null\n"
            "2023-11-14T22:13:20.000Z debug plain\n"
            "2023-11-14T22:13:20.000Z warning odd values text=\"two words\" empty=\"\" list=[1,2]\n"
            "2023-11-14T22:13:20.000Z error no \"quotes\" to escape, no \\ either\n");
}

TEST_F(LogTest, WritesJsonForMachines) {
  set(LogLevel::info, true);
  log_info("run completed", {{"run", 41}, {"seconds", 1.5}, {"level", "mine"}});
  EXPECT_EQ(
      written(),
      "{\"time\":\"2023-11-14T22:13:20.000Z\",\"level\":\"info\",\"message\":\"run completed\","
      "\"run\":41,\"seconds\":1.5,\"level_\":\"mine\"}\n");
}

TEST_F(LogTest, NobodyForgesALine) {
  for (bool json : {false, true}) {
    set(LogLevel::info, json);
    log_info("a\n2023 error forged\x1b[2J",
             {{"k\n", "v\nforged"}, {"e", "\x1b[31m"}, {"u", "\xff"}});
  }
  auto text = written();
  EXPECT_EQ(split(trim(text), '\n').size(), 2u) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_TRUE(valid_utf8(text));
  EXPECT_TRUE(text.find("info a\\n2023 error forged\\u001b[2J \"k\\n\"=\"v\\nforged\"") !=
              std::string::npos)
      << text;
}

TEST_F(LogTest, IsSilentBelowItsLevel) {
  set(LogLevel::warning, false);
  EXPECT_FALSE(log_enabled(LogLevel::info));
  EXPECT_TRUE(log_enabled(LogLevel::warning));
  log_debug("no");
  log_info("no");
  log_warning("yes");
  set(LogLevel::off, false);
  log_error("no");
  log_line(LogLevel::off, "no");
  EXPECT_EQ(written(), "2023-11-14T22:13:20.000Z warning yes\n");
}

TEST_F(LogTest, LinesOfThreadsDoNotMix) {
  set(LogLevel::info, true);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; i++)
        log_info("line", {{"thread", t}, {"pad", std::string(200, 'x')}});
    });
  }
  for (auto& thread : threads)
    thread.join();
  auto text = written();
  auto lines = split(trim(text), '\n');
  EXPECT_EQ(lines.size(), 400u);
  for (auto line : lines)
    EXPECT_TRUE(Json::parse(line).ok()) << line;
}

TEST(Log, ReadsItsLevels) {
  for (auto level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    EXPECT_EQ(*parse_log_level(to_string(level)), level);
  }
  EXPECT_EQ(parse_log_level("loud").error().message,
            "'loud' is not a log level: expected one of debug, info, warning, error, off");
}

}  // namespace
}  // namespace pawl
