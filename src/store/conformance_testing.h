#pragma once
// One suite for every store. A store passes if each case holds for it; a case knows the seam only,
// so that a store on another database runs the same cases unchanged:
//
//   INSTANTIATE over conformance_cases() x {Backend{"memory", ...}, Backend{"sqlite", ...}}

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/store.h"

namespace pawl::store {

using StoreFactory = std::function<std::unique_ptr<Store>(const std::string& directory)>;

struct Backend {
  std::string name;
  StoreFactory open;    // an existing directory is opened again, with what it holds
  bool durable = true;  // false: what it holds ends with the object, so reopen() does nothing
};

// A directory of its own, removed at the end.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A fresh store in a fresh directory.
class StoreUnderTest {
 public:
  explicit StoreUnderTest(const Backend& backend);
  Store* operator->() { return store_.get(); }
  Store& operator*() { return *store_; }
  void reopen();

 private:
  const Backend& backend_;
  TestDirectory directory_;
  std::unique_ptr<Store> store_;
};

struct ConformanceCase {
  const char* name;
  void (*run)(const Backend& backend);
};
std::vector<ConformanceCase> conformance_cases();

// The cases by theme; conformance_cases() joins them.
std::vector<ConformanceCase> run_cases();
std::vector<ConformanceCase> list_cases();
std::vector<ConformanceCase> row_cases();
std::vector<ConformanceCase> log_cases();
std::vector<ConformanceCase> retention_cases();
std::vector<ConformanceCase> random_cases();

// -- Values
// ------------------------------------------------------------------------------------------

// The instant that values are counted from: some hour of 2023.
inline constexpr Time kTestStart{Duration{1'700'000'000'000'000}};

WorkflowRow test_workflow(std::int64_t id, const std::string& name, std::int32_t version = 1);
// A run of workflow 1, open, running, created `id` seconds after kTestStart.
RunWrite new_run(std::int64_t id);
// What write becomes when the run changes once more.
RunWrite next_version(const RunWrite& write);
void finish(RunWrite& write, core::RunState state, Time finished);
std::string random_bytes(Random& random, std::size_t size);
LogChunk log_chunk(std::int64_t run, TaskId task, Attempt attempt, std::uint64_t first,
                   std::size_t lines);

Batch batch_of(std::vector<RunWrite> runs);
// One commit that must succeed.
void must_commit(Store& store, const Batch& batch);
// Every field; name, job and labels as they were at insertion.
void expect_same(const RunHeader& wanted, const RunHeader& found);
void expect_image(Store& store, const RunWrite& wanted);
std::vector<std::int64_t> ids(const std::vector<RunRow>& rows);
std::vector<std::int64_t> ids(const std::vector<RunImage>& images);
// "task/attempt/line/stream/text" of each line.
std::vector<std::string> flat(const std::vector<LogChunk>& chunks);
// check() finds nothing.
void expect_sound(Store& store);

}  // namespace pawl::store
