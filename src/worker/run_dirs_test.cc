#include "worker/run_dirs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fs.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names_in(const std::string& dir) {
  std::vector<std::string> names;
  const auto entries = *list_dir(dir);
  for (const auto& entry : entries)
    names.push_back(entry.name);
  return names;
}

TEST(RunDirs, OnlyWhatARunThatIsGoneLeftIsRemoved) {
  TempDir dir;
  for (const char* name :
       {"work/1/deep/er", "work/2", "work/3x", "work/03", "work/mine", "work/12"})
    ASSERT_TRUE(make_dirs(dir / name).ok());
  ASSERT_TRUE(write_file_atomic(dir / "work/1/deep/er/file", "x").ok());
  ASSERT_TRUE(write_file_atomic(dir / "work/9", "a file").ok());
  std::vector<RunId> asked;
  auto known = [&](RunId run) -> Result<bool> {
    asked.push_back(run);
    return run.value == 2;
  };
  auto swept = RunDirs::sweep(dir.path(), known, [] { return false; });
  ASSERT_TRUE(swept.ok());
  EXPECT_EQ(*swept, 2);
  EXPECT_THAT(asked, ElementsAre(RunId(1), RunId(12), RunId(2)));
  EXPECT_THAT(names_in(dir / "work"), ElementsAre("03", "2", "3x", "9", "mine"));
}

TEST(RunDirs, AStoreThatCannotSayRemovesNothing) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "work/1").ok());
  auto unsure = [](RunId) -> Result<bool> { return Error{Errc::io, "no"}; };
  EXPECT_EQ(RunDirs::sweep(dir.path(), unsure, [] { return false; }).error().code, Errc::io);
  EXPECT_THAT(names_in(dir / "work"), ElementsAre("1"));
}

TEST(RunDirs, NothingThereAndLeavingAtOnce) {
  TempDir dir;
  auto gone = [](RunId) -> Result<bool> { return false; };
  EXPECT_EQ(*RunDirs::sweep(dir.path(), gone, [] { return false; }), 0);
  ASSERT_TRUE(make_dirs(dir / "work/1").ok());
  EXPECT_EQ(*RunDirs::sweep(dir.path(), gone, [] { return true; }), 0);
  RunDirs dirs(dir.path(), gone);  // its end does not wait for its first look
}

}  // namespace
}  // namespace pawl::worker
