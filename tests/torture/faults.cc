// I/O errors and exhausted memory: the k-th write, read, sync, truncation, open or allocation
// fails, once or from then on, for k = 1, 2, ... until nothing fails any more. Nothing acknowledged
// may be lost, nothing corrupted, nothing leaked; after a failed fsync the store refuses to go on.
//
// The first two parts sweep the store in this process, over files in memory that keep what they are
// given; the third lets the real engine meet the same errors under load.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <map>
#include <new>
#include <optional>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/random.h"
#include "store/conformance_testing.h"
#include "store/sqlite/powerloss_vfs.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/memory.h"
#include "tests/torture/site.h"
#include "tests/torture/torture.h"

namespace pawl::torture {

namespace {

// -- a script of store operations, and what must be true after it

constexpr int kOperations = 24;

// Versions of runs that were acknowledged, in memory that outlives a process which dies.
class Acknowledged {
 public:
  Acknowledged()
      : versions_(static_cast<std::uint64_t*>(
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    PAWL_ASSERT(versions_ != MAP_FAILED);
  }
  ~Acknowledged() { ::munmap(versions_, kBytes); }
  Acknowledged(const Acknowledged&) = delete;
  Acknowledged& operator=(const Acknowledged&) = delete;
  void clear() { std::memset(versions_, 0, kBytes); }
  std::uint64_t& of(std::int64_t run) {
    PAWL_ASSERT(run > 0 && run < kRuns);
    return versions_[run];
  }
  static constexpr std::int64_t kRuns = 1024;

 private:
  static constexpr std::size_t kBytes = kRuns * sizeof(std::uint64_t);
  std::uint64_t* versions_;
};

struct Played {
  int operations = 0;
  bool fail_stopped = false;  // a commit was refused because an fsync had failed
};

class Script {
 public:
  // `shared`: where acknowledgements go too, if the process may die.
  Script(std::uint64_t seed, const char* vfs, const std::string& directory,
         Acknowledged* shared = nullptr)
      : seed_(seed), vfs_(vfs), directory_(directory), shared_(shared) {}
  void forget() { acknowledged_.clear(); }
  std::uint64_t seed() const { return seed_; }
  const std::string& directory() const { return directory_; }

  // Plays until the end, or until memory runs out in it.
  Played play(Violations& violations) {
    Random random(seed_);
    Played out;
    acknowledged_.clear();
    next_ = 1;
    auto store = open();
    for (int i = 0; i < kOperations; ++i, ++out.operations) {
      if (!store.ok()) {
        store = open();  // as the next start would
        continue;
      }
      operate(**store, random, out, violations);
      if (random.below(12) == 0) {
        store = Error{Errc::unavailable, "closed"};
        store = open();
        stopped_ = false;
      }
    }
    return out;
  }

  // With nothing failing any more.
  void inspect(const std::string& where, Violations& violations) {
    auto store = open();
    if (!store.ok()) return violations.add(str(where, ": ", store.error().message));
    auto found = (*store)->check();
    if (!found.ok()) return violations.add(str(where, ": ", found.error().message));
    if (!found->empty()) violations.add(str(where, ": ", found->front()));
    for (std::int64_t id = 1; shared_ && id < Acknowledged::kRuns; ++id) {
      if (shared_->of(id) > 0) acknowledged_[id] = shared_->of(id);
    }
    for (const auto& [id, version] : acknowledged_) {
      auto row = (*store)->find_run(RunId(id));
      if (!row.ok() || !row->has_value() || (*row)->header.version < version) {
        violations.add(str(where, ": version ", version, " of run ", id, " was acknowledged"));
      }
    }
  }

 private:
  Result<std::unique_ptr<store::Store>> open() {
    return store::open_sqlite({.directory = directory_, .vfs = vfs_});
  }

  void operate(store::Store& store, Random& random, Played& out, Violations& violations) {
    switch (random.below(10)) {
      case 0:
        (void)store.load_run(RunId(next_ / 2 + 1)).ok();
        break;
      case 1:
        (void)store.list_runs({}).ok();
        break;
      case 2:
        (void)store.scan_open(RunId(0), 100, false).ok();
        break;
      case 3:
        (void)store.idle().ok();
        break;
      case 4:
        (void)store.read_logs({.run = RunId(1)}).ok();
        break;
      case 5:
        (void)store.read_events(RunId(1), 0).ok();
        break;
      default:
        commit(store, random, out, violations);
    }
  }

