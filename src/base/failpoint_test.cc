#include "base/failpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/fs_testing.h"

namespace pawl {
namespace {

class Failpoints : public testing::Test {
 protected:
  ~Failpoints() override { EXPECT_TRUE(arm_failpoints("", "").ok()); }
};

TEST_F(Failpoints, AreOffUntilArmed) {
  EXPECT_FALSE(failpoint("a"));
  ASSERT_TRUE(arm_failpoints("b:1:fail", "").ok());
  EXPECT_FALSE(failpoint("a"));
  EXPECT_TRUE(failpoint("b"));
}

TEST_F(Failpoints, ErrorOnceAndForEver) {
  ASSERT_TRUE(arm_failpoints("once:2:error,ever:2:fail", "").ok());
  EXPECT_FALSE(failpoint("once"));
  EXPECT_TRUE(failpoint("once"));
  EXPECT_FALSE(failpoint("once"));
  EXPECT_FALSE(failpoint("ever"));
  EXPECT_TRUE(failpoint("ever"));
  EXPECT_TRUE(failpoint("ever"));
}

TEST_F(Failpoints, KillAtTheNthPassAndCountsOutliveIt) {
  TempDir dir;
  auto counts = FailpointCounts::create(dir / "counts");
  ASSERT_TRUE(counts.ok());
  const auto path = dir / "counts";
  const pid_t child = ::fork();
  if (child == 0) {
    if (!arm_failpoints("here:3", path).ok()) ::_exit(1);
    for (int i = 0; i < 10; ++i)
      failpoint("here");
    ::_exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(counts->of("here"), 3u);
  EXPECT_EQ(counts->of("elsewhere"), 0u);
  EXPECT_EQ(counts->of(kFailpointFired), 1u);
  // Not again: a process that is started anew goes on.
  ASSERT_TRUE(arm_failpoints("here:1", path).ok());
  EXPECT_FALSE(failpoint("here"));
  EXPECT_EQ(counts->all().size(), 2u);
}

TEST_F(Failpoints, RefuseWhatTheyDoNotUnderstand) {
  for (const char* text : {"a", "a:0", "a:x", ":1", "a:1:explode", "a:1:kill:more", "a:1,,b:1"}) {
    EXPECT_FALSE(arm_failpoints(text, "").ok()) << text;
  }
}

}  // namespace
}  // namespace pawl
