#include "base/mutant.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pawl {
namespace {

#define PAWL_MUTANT_TEXT(name, mistake, promise) #name,
constexpr const char* kNames[] = {PAWL_MUTANT_TABLE(PAWL_MUTANT_TEXT)};
#undef PAWL_MUTANT_TEXT

TEST(Mutant, IsOnOnlyWhereItIsBuiltInAndNamed) {
  EXPECT_FALSE(set_mutant("no_such_bug"));
  EXPECT_EQ(current_mutant(), "");
#ifdef PAWL_MUTANTS
  for (const char* name : kNames) {
    EXPECT_TRUE(set_mutant(name)) << name;
    EXPECT_EQ(current_mutant(), name);
  }
  set_mutant("timer_lost");
  EXPECT_FALSE(PAWL_MUTANT(timer_early));
  EXPECT_EQ(mutant_count(), 0u);
  EXPECT_TRUE(PAWL_MUTANT(timer_lost));
  EXPECT_EQ(mutant_count(), 1u);
#else
  EXPECT_FALSE(set_mutant("timer_lost"));
  EXPECT_FALSE(PAWL_MUTANT(timer_lost));
#endif
  EXPECT_TRUE(set_mutant(""));
}

TEST(Mutant, TheTableIsLongEnoughAndNamesEachOnce) {
  EXPECT_GE(std::size(kNames), 44u);
  EXPECT_EQ(std::set<std::string>(std::begin(kNames), std::end(kNames)).size(), std::size(kNames));
}

}  // namespace
}  // namespace pawl