  void commit(store::Store& store, Random& random, Played& out, Violations& violations) {
    store::Batch batch;
    std::map<std::int64_t, std::uint64_t> written;
    if (next_ == 1) batch.workflows = {store::test_workflow(1, "sample")};
    const auto count = 1 + static_cast<std::int64_t>(random.below(5));
    const auto size = random.below(4) == 0 ? random.below(30'000) : random.below(900);
    const auto first = next_;
    for (; next_ < first + count; ++next_) {
      batch.runs.push_back(store::new_run(next_));
      batch.runs.back().state = store::random_bytes(random, size);
      written[next_] = 1;
    }
    if (!acknowledged_.empty()) {
      const auto& [id, version] = *acknowledged_.rbegin();
      auto again = store::new_run(id);
      again.insert = false;
      again.header.version = version + 1;
      batch.runs.push_back(std::move(again));
      written[id] = version + 1;
    }
    batch.keys = {{str("key ", first), RunId(first), "f", store::kTestStart}};
    if (!acknowledged_.empty() && random.below(2))
      batch.logs = {store::log_chunk(acknowledged_.begin()->first, 0, 1, lines_ += 3, 3)};
    auto done = store.commit(batch);
    if (done.ok()) {
      if (stopped_) violations.add(str("seed ", seed_, ": a commit after a failed fsync"));
      for (const auto& [id, version] : written) {
        acknowledged_[id] = version;
        if (shared_) shared_->of(id) = version;
      }
      return;
    }
    if (done.error().message.find("nothing more is written") != std::string::npos) {
      stopped_ = out.fail_stopped = true;
    }
    // Whether it was done shows in the store only; the engine reads, and so does this.
    for (const auto& [id, version] : written) {
      auto row = store.find_run(RunId(id));
      if (row.ok() && row->has_value()) acknowledged_[id] = (*row)->header.version;
    }
  }

  const std::uint64_t seed_;
  const char* vfs_;
  const std::string directory_;
  Acknowledged* shared_;
  std::map<std::int64_t, std::uint64_t> acknowledged_;  // run -> version
  std::int64_t next_ = 1;
  std::uint64_t lines_ = 0;
  bool stopped_ = false;
};

// A counts file of its own, and who reads it.
class TempCounts {
 public:
  TempCounts() : scratch_("counts", false) {
    auto made = FailpointCounts::create(path());
    PAWL_ASSERT(made.ok());
    counts_.emplace(std::move(*made));
  }
  std::string path() const { return scratch_.path() + "/counts"; }
  const FailpointCounts* operator->() const { return &*counts_; }

