// The real program, end to end: known answer, kills, worker counts, sources over HTTP, exit codes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pawl/value.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "dataset/files.h"
#include "dataset/generate.h"
#include "dataset/unruly_server_testing.h"

namespace dataset {
namespace {

using pawl::Value;
using testing::HasSubstr;

const char* kResults[] = {"manifest.jsonl", "duplicates.jsonl", "rejected.jsonl", "summary.json"};

// What one process of the program did.
struct Outcome {
  int code = -1;  // 128 + the signal that ended it
  std::string out, err;
  std::map<std::string, int> trace;  // "decode photos/1.jpg" to how often

  int count(const std::string& what) const {
    int n = 0;
    for (const auto& [line, times] : trace)
      if (line.starts_with(what + " ")) n += times;
    return n;
  }
};

// A signal as soon as the trace has so many lines of a kind.
struct Strike {
  std::string what;
  int after = 0;
  int signal = SIGKILL;
};

class BuildTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pawl-build-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string text(const std::string& name) const { return read_file(at(name)).value_or(""); }
  Value json(const std::string& name) const {
    auto v = Value::parse(text(name));
    EXPECT_TRUE(v.ok()) << name << ": " << v.status().text();
    return v.value_or({});
  }
  void put(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(make_folders(folder_of(at(name))).ok());
    ASSERT_TRUE(write_file(at(name), bytes).ok());
  }

  std::vector<std::string> image_names() const {
    return list_files(at("data/images")).value_or({});
  }

  // Test data, and a config over it with small batches.
  void generate_images(int count, const std::string& http = "") {
    auto s = generate({.folder = at("data"), .count = count, .seed = 3, .http = http});
    ASSERT_TRUE(s.ok()) << s.text();
    Value config = json("data/dataset.json");
    config.set("batch", 20);
    if (!http.empty()) {
      config.set("sources",
                 Value::array({Value::object({{"http", "urls.txt"}, {"name", "images"}})}));
    }
    put("data/dataset.json", config.pretty());
  }

  // With a strike, the program sends itself the signal at that exact point.
  Outcome run(const std::vector<std::string>& arguments, const Strike& strike = {}) {
    std::filesystem::remove(at("trace"));
    pid_t child = start(arguments, at("trace"), strike);
    int status = 0;
    ::waitpid(child, &status, WUNTRACED);
    if (WIFSTOPPED(status)) {
      EXPECT_TRUE(between_) << "nobody asked it to stop";
      if (between_) between_();
      ::kill(child, SIGCONT);
      ::waitpid(child, &status, 0);
    }
    Outcome outcome{.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                    .out = text("out.txt"),
                    .err = text("err.txt")};
    std::istringstream trace(text("trace"));
    for (std::string line; std::getline(trace, line);)
      ++outcome.trace[line];
    EXPECT_TRUE(strike.what.empty() || outcome.count(strike.what) >= strike.after)
        << "it never got that far";
    return outcome;
  }

  pid_t start(const std::vector<std::string>& arguments, const std::string& trace,
              const Strike& strike = {}) {
    std::vector<std::string> words = {PAWL_BUILD_DIR "/" + program_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    std::string variable = "PAWL_APP_TRACE=" + trace;
    std::vector<char*> env;
    if (!trace.empty()) env.push_back(variable.data());
    std::string struck = "PAWL_APP_STRIKE=" + strike.what + " " + std::to_string(strike.after) +
                         " " + std::to_string(strike.signal);
    if (!strike.what.empty()) env.push_back(struck.data());
    for (char** e = environ; *e; ++e)
      env.push_back(*e);
    env.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
    std::string side = trace.empty() ? "2" : "";
    posix_spawn_file_actions_addopen(&files, 1, at("out.txt" + side).c_str(), kNew, 0600);
    posix_spawn_file_actions_addopen(&files, 2, at("err.txt" + side).c_str(), kNew, 0600);
    posix_spawn_file_actions_addchdir_np(&files, folder_.c_str());
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, argv[0], &files, nullptr, argv.data(), env.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    return child;
  }

  // Another process, while one is stopped.
  Outcome run_beside(const std::vector<std::string>& arguments) {
    pid_t child = start(arguments, "");
    int status = 0;
    ::waitpid(child, &status, 0);
    return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128,
            .out = text("out.txt2"),
            .err = text("err.txt2")};
  }

