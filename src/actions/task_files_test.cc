#include "actions/task_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

struct SpareInputsTest : testing::Test {
  TempDir dir;
  SpareInputs spare;

  std::string run_dir(int run) { return str(dir.path(), "/", run); }
  std::string path(int run, int task) { return str(run_dir(run), '/', task, ".1.input"); }
  std::string make(int run, int task, std::string_view bytes) {
    const auto s = spare.make(path(run, task), run_dir(run), bytes);
    EXPECT_TRUE(s.ok()) << s.error().message;
    return path(run, task);
  }
  static std::string text(const std::string& file) {
    auto read = read_file(file);
    return read.ok() ? *read : str("<", read.error().message, ">");
  }
  static ino_t inode(const std::string& file) {
    struct stat info {};
    EXPECT_EQ(::lstat(file.c_str(), &info), 0) << file;
    return info.st_ino;
  }
};

TEST_F(SpareInputsTest, TheNextAttemptGetsTheFileOfAnEndedOne) {
  const auto first = make(1, 1, "a long first input");
  const auto was = inode(first);
  spare.give(first);
  const auto second = make(1, 2, "short");
  EXPECT_EQ(inode(second), was);
  EXPECT_EQ(text(second), "short");
  EXPECT_NE(::access(first.c_str(), F_OK), 0);
}

TEST_F(SpareInputsTest, ItMovesToADirectoryThatIsNotThereYet) {
  const auto first = make(1, 1, "one");
  const auto was = inode(first);
  spare.give(first);
  const auto second = make(2, 1, "two");
  EXPECT_EQ(inode(second), was);
  EXPECT_EQ(text(second), "two");
}

// What a task made of its file, or kept of it, stays the task's.
TEST_F(SpareInputsTest, WhatIsNoLongerPlainAndOursAloneIsNotUsedAgain) {
  const auto linked = make(1, 1, "kept by a link");
  ASSERT_EQ(::link(linked.c_str(), (dir / "kept").c_str()), 0);
  const auto readable = make(1, 2, "shown to others");
  ASSERT_EQ(::chmod(readable.c_str(), 0644), 0);
  const auto replaced = make(1, 3, "now a link");
  ASSERT_EQ(::unlink(replaced.c_str()), 0);
  ASSERT_EQ(::symlink((dir / "kept").c_str(), replaced.c_str()), 0);
  const auto fifo = make(1, 4, "now a fifo");
  ASSERT_EQ(::unlink(fifo.c_str()), 0);
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto gone = make(1, 5, "removed");
  ASSERT_EQ(::unlink(gone.c_str()), 0);
  for (const auto& one : {linked, readable, replaced, fifo, gone})
    spare.give(one);
  EXPECT_EQ(text(make(1, 6, "new")), "new");
  EXPECT_EQ(text(dir / "kept"), "kept by a link");
}

TEST_F(SpareInputsTest, AnAttemptThatIsReleasedAgainFindsItsInputWhole) {
  make(1, 1, "written by an earlier life, and longer");
  EXPECT_EQ(text(make(1, 1, "again")), "again");
}

TEST_F(SpareInputsTest, NoSpareIsLeftBehind) {
  std::string last;
  {
    SpareInputs own;
    for (int i = 0; i < 100; ++i) {
      last = path(3, i);
      ASSERT_TRUE(own.make(last, run_dir(3), "x").ok());
      if (i % 2 == 0) continue;
      own.give(path(3, i - 1));
      own.give(last);
    }
  }
  EXPECT_EQ(::rmdir(run_dir(3).c_str()), 0) << "files are left in " << run_dir(3);
}

}  // namespace
}  // namespace pawl::actions
