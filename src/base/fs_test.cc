#include "base/fs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/fs_testing.h"
#include "base/text.h"

namespace pawl {
namespace {

std::string names(const std::string& path) {
  std::string out;
  auto listed = list_dir(path);
  if (!listed.ok()) return listed.error().message;
  for (const auto& entry : *listed) {
    constexpr char kMarks[] = {'-', '/', '@', '?'};
    out += str(out.empty() ? "" : " ", entry.name, kMarks[static_cast<int>(entry.kind)]);
  }
  return out;
}

TEST(Fs, WritesWholeFilesAndReadsThem) {
  TempDir dir;
  auto path = dir / "file";
  ASSERT_TRUE(write_file_atomic(path, "first", 0600).ok());
  EXPECT_EQ(*read_file(path), "first");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto large = std::string(3'000'000, 'x');
  ASSERT_TRUE(write_file_atomic(path, large).ok());
  EXPECT_EQ(*read_file(path), large);
  EXPECT_EQ(names(dir.path()), "file-");  // no temporary file is left
  ASSERT_TRUE(write_file_atomic(path, "").ok());
  EXPECT_EQ(*read_file(path), "");
}

TEST(Fs, ALinkIsReplacedNotFollowed) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "target", "precious").ok());
  ASSERT_EQ(symlink("target", (dir / "link").c_str()), 0);
  ASSERT_TRUE(write_file_atomic(dir / "link", "new").ok());
  EXPECT_EQ(*read_file(dir / "target"), "precious");
  EXPECT_EQ(names(dir.path()), "link- target-");
}

TEST(Fs, ReadsUpToItsCap) {
  TempDir dir;
  auto path = dir / "file";
  ASSERT_TRUE(write_file_atomic(path, "12345").ok());
  EXPECT_EQ(*read_file(path, 5), "12345");
  EXPECT_EQ(*read_file(path, SIZE_MAX), "12345");
  auto read = read_file(path, 4);
  EXPECT_EQ(read.error().code, Errc::too_large);
  EXPECT_EQ(read.error().message,
            str("read ", path, ": it holds more than the 4B (4 bytes) allowed here"));
}

TEST(Fs, ReadsPipesToTheirEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  UniqueFd out(ends[0]);
  std::thread writer([fd = UniqueFd(ends[1])] {
    for (int i = 0; i < 1000; i++)
      EXPECT_TRUE(write_all(fd.get(), std::string(100, 'x'), "pipe").ok());
  });
  auto read = read_fd(out.get(), "pipe");
  writer.join();
  EXPECT_EQ(read->size(), 100'000u);
}

TEST(Fs, ErrorsNamePathAndReason) {
  TempDir dir;
  auto missing = read_file(dir / "none");
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().message, str("read ", dir / "none", ": No such file or directory"));
  auto directory = read_file(dir.path());
  EXPECT_EQ(directory.error().code, Errc::io);
  EXPECT_EQ(directory.error().message, str("read ", dir.path(), ": Is a directory"));
  auto nowhere = write_file_atomic(dir / "none/file", "x");
  EXPECT_EQ(nowhere.error().code, Errc::not_found);
  EXPECT_TRUE(nowhere.error().message.starts_with(str("create ", dir / "none/file.tmp-")))
      << nowhere.error().message;
  EXPECT_EQ(names(dir / "none"), str("list ", dir / "none", ": No such file or directory"));
  ASSERT_TRUE(make_dirs(dir / "d/e").ok());
  auto onto = write_file_atomic(dir / "d", "x");
  EXPECT_TRUE(onto.error().message.ends_with(str(" to ", dir / "d", ": Is a directory")))
      << onto.error().message;
  EXPECT_EQ(names(dir.path()), "d/");  // the temporary file is gone
}

TEST(Fs, AFullDiskHasItsOwnCode) {
  if (!file_exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  auto status = append_file("/dev/full", "x");
  EXPECT_EQ(status.error().code, Errc::disk_full);
  EXPECT_EQ(status.error().message, "write /dev/full: No space left on device");
  EXPECT_EQ(errno_error("write", "x", EDQUOT).code, Errc::disk_full);
  EXPECT_EQ(errno_error("sync", "", EIO).message, "sync: Input/output error");
}

TEST(Fs, AppendsAtTheEnd) {
  TempDir dir;
  ASSERT_TRUE(append_file(dir / "log", "one\n").ok());
  ASSERT_TRUE(append_file(dir / "log", "two\n").ok());
  EXPECT_EQ(*read_file(dir / "log"), "one\ntwo\n");
}

TEST(Fs, LinesOfManyWritersDoNotMix) {
  TempDir dir;
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&, letter] {
      auto line = std::string(300, letter) + '\n';
      for (int i = 0; i < 50; i++)
        EXPECT_TRUE(append_file(dir / "log", line).ok());
    });
  }
  for (auto& writer : writers)
    writer.join();
  auto text = *read_file(dir / "log");
  auto lines = split(trim(text), '\n');
  EXPECT_EQ(lines.size(), 200u);
  for (auto line : lines)
    EXPECT_EQ(line, std::string(300, line[0]));
}

