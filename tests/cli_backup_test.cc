// A backup is taken of a directory in use, and what is restored from it goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/text.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

using testing::HasSubstr;

// The first task leaves a checkpoint and an output, the second waits to be let go.
constexpr std::string_view kHeld = R"(
pawl: 1
name: held
inputs: {ready: {type: string}, hold: {type: string}}
tasks:
  first:
    run: |
      echo once >> first.ran; echo printed; echo '{"n": 7}' > "$PAWL_OUTPUT"
  second:
    needs: [first]
    env: {READY: "${{ inputs.ready }}", HOLD: "${{ inputs.hold }}"}
    run: |
      if [ -s "$PAWL_CHECKPOINT" ]; then echo went on from; cat "$PAWL_CHECKPOINT"; exit; fi
      echo half > "$PAWL_CHECKPOINT"; echo ready > "$READY"; read line < "$HOLD"
)";

TEST(CliBackup, OfADirectoryInUseGoesOnWhereItWasTaken) {
  Place place;
  auto hold = place.pipe("hold"), ready = place.pipe("ready");
  LineReader keep_open(hold), signs(ready);
  place.write("w.yaml", kHeld);
  auto owner = place.start({"run", "w.yaml", "-i", "hold=" + hold, "-i", "ready=" + ready});
  ASSERT_EQ(signs.next(), "ready");
  auto done = place.pawl({"backup", "copy", "--json"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.json()["runs"].as_integer(), 1);
  EXPECT_GT(done.json()["bytes"].as_integer(), 4096);
  struct stat info {};
  ASSERT_EQ(::stat(place.file("copy/pawl.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(file_exists(place.file("copy/pawl.lock")));
  EXPECT_FALSE(file_exists(place.file("copy.part")));
  // The one that was copied goes on as if nothing had been.
  EXPECT_EQ(place.sh("echo go > hold").code, 0);
  EXPECT_EQ(owner.wait().code, 0);

  EXPECT_EQ(
      place.pawl({"ls", "--data", "copy", "--json"}).json().as_array()[0]["state"].as_string(),
      "running");
  auto back = place.pawl({"restore", "copy", "--data", "again"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("1 run; every page was read and checked"));
  auto run = place.pawl({"watch", "1", "--data", "again"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(place.read("first.ran"), "once\n") << "what was done is not done again";
  EXPECT_THAT(place.pawl({"logs", "1", "second", "--data", "again"}).out,
              HasSubstr("went on from\nhalf"));
  EXPECT_THAT(place.pawl({"logs", "1", "first", "--data", "again"}).out, HasSubstr("printed"));
  EXPECT_EQ(place.pawl({"doctor", "--data", "again"}).code, 0);
}

TEST(CliBackup, WhatIsInTheWayOrDamagedIsRefused) {
  Place place;
  place.write("w.yaml", "pawl: 1\nname: w\ntasks: {a: {run: 'true'}}\n");
  EXPECT_EQ(place.pawl({"backup", "copy"}).code, 7);
  ASSERT_EQ(place.pawl({"run", "w.yaml"}).code, 0);
  place.sh("mkdir -p busy && touch busy/file");
  auto busy = place.pawl({"backup", "busy"});
  EXPECT_EQ(busy.code, 9);
  EXPECT_THAT(busy.err, HasSubstr("not empty"));
  ASSERT_EQ(place.pawl({"backup", "copy"}).code, 0);
  auto there = place.pawl({"restore", "copy"});
  EXPECT_EQ(there.code, 9);
  EXPECT_THAT(there.err, HasSubstr("there is a data directory in"));
  EXPECT_EQ(place.pawl({"restore", "nowhere", "--data", "new"}).code, 7);
  EXPECT_FALSE(file_exists(place.file("new")));
  // A flipped bit is found while it is copied, and nothing is left half-made.
  place.sh("printf '\\377' | dd of=copy/pawl.db bs=1 seek=9000 conv=notrunc 2>/dev/null");
  auto damaged = place.pawl({"restore", "copy", "--data", "new"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_FALSE(file_exists(place.file("new")));
  EXPECT_FALSE(file_exists(place.file("new.part")));
}

}  // namespace
}  // namespace pawl::e2e
