#include "cli/emit.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

std::string made(std::string_view kind, const std::vector<std::string>& values,
                 std::optional<std::string> unit = {}) {
  auto event = make_event(kind, values, std::move(unit));
  if (event.ok()) return event->dump();
  EXPECT_EQ(event.error().code, Errc::usage);
  return event.error().message;
}

TEST(Emit, MakesTheEventsThatWorkersRead) {
  EXPECT_EQ(made("progress", {"3/10"}, "epoch"),
            R"({"progress":{"current":3,"total":10,"unit":"epoch"}})");
  EXPECT_EQ(made("progress", {"3"}), R"({"progress":{"current":3}})");
  EXPECT_EQ(made("progress", {"0.5/2.5"}), R"({"progress":{"current":0.5,"total":2.5}})");
  EXPECT_EQ(made("progress", {"45%"}), R"({"progress":{"current":45,"total":100,"unit":"%"}})");
  EXPECT_EQ(made("metric", {"loss=0.31", "auc=0.9", "step=12"}),
            R"({"metric":{"loss":0.31,"auc":0.9,"step":12}})");
  EXPECT_EQ(made("metric", {"loss=nan", "a=inf", "b=-Infinity", "c=1e-3", "d=.5", "e=+2"}),
            R"({"metric":{"loss":"nan","a":"inf","b":"-inf","c":0.001,"d":0.5,"e":2.0}})");
  EXPECT_EQ(made("warning", {"12 rows", "had no \"label\""}),
            R"({"warning":"12 rows had no \"label\""})");
  EXPECT_EQ(made("failure-class", {"cuda_oom"}), R"({"failure_class":"cuda_oom"})");
  EXPECT_EQ(made("checkpoint", {"best"}), R"({"checkpoint":"best"})");
}

TEST(Emit, RefusesWhatDoesNotFit) {
  const std::tuple<const char*, std::vector<std::string>, const char*> kCases[] = {
      {"progress",
       {"x"},
       "pawl emit progress: found 'x', expected CURRENT/TOTAL, CURRENT or a "
       "percentage: 3/10, 3 or 30%"},
      {"progress",
       {"3/"},
       "pawl emit progress: found '3/', expected CURRENT/TOTAL, CURRENT or a "
       "percentage: 3/10, 3 or 30%"},
      {"progress",
       {"-1/3"},
       "pawl emit progress: found '-1/3', expected CURRENT/TOTAL, CURRENT or a "
       "percentage: 3/10, 3 or 30%"},
      {"progress",
       {"3", "10"},
       "pawl emit progress: found '3 10', expected CURRENT/TOTAL, CURRENT or "
       "a percentage: 3/10, 3 or 30%"},
      {"metric",
       {"loss"},
       "pawl emit metric: found 'loss', expected NAME=NUMBER, such as loss=0.31"},
      {"metric", {"=1"}, "pawl emit metric: found '=1', expected NAME=NUMBER, such as loss=0.31"},
      {"metric",
       {"loss=low"},
       "pawl emit metric: found 'loss=low', expected a number after '=', such "
       "as loss=0.31"},
      {"metric",
       {"loss=1,5"},
       "pawl emit metric: found 'loss=1,5', expected a number after '=', such "
       "as loss=0.31"},
      {"warning", {" "}, "pawl emit warning: found ' ', expected what the warning says"},
      {"failure-class",
       {"cuda-oom"},
       "pawl emit failure-class: found 'cuda-oom', expected one of network, auth, host_key, "
       "disk_full, oom, cuda_oom, corrupt, diverged, timeout, lost, user\n  did you mean: "
       "cuda_oom?"},
      {"failure-class",
       {"none"},
       "pawl emit failure-class: found 'none', expected one of network, auth, host_key, "
       "disk_full, oom, cuda_oom, corrupt, diverged, timeout, lost, user"},
      {"checkpoint", {"worst"}, "pawl emit checkpoint: found 'worst', expected best"},
  };
  for (const auto& [kind, values, message] : kCases)
    EXPECT_EQ(made(kind, values), message);
  EXPECT_EQ(made("metric", {"a=1"}, "epoch"), "pawl emit metric has no --unit; only progress has");
  EXPECT_EQ(made("warning", {std::string(20'000, 'x')}),
            "pawl emit warning: found 20000 bytes, expected at most 16384");
}

TEST(Emit, AppendsWholeLinesFromManyProcesses) {
  TempDir dir;
  auto path = dir / "events";
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; t++) {
    writers.emplace_back([&] {
      for (int i = 0; i < 25; i++) {
        auto event = make_event("progress", {str(i, "/25")}, std::nullopt);
        EXPECT_TRUE(append_event(path.c_str(), *event).ok());
      }
    });
  }
  for (auto& writer : writers)
    writer.join();
  auto text = *read_file(path);
  auto lines = split(trim(text), '\n');
  EXPECT_EQ(lines.size(), 100u);
  for (auto line : lines)
    EXPECT_TRUE(Json::parse(line).ok()) << line;
}

TEST(Emit, SaysWhereItWorks) {
  for (const char* file : {static_cast<const char*>(nullptr), ""}) {
    auto status = append_event(file, Json::object());
    EXPECT_EQ(status.error().code, Errc::usage);
    EXPECT_EQ(status.error().message,
              "PAWL_EVENTS is not set: `pawl emit` reports from inside a task\n"
              "  to try it: PAWL_EVENTS=/dev/stdout pawl emit ...");
  }
}

}  // namespace
}  // namespace pawl::cli