 private:
  Scratch scratch_;
  std::optional<FailpointCounts> counts_;
};

struct Sweep {
  std::uint64_t faults = 0, operations = 0, fail_stops = 0, most = 0, aborts = 0;
};

constexpr const char* kPlaces[] = {"store.wal.write", "store.page.write",    "store.file.sync",
                                   "store.file.read", "store.file.truncate", "store.file.open"};

// The sweep steps through every k at first, then by ever larger steps, unless the dose is long.
std::uint64_t step(std::uint64_t k, const Options& options) {
  return options.long_dose ? k + 1 : k + 1 + k / 4;
}

Sweep sweep_io(const Options& options, std::uint64_t scripts, Violations& violations) {
  Sweep sweep;
  store::sqlite::PowerlossDisk disk(1);
  store::TestDirectory directory;
  TempCounts counts;
  for (std::uint64_t seed = options.seed; seed < options.seed + scripts; ++seed) {
    for (const char* place : kPlaces) {
      for (const char* how : {"error", "fail"}) {
        for (std::uint64_t k = 1;; k = step(k, options)) {
          disk.format(seed);
          Script script(seed, disk.name(), directory.path());
          const auto before = counts->of(place);
          PAWL_ASSERT(arm_failpoints(str(place, ':', k, ':', how), counts.path()).ok());
          auto result = script.play(violations);
          PAWL_ASSERT(arm_failpoints("", "").ok());
          sweep.operations += static_cast<std::uint64_t>(result.operations);
          sweep.fail_stops += result.fail_stopped;
          script.inspect(str("seed ", seed, ", ", place, ':', k, ':', how), violations);
          if (counts->of(place) - before < k) break;
          sweep.most = std::max(sweep.most, k);
          ++sweep.faults;
        }
      }
    }
  }
  return sweep;
}

// One life with little memory, in a process of its own: it may end in std::terminate, as the engine
// would. Exit code 0: nothing was refused; 1: something was; 2: something leaked.
[[noreturn]] void poor_life(Script& script, std::uint64_t k, bool ever) {
  Violations violations;
  if (int null = ::open("/dev/null", O_WRONLY); null >= 0) ::dup2(null, 2);
  {  // what libraries keep for good is taken before counting
    Script warm(script.seed(), nullptr, script.directory() + "-warm");
    warm.play(violations);
  }
  const auto before = memory::alive;
  const auto sqlite_before = sqlite3_memory_used();
  memory::for_ever = ever;
  memory::allocations_left = static_cast<std::int64_t>(k);
  try {
    script.play(violations);
  } catch (const std::bad_alloc&) {
    ::_exit(1);
  }
  memory::allocations_left = -1;
  script.forget();
  if (violations.count() > 0) ::_exit(3);
  const bool leaks = memory::alive > before + 8 || sqlite3_memory_used() > sqlite_before + 1024;
  ::_exit(leaks && memory::refused > 0 ? 2 : memory::refused > 0 ? 1 : 0);
}

Sweep sweep_memory(const Options& options, std::uint64_t scripts, Violations& violations,
                   Violations& leaks) {
  Sweep sweep;
  Acknowledged acknowledged;
  for (std::uint64_t seed = options.seed; seed < options.seed + scripts; ++seed) {
    for (bool ever : {false, true}) {
      for (std::uint64_t k = 1;; k = options.long_dose ? k + 1 + k / 100 : k + 1 + k / 8) {
        Scratch scratch("memory", options.keep, "/dev/shm");  // no power is lost here
        acknowledged.clear();
        Script script(seed, nullptr, scratch.path() + "/data", &acknowledged);
        const pid_t child = ::fork();
        if (child == 0) poor_life(script, k, ever);
        int status = 0;
        ::waitpid(child, &status, 0);
        const auto where = str("seed ", seed, ", allocation ", k, ever ? " and all after it" : "");
        script.inspect(where, violations);
        sweep.operations += kOperations;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 2) leaks.add(where);
        const bool known =
            WIFEXITED(status) ? WEXITSTATUS(status) < 3 : WTERMSIG(status) == SIGABRT;
        if (!known) violations.add(str(where, ": the process ended with status ", status));
        sweep.aborts += WIFSIGNALED(status);
        sweep.most = std::max(sweep.most, k);
        ++sweep.faults;
      }
    }
  }
  return sweep;
}

// The real engine under load meets one error, or a disk that fails for good; then it is started
// anew.
std::uint64_t engine_errors(const Options& options, Violations& violations) {
  std::uint64_t met = 0;
  Random random(options.seed);
  const std::uint64_t rounds = options.long_dose ? 12 : 1;
  for (const char* place : kPlaces) {
    if (std::string_view(place) == "store.file.truncate") continue;  // only when a file is made
    for (const char* how : {"error", "fail"}) {
      for (std::uint64_t round = 0; round < rounds; ++round) {
        Scratch scratch("faults", options.keep);
        Site site(scratch.path() + "/site", 4);
        const auto at = 30 + random.below(200);
        site.start(str(place, ':', at, ':', how));
        Clients clients(site, {.watchers = 3, .submitters = 3, .tolerant = true},
                        options.seed + round);
        const auto until = system_clock().mono() + Millis(options.long_dose ? 1500 : 500);
        while (site.running() && system_clock().mono() < until)
          let_pass(Millis(10));
        met += site.counts().of(place) >= at;
        // Some errors end a process, such as one at its start; none may end in harm.
        site.kill_engine();
        site.start();
        const auto where = str(place, ':', at, ':', how);
        if (!site.ready()) violations.add(str(where, ": no start: ", site.last_words()));
        clients.stop();
        if (!site.all_ended(Millis(60'000))) violations.add(str(where, ": runs are still open"));
        site.stop();
        for (const auto& found : site.findings())
          violations.add(str(where, ": ", found));
        check_ledger(read_ledger(site.ledger()), violations);
        Violations here;
        clients.check(here);
        for (const auto& one : here.first())
          violations.add(str(where, ": ", one));
      }
    }
  }
  return met;
}

}  // namespace

void torture_faults(const Options& options, Report& report) {
  Violations io, memory, leaks, engine;
  const auto scripts = options.dose(9, 60);
  auto errors = sweep_io(options, scripts, io);
  report.figure("I/O: ", errors.faults, " faults, the deepest at the ", errors.most, "th call, in ",
                errors.operations, " operations; ", errors.fail_stops,
                " stores stopped for a failed fsync");
  auto empty = sweep_memory(options, scripts / 3, memory, leaks);
  report.figure("memory: ", empty.faults, " refusals, the deepest at the ", empty.most, "th, in ",
                empty.operations, " operations; ", empty.aborts, " ended the process");
  const auto met = engine_errors(options, engine);
  report.figure("engine: ", met, " lives that met an error");
  report.holds("an I/O error loses nothing acknowledged and damages nothing", io);
  report.holds("exhausted memory loses nothing acknowledged and damages nothing", memory);
  report.holds("nothing leaks", leaks);
  report.holds("an engine that meets errors loses nothing, and all runs end", engine);
  report.at_least("distinct operations", scripts * kOperations, 200);
  report.at_least("I/O faults", errors.faults, scripts * 50);
  report.at_least("stores that stopped for a failed fsync", errors.fail_stops, scripts);
  report.at_least("allocations refused", empty.faults, 50);
  report.at_least("engines that met an error", met, options.long_dose ? 60 : 5);
}

}  // namespace pawl::torture
