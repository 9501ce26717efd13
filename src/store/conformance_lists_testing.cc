// Cases on lists: filters, order, cursors; and the small rows: workflows, keys, settings.

#include <gtest/gtest.h>

#include "base/text.h"
#include "store/conformance_testing.h"

namespace pawl::store {

namespace {

using core::RunState;
using core::Verdict;

std::uint32_t set_of(std::initializer_list<RunState> states) {
  std::uint32_t out = 0;
  for (auto state : states)
    out |= 1u << static_cast<unsigned>(state);
  return out;
}

std::uint32_t set_of(std::initializer_list<Verdict> verdicts) {
  std::uint32_t out = 0;
  for (auto verdict : verdicts)
    out |= 1u << static_cast<unsigned>(verdict);
  return out;
}

// 3,000 runs of three workflows in every state, with jobs and labels here and there.
std::vector<RunHeader> fill(Store& store) {
  Batch batch;
  batch.workflows = {test_workflow(1, "etl"), test_workflow(2, "etl", 2),
                     test_workflow(3, "train")};
  std::vector<RunHeader> headers;
  Random random(3);
  for (std::int64_t id = 1; id <= 3000; ++id) {
    auto write = new_run(id);
    auto& h = write.header;
    h.workflow = WorkflowId(id > 2000 ? 2 : id % 400 == 0 ? 3 : 1);
    h.state = static_cast<RunState>(random.below(core::kRunStateCount));
    h.open = !core::is_final(h.state);
    h.verdict = static_cast<Verdict>(random.below(4));
    if (!h.open) h.finished = h.created + std::chrono::seconds(1);
    if (id % 10 == 0) h.job = str("job ", id % 50);
    if (id % 3 == 0) h.labels = str(R"({"team":"t)", id % 9, R"(","size":)", id % 6, "}");
    h.created += std::chrono::hours(id / 300);
    if (h.started != kNoTime) h.started = h.created;
    headers.push_back(h);
    batch.runs.push_back(std::move(write));
  }
  must_commit(store, batch);
  return headers;
}

template <typename Predicate>
void expect_list(Store& store, const std::vector<RunHeader>& headers, RunFilter filter,
                 Predicate wanted) {
  std::vector<std::int64_t> all, paged;
  for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
    if (wanted(*it)) all.push_back(it->id.value);
  }
  filter.limit = 10'000;
  auto whole = store.list_runs(filter);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(ids(*whole), all);
  filter.limit = 73;
  for (;;) {
    auto page = store.list_runs(filter);
    ASSERT_TRUE(page.ok()) << page.error().message;
    for (const auto& row : *page)
      paged.push_back(row.header.id.value);
    if (page->size() < 73) break;
    filter.before = page->back().header.id;
  }
  EXPECT_EQ(paged, all);
}

void filters_by_state_and_verdict(const Backend& backend) {
  StoreUnderTest store(backend);
  auto headers = fill(*store);
  expect_list(*store, headers, {}, [](const RunHeader&) { return true; });
  RunFilter filter;
  for (int state = 0; state < core::kRunStateCount; ++state) {
    filter.states = 1u << state;
    expect_list(*store, headers, filter,
                [&](const RunHeader& h) { return static_cast<int>(h.state) == state; });
  }
  filter.states = set_of({RunState::failed, RunState::paused});
  filter.verdicts = set_of({Verdict::fail, Verdict::warning});
  expect_list(*store, headers, filter, [](const RunHeader& h) {
    return (h.state == RunState::failed || h.state == RunState::paused) &&
           (h.verdict == Verdict::fail || h.verdict == Verdict::warning);
  });
  filter.states = 0;
  expect_list(*store, headers, filter, [](const RunHeader&) { return false; });
}

void filters_by_workflow_job_labels(const Backend& backend) {
  StoreUnderTest store(backend);
  auto headers = fill(*store);
  RunFilter filter;
  filter.workflow = "train";
  expect_list(*store, headers, filter, [](const RunHeader& h) { return h.workflow.value == 3; });
  filter.workflow = "etl";  // both versions
  expect_list(*store, headers, filter, [](const RunHeader& h) { return h.workflow.value != 3; });
  filter.job = "job 20";
  expect_list(*store, headers, filter,
              [](const RunHeader& h) { return h.job == "job 20" && h.workflow.value != 3; });
  filter = {};
  filter.labels = {{"team", "t3"}};
  expect_list(*store, headers, filter, [](const RunHeader& h) {
    return h.labels.find(R"("team":"t3")") != std::string::npos;
  });
  filter.labels = {{"team", "t3"}, {"size", "3"}};
  expect_list(*store, headers, filter, [](const RunHeader& h) {
    return h.labels.find(R"("team":"t3","size":3})") != std::string::npos;
  });
  for (auto nothing : {&RunFilter::workflow, &RunFilter::job}) {
    RunFilter none;
    none.*nothing = "nowhere";
    expect_list(*store, headers, none, [](const RunHeader&) { return false; });
  }
  filter.labels = {{"team", ""}};
  expect_list(*store, headers, filter, [](const RunHeader&) { return false; });
}

void filters_by_time(const Backend& backend) {
  StoreUnderTest store(backend);
  auto headers = fill(*store);
  for (int hours : {-1, 0, 3, 9, 1000}) {
    RunFilter filter;
    filter.since = kTestStart + std::chrono::hours(hours) + std::chrono::minutes(20);
    expect_list(*store, headers, filter,
                [&](const RunHeader& h) { return h.created >= filter.since; });
    filter.states = set_of({RunState::failed});
    expect_list(*store, headers, filter, [&](const RunHeader& h) {
      return h.created >= filter.since && h.state == RunState::failed;
    });
  }
}

void lists_follow_changes(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1), new_run(2), new_run(3000)}));
  RunFilter failed, open;
  failed.states = set_of({RunState::failed});
  open.states = set_of({RunState::running, RunState::pending, RunState::recovering});
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(ids(*store->list_runs(open)), (Ids{3000, 2, 1}));
  auto write = next_version(new_run(2));
  finish(write, RunState::failed, kTestStart + std::chrono::hours(1));
  must_commit(*store, batch_of({write}));
  EXPECT_EQ(ids(*store->list_runs(open)), (Ids{3000, 1}));
  EXPECT_EQ(ids(*store->list_runs(failed)), (Ids{2}));
  store.reopen();
  auto again = next_version(write);
  again.header.state = RunState::recovering;
  again.header.open = true;
  must_commit(*store, batch_of({again}));
  EXPECT_EQ(ids(*store->list_runs(open)), (Ids{3000, 2, 1}));
  EXPECT_TRUE(store->list_runs(failed)->empty());
  RunFilter before;
  before.before = RunId(2);
  EXPECT_EQ(ids(*store->list_runs(before)), (Ids{1}));
  before.before = RunId(1);
  EXPECT_TRUE(store->list_runs(before)->empty());
  expect_sound(*store) /* marks kept up */;
}

