// What people get wrong, each with its message and its exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite/connection.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kHello = R"(
pawl: 1
name: hello
inputs:
  n: {type: integer, required: true, minimum: 1}
  who: {type: string, default: world}
tasks:
  greet: {action: shell, run: "echo hello $WHO", env: {WHO: "${{ inputs.who }}"}}
)";

std::string one_task(std::string_view script) {
  return str("pawl: 1\nname: one\ntasks:\n  a:\n    action: shell\n    run: |\n      ", script,
             "\n");
}

TEST(CliBadInput, FilesThatCannotBeRead) {
  Place place;
  auto missing = place.pawl({"run", "nofile.yaml"});
  EXPECT_EQ(missing.code, 6);
  EXPECT_THAT(missing.err, HasSubstr("error: there is no file nofile.yaml\n  hint: pawl run FILE"));
  EXPECT_THAT(missing.out, IsEmpty());
  auto directory = place.pawl({"run", "."});
  EXPECT_EQ(directory.code, 6);
  EXPECT_THAT(directory.err, HasSubstr("Is a directory"));
  // Nothing was started, and nothing left behind.
  EXPECT_FALSE(file_exists(place.file(".pawl")));
}

struct BadFile {
  const char* name;
  std::string text;
  const char* message;
};

class CliBadFile : public testing::TestWithParam<BadFile> {};

TEST_P(CliBadFile, IsRefusedWithItsPlace) {
  Place place;
  place.write("w.yaml", GetParam().text);
  for (const char* command : {"validate", "run", "plan", "graph"}) {
    auto outcome = place.pawl({command, "w.yaml"});
    EXPECT_EQ(outcome.code, 6) << command;
    EXPECT_THAT(outcome.err, HasSubstr(GetParam().message)) << command;
    EXPECT_THAT(outcome.err, HasSubstr("w.yaml:")) << command;
  }
  auto list = place.pawl({"validate", "w.yaml", "--json"});
  EXPECT_EQ(list.code, 6);
  ASSERT_TRUE(list.json().is_array()) << list.out;
  EXPECT_GE(list.json().size(), 1u);
  EXPECT_THAT(list.err, IsEmpty());
}

std::string bomb() {
  std::string text = "pawl: 1\nname: bomb\nx-a: &a [1,2,3,4,5,6,7,8,9]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    text += str("x-", c, ": &", c, " [");
    for (int i = 0; i < 9; ++i)
      text += str(i ? "," : "", '*', static_cast<char>(c - 1));
    text += "]\n";
  }
  return text + "tasks: {t: {action: noop}}\n";
}

INSTANTIATE_TEST_SUITE_P(
    Files, CliBadFile,
    testing::Values(BadFile{"tab", "pawl: 1\nname: x\ntasks:\n\ta: 1\n", "error[tab]"},
                    BadFile{"utf8", "pawl: 1\nname: \xff\xfe\n", "is not UTF-8"},
                    BadFile{"nul", std::string("pawl: 1\nname: a\0b\n", 18), "NUL byte"},
                    BadFile{"bomb", bomb(), "aliases expand to more than"},
                    BadFile{"empty", "\n", "the file is empty"},
                    BadFile{"field", "pawl: 1\nname: x\ntasks:\n  a: {action: shell, runn: x}\n",
                            "did you mean \"run\"?"},
                    BadFile{"cycle",
                            "pawl: 1\nname: x\ntasks:\n  a: {action: noop, needs: [b]}\n  b: "
                            "{action: noop, needs: [a]}\n",
                            "cycle"}),
    [](const auto& tested) { return tested.param.name; });

