#include "engine/run_table.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace pawl::engine {
namespace {

TEST(RunTable, AgreesWithAMapUnderRandomUse) {
  Random random(11);
  RunTable<int> table;
  std::map<RunId, int> model;
  for (int step = 0; step < 200'000; ++step) {
    // Few distinct ids a table apart, so that runs of collisions wrap and close.
    RunId id(static_cast<std::int64_t>(random.below(300) + 1024 * random.below(4) + 1));
    switch (random.below(3)) {
      case 0:
        table[id] = step;
        model[id] = step;
        break;
      case 1:
        table.erase(id);
        model.erase(id);
        break;
      default: {
        auto it = model.find(id);
        int* found = table.find(id);
        ASSERT_EQ(found != nullptr, it != model.end());
        if (found != nullptr) {
          ASSERT_EQ(*found, it->second);
        }
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::size_t seen = 0;
  table.for_each([&](RunId id, int value) {
    ++seen;
    EXPECT_EQ(model.at(id), value);
  });
  EXPECT_EQ(seen, model.size());
}

TEST(RunTable, EntriesKeepTheirAddressWhileTheTableGrows) {
  RunTable<int> table;
  int* first = &table[RunId(1)];
  for (int i = 2; i < 10'000; ++i)
    table[RunId(i)] = i;
  EXPECT_EQ(table.find(RunId(1)), first);
}

TEST(RunTable, AnErasedEntryComesBackEmpty) {
  RunTable<int> table;
  table[RunId(5)] = 7;
  table.erase(RunId(5));
  bool fresh = false;
  EXPECT_EQ(table.get(RunId(5), fresh), 0);
  EXPECT_TRUE(fresh);
}

}  // namespace
}  // namespace pawl::engine