void workflows_and_versions(const Backend& backend) {
  StoreUnderTest store(backend);
  EXPECT_EQ(store->last_workflow_id()->value, 0);
  EXPECT_TRUE(store->list_workflows()->empty());
  auto first = test_workflow(1, "zoo");
  auto second = test_workflow(2, "zoo", 2);
  second.text = std::string(50'000, 'x') + "\xf0\x9f\x90\xbe" + std::string("\0", 1);
  second.links = R"({"child.yaml": 1})";
  auto other = test_workflow(3, "ape");
  other.text = "";
  Batch batch;
  batch.workflows = {first, second, other};
  must_commit(*store, batch);
  store.reopen();
  EXPECT_EQ(store->last_workflow_id()->value, 3);
  auto loaded = *store->load_workflow(WorkflowId(2));
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->name, "zoo");
  EXPECT_EQ(loaded->version, 2);
  EXPECT_EQ(loaded->hash, second.hash);
  EXPECT_TRUE(loaded->text == second.text);
  EXPECT_EQ(loaded->file, "zoo.yaml");
  EXPECT_EQ(loaded->links, second.links);
  EXPECT_EQ(loaded->created, kTestStart);
  EXPECT_FALSE(store->load_workflow(WorkflowId(4))->has_value());
  EXPECT_EQ((*store->find_workflow("zoo", 0))->id.value, 2);
  EXPECT_EQ((*store->find_workflow("zoo", 1))->id.value, 1);
  EXPECT_EQ((*store->find_workflow("ape", 1))->text, "");
  EXPECT_FALSE(store->find_workflow("zoo", 3)->has_value());
  EXPECT_FALSE(store->find_workflow("", 0)->has_value());
  auto list = *store->list_workflows();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name, "ape");
  EXPECT_EQ(list[1].version, 2);
  EXPECT_EQ(list[1].text, "");
  for (auto [id, version] : {std::pair{3, 9}, {9, 2}}) {
    Batch duplicate;
    duplicate.workflows = {test_workflow(id, "zoo", version)};
    auto done = store->commit(duplicate);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, Errc::conflict);
  }
  must_commit(*store, batch_of({new_run(1)}));
  auto row = *store->find_run(RunId(1));
  EXPECT_EQ(row->workflow_name, "zoo");
  EXPECT_EQ(row->workflow_version, 1);
}