  std::string results(const std::string& dir) const {
    std::string all;
    for (const char* name : kResults) {
      EXPECT_TRUE(file_exists(at(dir + "/" + name))) << dir << "/" << name;
      all += text(dir + "/" + name) + "\n--\n";
    }
    return all;
  }

  std::vector<Value> lines(const std::string& name) const {
    std::vector<Value> all;
    std::string whole = text(name);
    for (std::string_view rest = whole; !rest.empty();) {
      auto end = rest.find('\n');
      all.push_back(Value::parse(rest.substr(0, end)).value_or({}));
      rest.remove_prefix(end + 1);
    }
    return all;
  }

  // What came out is exactly what the generator says: nothing missed, nothing too much.
  void expect_known_answer(const std::string& dir, int least) {
    Value expected = json("data/expected.json");
    auto strip = [](const Value& v, std::size_t n) { return std::string(v.as_string().substr(n)); };
    std::map<std::string, std::string> found, wanted;
    for (const Value& v : lines(dir + "/manifest.jsonl"))
      found[strip(v.get("file"), 13)] = "stays";
    for (const Value& v : lines(dir + "/duplicates.jsonl")) {
      found[strip(v.get("file"), 13)] =
          std::string(v.get("kind").as_string()) + " of " + strip(v.get("of"), 13);
    }
    for (const Value& v : lines(dir + "/rejected.jsonl"))
      found[strip(v.get("name"), 7)] = std::string(v.get("reason").as_string());
    Value stay = expected.get("stay"), copies = expected.get("copies"),
          rejected = expected.get("rejected");
    for (std::size_t i = 0; i < stay.size(); ++i)
      wanted[std::string(stay.at(i).as_string())] = "stays";
    for (std::size_t i = 0; i < copies.size(); ++i) {
      wanted[std::string(copies.key(i))] = std::string(copies.at(i).get("kind").as_string()) +
                                           " of " + std::string(copies.at(i).get("of").as_string());
    }
    for (std::size_t i = 0; i < rejected.size(); ++i)
      wanted[std::string(rejected.key(i))] = std::string(rejected.at(i).as_string());
    EXPECT_EQ(found, wanted);
    EXPECT_GT(stay.size(), static_cast<std::size_t>(least / 2));
    EXPECT_GT(copies.size(), static_cast<std::size_t>(least / 10));
    EXPECT_GE(rejected.size(), static_cast<std::size_t>(std::min(least / 40, kWaysToBreak)));
  }