TEST(Fs, MakesTheDirectoriesThatAreMissing) {
  TempDir dir;
  EXPECT_TRUE(make_dirs(dir / "a/b//c/").ok());
  EXPECT_TRUE(make_dirs(dir / "a/b/c").ok());
  EXPECT_EQ(names(dir / "a/b"), "c/");
  ASSERT_TRUE(write_file_atomic(dir / "file", "").ok());
  EXPECT_EQ(make_dirs(dir / "file/x").error().message,
            str("create directory ", dir / "file", ": Not a directory"));
  EXPECT_EQ(make_dirs("").error().code, Errc::usage);
  ASSERT_EQ(symlink("a", (dir / "link").c_str()), 0);
  EXPECT_TRUE(make_dirs(dir / "link/d").ok());  // a link to a directory will do
  EXPECT_TRUE(make_dirs("/").ok());
}

TEST(Fs, ListsSortedWithKinds) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "b", "").ok());
  ASSERT_TRUE(make_dirs(dir / "a").ok());
  ASSERT_EQ(symlink("b", (dir / "c").c_str()), 0);
  ASSERT_EQ(mkfifo((dir / "d").c_str(), 0600), 0);
  EXPECT_EQ(names(dir.path()), "a/ b- c@ d?");
  EXPECT_TRUE(file_exists(dir / "c"));
  EXPECT_FALSE(file_exists(dir / "e"));
}

TEST(Fs, RemovesTrees) {
  TempDir dir;
  for (const char* sub : {"t/a/b/c", "t/a/d", "t/e"})
    ASSERT_TRUE(make_dirs(dir / sub).ok());
  for (const char* file : {"t/1", "t/a/2", "t/a/b/c/3", "t/e/.hidden"}) {
    ASSERT_TRUE(write_file_atomic(dir / file, "x").ok());
  }
  EXPECT_TRUE(remove_tree(dir / "t").ok());
  EXPECT_EQ(names(dir.path()), "");
  EXPECT_TRUE(remove_tree(dir / "t").ok());  // nothing there is fine
  ASSERT_TRUE(write_file_atomic(dir / "file", "x").ok());
  EXPECT_TRUE(remove_tree(dir / "file").ok());
  EXPECT_EQ(names(dir.path()), "");
}

TEST(Fs, RemovingNeverFollowsALink) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "outside").ok());
  ASSERT_TRUE(write_file_atomic(dir / "outside/precious", "x").ok());
  ASSERT_TRUE(make_dirs(dir / "t/sub").ok());
  ASSERT_EQ(symlink((dir / "outside").c_str(), (dir / "t/sub/link").c_str()), 0);
  ASSERT_EQ(symlink("../outside", (dir / "t/relative").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", (dir / "t/dangling").c_str()), 0);
  EXPECT_TRUE(remove_tree(dir / "t").ok());
  ASSERT_EQ(symlink("outside", (dir / "t").c_str()), 0);
  EXPECT_TRUE(remove_tree(dir / "t").ok());  // the link goes, what it points at stays
  EXPECT_EQ(names(dir.path()), "outside/");
  EXPECT_EQ(names(dir / "outside"), "precious-");
}

TEST(Fs, RemovingNeedsAName) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "outside/sub").ok());
  ASSERT_EQ(symlink("outside", (dir / "link").c_str()), 0);
  EXPECT_TRUE(remove_tree(dir / "link//").ok());  // a slash at the end does not follow it
  EXPECT_EQ(names(dir.path()), "outside/");
  for (const auto& path : {std::string("/"), std::string("//"), std::string(".."),
                           dir / "outside/.", dir / "outside/sub/../"}) {
    auto status = remove_tree(path);
    ASSERT_FALSE(status.ok()) << path;
    EXPECT_EQ(status.error().message, str("remove ", path, ": the path must end in a name"));
  }
  EXPECT_EQ(names(dir / "outside"), "sub/");
}

TEST(Fs, RemovesTreesDeeperThanDescriptorsOrPathsAllow) {
  TempDir dir;
  UniqueFd at(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < 600; i++) {  // 4,200 letters of path
    ASSERT_EQ(mkdirat(at.get(), "deeper", 0755), 0);
    at.reset(openat(at.get(), "deeper", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at);
  }
  struct rlimit before {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  auto few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  auto removed = remove_tree(dir / "deeper");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(removed.ok());
  EXPECT_EQ(names(dir.path()), "");
}

TEST(Fs, RemovesWhatATaskMadeReadOnly) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "t/sub").ok());
  ASSERT_TRUE(write_file_atomic(dir / "t/sub/file", "x").ok());
  ASSERT_EQ(chmod((dir / "t/sub").c_str(), 0555), 0);
  EXPECT_TRUE(remove_tree(dir / "t").ok());
  EXPECT_EQ(names(dir.path()), "");
}

TEST(Fs, UniqueFdOwnsOne) {
  TempDir dir;
  UniqueFd a(open(dir.path().c_str(), O_RDONLY));
  int number = a.get();
  UniqueFd b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT: that is the point
  EXPECT_EQ(b.get(), number);
  auto& alias = b;
  b = std::move(alias);
  EXPECT_EQ(b.get(), number);
  b.reset();
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
  UniqueFd c(dup(1));
  int released = c.release();
  EXPECT_EQ(close(released), 0);
}

}  // namespace
}  // namespace pawl