void keys_and_settings(const Backend& backend) {
  StoreUnderTest store(backend);
  std::string odd("k\0\xc3\xa4", 4);
  auto batch = batch_of({new_run(1)});
  batch.keys = {{odd, RunId(1), "print", kTestStart}, {"", RunId(1), "", kNoTime}};
  batch.meta = {{"token", std::string("a\0b", 3)}, {"empty", ""}, {"twice", "1"}, {"twice", "2"}};
  must_commit(*store, batch);
  store.reopen();
  auto key = *store->find_key(odd);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->key, odd);
  EXPECT_EQ(key->run.value, 1);
  EXPECT_EQ(key->fingerprint, "print");
  EXPECT_EQ(key->created, kTestStart);
  EXPECT_TRUE(store->find_key("")->has_value());
  EXPECT_FALSE(store->find_key("k")->has_value());
  EXPECT_EQ(*store->meta("token"), std::string("a\0b", 3));
  EXPECT_EQ(*store->meta("empty"), "");
  EXPECT_EQ(*store->meta("twice"), "2");
  EXPECT_FALSE(store->meta("absent")->has_value());
  Batch again;
  again.keys = {{odd, RunId(1), "other", kTestStart}};
  again.meta = {{"token", "changed"}};
  auto done = store->commit(again);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Errc::conflict);
  EXPECT_EQ(*store->meta("token"), std::string("a\0b", 3));
  EXPECT_EQ((*store->find_key(odd))->fingerprint, "print");
}

void tells_about_itself(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1), new_run(2)}));
  auto info = store->info();
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(info->runs, 2u);
  EXPECT_FALSE(info->engine.empty());
  EXPECT_FALSE(info->id.empty());
  EXPECT_GE(info->schema, 1);
  auto id = info->id;
  store.reopen();
  EXPECT_EQ(store->info()->id, id);
  ASSERT_TRUE(store->idle().ok());
}

}  // namespace

std::vector<ConformanceCase> list_cases() {
  return {
      {"filters_by_state_and_verdict", filters_by_state_and_verdict},
      {"filters_by_workflow_job_labels", filters_by_workflow_job_labels},
      {"filters_by_time", filters_by_time},
      {"lists_follow_changes", lists_follow_changes},
  };
}

std::vector<ConformanceCase> row_cases() {
  return {
      {"workflows_and_versions", workflows_and_versions},
      {"keys_and_settings", keys_and_settings},
      {"tells_about_itself", tells_about_itself},
  };
}

}  // namespace pawl::store