  std::string folder_;
  std::string program_ = "pawl-dataset";
  std::function<void()> between_;
};

TEST_F(BuildTest, FindsWhatTheGeneratorHid) {
  generate_images(300);
  auto done = run({"build", "data/dataset.json", "--dir", "out"});
  ASSERT_EQ(done.code, 0) << done.err;
  expect_known_answer("out", 300);
  EXPECT_EQ(done.count("download"), 300);
  EXPECT_THAT(done.out, HasSubstr("of 300 files"));
  EXPECT_THAT(done.err, HasSubstr("validate: completed, 15 batches"));
  Value summary = json("out/summary.json");
  EXPECT_EQ(summary.get("files").as_integer(), 300);
  EXPECT_EQ(summary.get("images").as_integer(),
            static_cast<std::int64_t>(lines("out/manifest.jsonl").size()));
  for (const Value& line : lines("out/manifest.jsonl")) {
    auto file = digest_file(at("out/" + std::string(line.get("file").as_string())), {});
    ASSERT_TRUE(file.ok()) << line.json();
    EXPECT_EQ(file->sha256, line.get("sha256").as_string());
  }
}

// Wherever it is killed: the same bytes in the end, and what was done is not done again, but for
// the one image that each thread had in work.
TEST_F(BuildTest, KilledAnywhereItWritesTheSame) {
  generate_images(200);
  Value config = json("data/dataset.json");
  config.set("batch", 50);
  put("data/dataset.json", config.pretty());
  ASSERT_EQ(run({"build", "data/dataset.json", "--dir", "whole", "--threads", "1"}).code, 0);
  std::string expected = results("whole");
  int number = 0;
  for (const auto& [what, points] :
       std::map<std::string, std::vector<int>>{{"download", {1, 100}}, {"decode", {1, 90, 180}}}) {
    for (int point : points) {
      SCOPED_TRACE(what + " " + std::to_string(point));
      std::string dir = "killed" + std::to_string(++number);
      std::vector<std::string> command = {"build", "data/dataset.json", "--dir",
                                          dir,     "--threads",         "2"};
      auto first = run(command, {what, point});
      ASSERT_EQ(first.code, 128 + SIGKILL);
      auto second = run(command);
      ASSERT_EQ(second.code, 0) << second.err;
      EXPECT_EQ(results(dir), expected);
      for (const char* work : {"download", "decode"}) {
        int done = 0, again = 0;
        for (const auto& [line, times] : second.trace) {
          if (!line.starts_with(work)) continue;
          ++done;
          auto before = first.trace.find(line);
          again += before != first.trace.end();
          EXPECT_EQ(times, 1);
        }
        int most = 2;  // what each thread had in work
        EXPECT_LE(again, most) << work;
        EXPECT_LE(done, what == work ? 200 - point + most : 200);
      }
      EXPECT_LE(second.count("download"), what == "decode" ? 0 : 200);
    }
  }
}

// One file is not to be had before the interruption has been noticed, however long that takes.
TEST_F(BuildTest, InterruptedItGoesOnWithResume) {
  UnrulyServer server;
  generate_images(100, server.base());
  for (const std::string& name : image_names())
    server.serve("/" + name, {.body = text("data/images/" + name)});
  ASSERT_EQ(run({"build", "data/dataset.json", "--dir", "whole"}).code, 0);
  std::string last = image_names().back();
  server.serve("/" + last, {.statuses = std::vector<int>(100'000, 503)});
  auto stopped = run({"build", "data/dataset.json", "--dir", "out"}, {"download", 50, SIGINT});
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("stopped; the same command goes on"));
  auto status = run({"status", "--dir", "out", "--json"});
  EXPECT_EQ(status.code, 0) << status.err;
  EXPECT_EQ(Value::parse(status.out)->get("state").as_string(), "running");
  server.serve("/" + last, {.body = text("data/images/" + last)});
  auto resumed = run({"resume", "--dir", "out", "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_LE(resumed.count("download"), 50);
  EXPECT_EQ(results("out"), results("whole"));
  Value answer = Value::parse(resumed.out).value_or({});
  EXPECT_EQ(answer.get("exit_code").as_integer(), 0);
  EXPECT_TRUE(answer.get("summary") == json("out/summary.json"));
}

TEST_F(BuildTest, WhatIsBuiltIsNotBuiltAgain) {
  generate_images(100);
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir", "out"};
  ASSERT_EQ(run(command).code, 0);
  std::string expected = results("out");
  EXPECT_TRUE(run(command).trace.empty());
  // A result that was damaged is written again; files that are there are not fetched again.
  put("out/manifest.jsonl", "oops\n");
  auto again = run(command);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.count("download"), 0);
  EXPECT_EQ(results("out"), expected);
  command.push_back("--again");
  EXPECT_EQ(run(command).count("decode") > 50, true);
  EXPECT_EQ(results("out"), expected);
}

TEST_F(BuildTest, AnotherConfigIsAnotherBuild) {
  generate_images(100);
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir", "out"};
  ASSERT_EQ(run(command, {"decode", 20}).code, 128 + SIGKILL);
  Value config = json("data/dataset.json");
  config.set("split", Value::object({{"parts", Value::object({{"all", 1}})}}));
  put("data/dataset.json", config.pretty());
  auto done = run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("dropping the unfinished build of another config"));
  for (const Value& line : lines("out/manifest.jsonl"))
    EXPECT_EQ(line.get("split").as_string(), "all");
}

TEST_F(BuildTest, OverHttpWithBrokenConnectionsAndAKill) {
  UnrulyServer server;
  generate_images(60, server.base());
  std::uint64_t total = 0;
  for (const std::string& name : image_names()) {
    std::string body = text("data/images/" + name);
    total += body.size();
    server.serve("/" + name, {.body = body, .break_after = 8'000, .breaks = 2});
  }
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir",
                                      "out",   "--threads",         "2"};
  auto first = run(command, {"download", 30});
  ASSERT_EQ(first.code, 128 + SIGKILL);
  auto second = run(command);
  ASSERT_EQ(second.code, 0) << second.err;
  expect_known_answer("out", 60);
  std::uint64_t sent = 0;
  for (const std::string& name : image_names())
    sent += server.of("/" + name).sent;
  EXPECT_LE(sent, total + 200'000) << "what came is not asked for again";
  for (const auto& [line, times] : second.trace)
    EXPECT_FALSE(line.starts_with("download ") && first.trace.count(line) > 0) << line;
}

TEST_F(BuildTest, AServerThatIsGoneFailsTheBuildAndItGoesOnWhenItIsBack) {
  UnrulyServer server;
  generate_images(30, server.base());
  for (const std::string& name : image_names())
    server.serve("/" + name, {.body = text("data/images/" + name)});
  std::string missing = image_names().at(3);
  server.serve("/" + missing, {.statuses = std::vector<int>(1000, 503)});
  Value config = json("data/dataset.json");
  config.set("download", Value::object({{"tries", 1}}));
  put("data/dataset.json", config.pretty());
  auto failed = run({"build", "data/dataset.json", "--dir", "out"});
  EXPECT_EQ(failed.code, 3) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr(missing + ": the server answered 503, 1 times"));
  server.serve("/" + missing, {.body = text("data/images/" + missing)});
  auto again = run({"build", "data/dataset.json", "--dir", "out"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_LT(again.count("download"), 30);
  expect_known_answer("out", 30);
}

TEST_F(BuildTest, AnotherProcessIsToldWhoHasTheFolder) {
  generate_images(100);
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir", "out"};
  int asked = 0;
  between_ = [&] {
    ++asked;
    auto second = run_beside(command);
    EXPECT_EQ(second.code, 9) << second.err;
    EXPECT_THAT(second.err, HasSubstr("pawl-dataset"));
    auto status = run_beside({"status", "--dir", "out", "--json"});
    EXPECT_EQ(status.code, 0) << status.err;
    EXPECT_EQ(Value::parse(status.out)->get("state").as_string(), "running");
  };
  EXPECT_EQ(run(command, {"decode", 20, SIGSTOP}).code, 0);
  EXPECT_EQ(asked, 1);
}

TEST_F(BuildTest, WhatCannotBeFetchedIsRejectedWithItsReason) {
  Dice dice(8);
  std::string good = encode_png(draw_picture(dice, 40, 40));
  put("photos/good.png", good);
  put("photos/large.png", std::string(5'000'000, 'x'));
  put("photos/\xfe.png", good);
  ASSERT_EQ(::mkfifo(at("photos/pipe.png").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("nothing", at("photos/dangling.png").c_str()), 0);
  put("list.txt", "photos/good.png " + std::string(64, '0') + "\nphotos/gone.png\n");
  put("d.json", R"({"name": "x", "sources": [{"folder": "photos"}, {"files": "list.txt"}],
                    "validate": {"max_bytes": 1000000}})");
  auto done = run({"build", "d.json", "--dir", "out"});
  ASSERT_EQ(done.code, 0) << done.err;
  std::map<std::string, std::string> reasons;
  for (const Value& v : lines("out/rejected.jsonl"))
    reasons[std::string(v.get("reason").as_string())] += std::string(v.get("name").as_string());
  EXPECT_EQ(reasons["too_many_bytes"], "photos/large.png");
  EXPECT_EQ(reasons["not_a_file"], "photos/pipe.png");
  EXPECT_EQ(reasons["checksum_mismatch"], "list/photos/good.png");
  EXPECT_EQ(reasons["unreadable"], "list/photos/gone.pngphotos/dangling.png");
  EXPECT_THAT(reasons["bad_name"], HasSubstr("photos/?.png~"));
  EXPECT_EQ(reasons.size(), 5u);
  EXPECT_EQ(lines("out/manifest.jsonl").size(), 1u);
}

// As a power cut may leave them: files that were recorded, and are not on disk.
TEST_F(BuildTest, FilesThatWereLostAreFetchedAgain) {
  generate_images(100);
  ASSERT_EQ(run({"build", "data/dataset.json", "--dir", "whole"}).code, 0);
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir", "out"};
  ASSERT_EQ(run(command, {"decode", 1}).code, 128 + SIGKILL);
  auto names = image_names();
  put("out/files/images/" + names[60], "");
  put("out/files/images/" + names[80], "torn");
  std::filesystem::remove(at("out/files/images/" + names[99]));
  auto done = run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.count("download"), 3);
  EXPECT_EQ(results("out"), results("whole"));
}

TEST_F(BuildTest, WhatIsWrongHasItsExitCode) {
  put("photos/a.txt", "no image");
  put("ok.json", R"({"name": "x", "sources": [{"folder": "photos"}]})");
  put("bad.json", R"({"name": "x", "sources": [{"folder": "photos"}], "bach": 1})");
  put("gone.json", R"({"name": "x", "sources": [{"folder": "gone"}]})");
  EXPECT_EQ(run({"biuld"}).code, 2);
  EXPECT_EQ(run({"build", "none.json"}).code, 7);
  EXPECT_EQ(run({"build", "gone.json"}).code, 7);
  EXPECT_EQ(run({"status", "--dir", "nowhere"}).code, 7);
  EXPECT_EQ(run({"resume"}).code, 7);
  auto bad = run({"build", "bad.json"});
  EXPECT_EQ(bad.code, 6);
  EXPECT_THAT(bad.err, HasSubstr("bad.json:1:58: bach: there is no such member (did you mean "
                                 "batch?)"));
  auto inside = run({"build", "ok.json", "--dir", "photos/out"});
  EXPECT_EQ(inside.code, 6);
  EXPECT_THAT(inside.err, HasSubstr("is in the source"));
  auto none = run({"build", "ok.json", "--dir", "out"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("no image is left: all were rejected"));
  auto json_error = run({"build", "bad.json", "--json"});
  EXPECT_EQ(Value::parse(json_error.out)->get("exit_code").as_integer(), 6);
  EXPECT_EQ(run({"--help"}).code, 0);
}

// The example of embedding, as its first lines promise.
TEST_F(BuildTest, TheEmbeddedExampleGoesOnAfterAKill) {
  generate_images(150);
  program_ = "pawl-dataset-embed";
  auto whole = run({"state1", "data/images"});
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(whole.count("count"), 150);
  EXPECT_THAT(whole.out, HasSubstr("images, mean brightness"));
  auto first = run({"state2", "data/images"}, {"count", 100});
  ASSERT_EQ(first.code, 128 + SIGKILL);
  auto second = run({"state2", "data/images"});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, whole.out);
  EXPECT_LT(second.count("count"), 150);
}

// Killed in the middle of each half, with the known answer. `make dataset` runs this alone with ten
// thousand images, and reads the times that it prints.
TEST_F(BuildTest, KilledTwiceItFindsWhatIsKnown) {
  const char* wanted = std::getenv("PAWL_DATASET_IMAGES");
  int count = wanted ? std::stoi(wanted) : 300;
  generate_images(count);
  Value config = json("data/dataset.json");
  int batch = std::clamp(count / 15, 1, 200);
  config.set("batch", batch);
  put("data/dataset.json", config.pretty());
  Outcome whole;
  auto took = [&](const std::string& what, const std::function<void()>& work) {
    auto began = std::chrono::steady_clock::now();  // tidy: clock because this is a measurement
    work();
    auto ended = std::chrono::steady_clock::now();  // tidy: clock because this is a measurement
    std::printf("%s: %.1f s\n", what.c_str(), std::chrono::duration<double>(ended - began).count());
  };
  took("uninterrupted", [&] { whole = run({"build", "data/dataset.json", "--dir", "whole"}); });
  ASSERT_EQ(whole.code, 0) << whole.err;
  std::printf("%s", whole.out.c_str());
  expect_known_answer("whole", count);
  std::vector<std::string> command = {"build", "data/dataset.json", "--dir", "killed"};
  Outcome first, second, third;
  took("killed at half of the downloads", [&] { first = run(command, {"download", count / 2}); });
  took("killed at half of the decodes", [&] { second = run(command, {"decode", count / 2}); });
  took("to the end", [&] { third = run(command); });
  ASSERT_EQ(third.code, 0) << third.err;
  EXPECT_EQ(results("killed"), results("whole"));
  int downloads = first.count("download") + second.count("download") + third.count("download");
  int decodes = first.count("decode") + second.count("decode") + third.count("decode");
  std::printf("downloads %d, decodes %d, of %d files\n", downloads, decodes, count);
  auto threads = static_cast<int>(std::max(2U, std::thread::hardware_concurrency()));
  EXPECT_LE(downloads, whole.count("download") + 2 * threads);
  EXPECT_LE(decodes, whole.count("decode") + 2 * threads);
  EXPECT_EQ(third.count("download"), 0);
}

}  // namespace
}  // namespace dataset