TEST(CliBadInput, AllErrorsOfAllFilesAtOnce) {
  Place place;
  place.write("a.yaml", "pawl: 1\nname: a\ntasks:\n  t: {action: noop, needs: [x], colour: red}\n");
  place.write("b.yaml", "pawl: 1\nname: B\ntasks: {t: {action: noop}}\n");
  auto outcome = place.pawl({"validate", "a.yaml", "b.yaml", "none.yaml"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.err, HasSubstr("unknown_task"));
  EXPECT_THAT(outcome.err, HasSubstr("unknown_field"));
  EXPECT_THAT(outcome.err, HasSubstr("b.yaml:2"));
  EXPECT_THAT(outcome.err, HasSubstr("there is no file none.yaml"));
}

TEST(CliBadInput, FilesThatNameEachOtherInACircle) {
  Place place;
  place.write("a.yaml",
              "pawl: 1\nname: a\ntasks:\n  t: {action: workflow, with: {file: b.yaml}}\n");
  place.write("b.yaml",
              "pawl: 1\nname: b\ntasks:\n  t: {action: workflow, with: {file: a.yaml}}\n");
  auto outcome = place.pawl({"run", "a.yaml"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.err, HasSubstr("in a circle: a.yaml -> ./b.yaml -> a.yaml"));
}

TEST(CliBadInput, InputsAllViolationsAtOnce) {
  Place place;
  place.write("w.yaml", kHello);
  auto none = place.pawl({"run", "w.yaml"});
  EXPECT_EQ(none.code, 6);
  EXPECT_THAT(none.err, HasSubstr("input \"n\" is required"));
  auto wrong = place.pawl({"run", "w.yaml", "-i", "n=0", "-i", "whoo=x"});
  EXPECT_EQ(wrong.code, 6);
  EXPECT_THAT(wrong.err, HasSubstr("must be at least 1, found 0"));
  EXPECT_THAT(wrong.err, HasSubstr("did you mean \"who\"?"));
  auto file = place.pawl({"run", "w.yaml", "--inputs", "-"}, "[1]");
  EXPECT_EQ(file.code, 6);
  EXPECT_THAT(file.err, HasSubstr("expected one object"));
  EXPECT_EQ(place.pawl({"run", "w.yaml", "--inputs", "none.json"}).code, 6);
  // With --json the problem goes to stderr, and stdout stays empty.
  auto json = place.pawl({"run", "w.yaml", "--json"});
  EXPECT_EQ(json.code, 6);
  EXPECT_THAT(json.out, IsEmpty());
  auto problem = Json::parse(json.err);
  ASSERT_TRUE(problem.ok()) << json.err;
  EXPECT_EQ((*problem)["error"]["code"].as_string(), "invalid_workflow");
  EXPECT_EQ((*problem)["error"]["exit_code"].as_integer(), 6);
}

TEST(CliBadInput, UnknownRunsCommandsAndFlags) {
  Place place;
  EXPECT_EQ(place.pawl({"ls"}).code, 7);
  place.write("w.yaml", kHello);
  ASSERT_EQ(place.pawl({"run", "w.yaml", "-i", "n=1", "-q"}).code, 0);
  auto run = place.pawl({"show", "99"});
  EXPECT_EQ(run.code, 7);
  EXPECT_THAT(run.err, HasSubstr("the newest is 1"));
  EXPECT_THAT(place.pawl({"show", "helo"}).err, HasSubstr("did you mean 'hello'?"));
  EXPECT_EQ(place.pawl({"show", "@last-failed"}).code, 7);
  auto task = place.pawl({"logs", "1", "gret"});
  EXPECT_EQ(task.code, 7);
  EXPECT_THAT(task.err, HasSubstr("did you mean 'greet'?"));
  auto command = place.pawl({"shwo"});
  EXPECT_EQ(command.code, 2);
  EXPECT_THAT(command.err, HasSubstr("did you mean: pawl show?"));
  EXPECT_EQ(place.pawl({"show", "1", "--jsn"}).code, 2);
  EXPECT_EQ(place.pawl({"ls", "--since", "yesterday"}).code, 2);
}

TEST(CliBadInput, StatesThatRefuse) {
  Place place;
  place.write("w.yaml", kHello);
  ASSERT_EQ(place.pawl({"run", "w.yaml", "-i", "n=1", "-q"}).code, 0);
  for (const char* command : {"pause", "resume", "cancel", "retry", "approve", "reject"}) {
    auto outcome = place.pawl({command, "1"});
    EXPECT_EQ(outcome.code, 9) << command;
    EXPECT_THAT(outcome.err, StartsWith("error: run 1 ")) << command;
  }
}

TEST(CliBadInput, OutputsThatAreNone) {
  Place place;
  place.write("text.yaml", one_task("echo no json > \"$PAWL_OUTPUT\""));
  auto text = place.pawl({"run", "text.yaml"});
  EXPECT_EQ(text.code, 3);
  EXPECT_THAT(text.err, HasSubstr("PAWL_OUTPUT is not JSON"));
  place.write("large.yaml", one_task("{ printf '{\"a\":\"'; head -c 20000000 /dev/zero | tr '\\0' "
                                     "x; printf '\"}'; } > \"$PAWL_OUTPUT\""));
  auto large = place.pawl({"run", "large.yaml"});
  EXPECT_EQ(large.code, 3);
  EXPECT_THAT(large.err, HasSubstr("PAWL_OUTPUT is larger than 16 MiB"));
}

TEST(CliBadInput, ADataDirectoryThatIsDamagedOrNewer) {
  Place place;
  place.write("w.yaml", kHello);
  ASSERT_EQ(place.pawl({"run", "w.yaml", "-i", "n=1", "-q"}).code, 0);
  place.sh(
      "cp -r .pawl damaged; head -c 100000 /dev/zero | tr '\\0' '#' > damaged/pawl.db; rm -f "
      "damaged/*-wal");
  for (const char* command : {"ls", "run"}) {
    std::vector<std::string> words = {"--data", "damaged", command};
    if (words.back() == "run") words.insert(words.end(), {"w.yaml", "-i", "n=1"});
    auto outcome = place.pawl(words);
    EXPECT_EQ(outcome.code, 1) << command;
    EXPECT_THAT(outcome.err, HasSubstr("damaged/pawl.db")) << command;
    EXPECT_THAT(outcome.err, HasSubstr("backup")) << command;
  }
  EXPECT_EQ(place.pawl({"--data", "damaged", "doctor"}).code, 1);
}

TEST(CliBadInput, ADataDirectoryOfANewerPawl) {
  Place place;
  place.write("w.yaml", kHello);
  ASSERT_EQ(place.pawl({"run", "w.yaml", "-i", "n=1", "-q"}).code, 0);
  {
    store::sqlite::FileOptions where;
    where.path = place.file(".pawl/pawl.db");
    auto db = store::sqlite::open_writer(where, store::sqlite::kMainSchema);
    ASSERT_TRUE(db.ok()) << db.error().message;
    ASSERT_TRUE((*db)->exec("PRAGMA user_version=999").ok());
  }
  for (const auto& words : {std::vector<std::string>{"ls"}, {"run", "w.yaml", "-i", "n=1"}}) {
    auto outcome = place.pawl(words);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("newer"));
  }
}

TEST(CliBadInput, ADirectoryThatCannotBeWritten) {
  Place place;
  place.write("w.yaml", kHello);
  auto outcome = place.pawl({"--data", "/proc/nowhere", "run", "w.yaml", "-i", "n=1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("/proc/nowhere"));
  if (::geteuid() == 0) {
    ASSERT_EQ(place.pawl({"run", "w.yaml", "-i", "n=1", "-q"}).code, 0);
    place.sh("chmod 711 . && cp \"$PAWL\" pawl && chmod 755 pawl && chmod 644 w.yaml");
    auto read = place.sh("su nobody -s /bin/sh -c './pawl --data .pawl ls'");
    EXPECT_EQ(read.code, 1);
    EXPECT_THAT(read.err, HasSubstr("Permission denied"));
    EXPECT_EQ(place.sh("su nobody -s /bin/sh -c './pawl --data .pawl run w.yaml -i n=1'").code, 1);
  }
}

TEST(CliBadInput, AFullDisk) {
  Place place;
  ::mkdir(place.file("small").c_str(), 0700);
  if (::mount("tmpfs", place.file("small").c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting needs root";
  }
  place.write("w.yaml", one_task("head -c 3000000 /dev/urandom | base64 -w 100"));
  auto outcome = place.pawl({"--data", "small/d", "run", "w.yaml", "--timeout", "3s"});
  EXPECT_EQ(outcome.code, 124);
  EXPECT_THAT(outcome.err, HasSubstr("nothing can be recorded now"));
  EXPECT_THAT(outcome.err, HasSubstr("free some space"));
  place.sh("umount -l small");
}

TEST(CliBadInput, AReaderThatHasEnough) {
  Place place;
  place.write("w.yaml", one_task("seq 200000"));
  ASSERT_EQ(place.pawl({"run", "w.yaml", "-q"}).code, 0);
  auto outcome = place.sh("set -o pipefail; $PAWL logs 1 a | head -2");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "1\n2\n");
  EXPECT_THAT(outcome.err, IsEmpty());
}

}  // namespace
}  // namespace pawl::e2e
