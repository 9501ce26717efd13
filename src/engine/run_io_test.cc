#include "engine/run_io.h"

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/faulty_store_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::engine {
namespace {

// The run goes on between the reader's look at its row and at its chunks.
class GoesOn final : public FaultyStore {
 public:
  GoesOn(store::Store& inner, std::function<void()> meanwhile)
      : FaultyStore(inner), meanwhile_(std::move(meanwhile)) {}
  Result<std::optional<store::RunImage>> load_run(RunId run) override {
    auto image = FaultyStore::load_run(run);
    meanwhile_();
    return image;
  }

 private:
  std::function<void()> meanwhile_;
};

TEST(EventsOf, EventsThatAreSealedMeanwhileAreToldOnce) {
  auto store = store::open_memory();
  Options options;
  options.store = store.get();
  auto engine = std::move(Engine::open(std::move(options)).value());
  auto workflow = engine->register_workflow(
      {"pawl: 1\nname: w\ntasks: {g: {action: gate, with: {question: Q?}}}\n", "", {}});
  auto run = engine->submit({.workflow = *workflow}).value();
  auto move = [&](int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(engine->pause(run, "someone with a long name").ok());
      ASSERT_TRUE(engine->resume(run, "someone with a long name").ok());
    }
  };
  move(2);
  GoesOn reader(*store, [&] { move(40); });
  auto events = events_of(reader, run).value();
  ASSERT_GT(events.size(), 10u);
  for (std::size_t i = 0; i < events.size(); ++i)
    ASSERT_EQ(events[i].seq, i + 1);
  auto all = events_of(*store, run).value();
  auto behind = events_of(*store, run, all[all.size() - 4].seq).value();
  ASSERT_EQ(behind.size(), 3u);
  EXPECT_EQ(behind[0].seq, all[all.size() - 3].seq);
  engine->stop();
}

}  // namespace
}  // namespace pawl::engine
