// Damaged files: flipped bits, cuts, swapped and repeated pages, zeroed blocks, in the database,
// its WAL, the logs and the spool. Whatever is done, each answer is right or refused as corrupt.
//
// Two holes are known, and only they are let through: the last two commits of a WAL, where damage
// looks like a write that a power cut tore, and a WAL that was cut short at any place. Then the
// answers are those of an earlier commit, all of them.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/fs.h"
#include "base/random.h"
#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/torture/site.h"
#include "tests/torture/torture.h"
#include "worker/job.h"

namespace pawl::torture {

namespace {

namespace fs = std::filesystem;
using namespace store;

constexpr std::int64_t kRuns = 240, kPerCommit = 8;
constexpr std::size_t kPage = 4096, kFrame = 24 + kPage;

RunWrite sample(std::int64_t id) {
  auto write = new_run(id);
  write.header.labels = R"({"team":"a"})";
  write.state = std::string(static_cast<std::size_t>(200 + id), static_cast<char>('a' + id % 26));
  write.cells = {{0, str("cell ", id)}};
  if (id % 10 == 0) write.segments = {{0, std::string(6000, 's')}};
  if (id % 3 == 0) finish(write, core::RunState::failed, kTestStart + std::chrono::hours(1));
  return write;
}

// A directory as kill -9 leaves it, or as an orderly end does. Returns how large the WAL was after
// each commit.
std::vector<std::size_t> make_store(const std::string& directory, bool in_wal) {
  std::vector<std::size_t> sizes;
  auto store = open_sqlite({.directory = directory + "/live"});
  PAWL_ASSERT(store.ok());
  Batch first;
  first.workflows = {test_workflow(1, "sample")};
  PAWL_ASSERT((*store)->commit(first).ok());
  for (std::int64_t id = 1; id <= kRuns; id += kPerCommit) {
    Batch batch;
    for (auto i = id; i < id + kPerCommit; ++i)
      batch.runs.push_back(sample(i));
    if (id > 1) batch.logs = {log_chunk(id - 1, 0, 1, 0, 5)};
    PAWL_ASSERT((*store)->commit(batch).ok());
    sizes.push_back(fs::exists(directory + "/live/pawl.db-wal")
                        ? fs::file_size(directory + "/live/pawl.db-wal")
                        : 0);
  }
  if (!in_wal) store->reset();
  fs::create_directory(directory + "/copy");
  for (const char* name : {"pawl.db", "pawl.db-wal", "logs.db", "logs.db-wal"}) {
    if (fs::exists(directory + "/live/" + name)) {
      fs::copy(directory + "/live/" + name, directory + "/copy/" + name);
    }
  }
  return sizes;
}

struct Seen {
  bool refused = false;       // something was
  std::int64_t runs = kRuns;  // answers are those of a store with so many
};

class Asker {
 public:
  Asker(const std::string& directory, std::string where, bool older_allowed, Violations& violations)
      : directory_(directory),
        where_(std::move(where)),
        older_allowed_(older_allowed),
        violations_(violations) {}

  Seen ask() {
    auto store = open_sqlite({.directory = directory_});
    if (!store.ok()) {
      refused(store.error());
      return seen_;
    }
    if (older_allowed_) {
      auto last = (*store)->last_run_id();
      if (!last.ok()) {
        refused(last.error());
      } else {
        seen_.runs = last->value;
        if (seen_.runs % kPerCommit != 0) wrong("half a commit");
      }
    }
    runs(**store);
    lists(**store);
    logs(**store);
    auto findings = (*store)->check();
    if (!findings.ok()) {
      refused(findings.error());
    } else if (!findings->empty()) {
      seen_.refused = true;
    } else if (seen_.refused) {
      wrong("check() found nothing, though something was refused");
    }
    return seen_;
  }

 private:
  void wrong(std::string_view what) { violations_.add(str(where_, ": ", what)); }
  void refused(const Error& error) {
    seen_.refused = true;
    if (error.code != Errc::corrupt && error.code != Errc::newer_version) {
      wrong(str("refused as ", to_string(error.code), ": ", error.message));
    }
  }
  void runs(Store& store) {
    for (std::int64_t id = 1; id <= seen_.runs; ++id) {
      auto wanted = sample(id);
      auto image = store.load_run(RunId(id));
      if (!image.ok()) {
        refused(image.error());
        continue;
      }
      if (!image->has_value()) {
        wrong(str("run ", id, " vanished"));
        continue;
      }
      const auto& h = (*image)->header;
      const auto& w = wanted.header;
      const bool same = h.version == w.version && h.state == w.state && h.created == w.created &&
                        h.finished == w.finished && h.workflow == w.workflow && h.name == w.name &&
                        h.labels == w.labels && (*image)->state == wanted.state &&
                        (*image)->fixed == wanted.fixed && (*image)->cells.size() == 1 &&
                        (*image)->cells[0].bytes == wanted.cells[0].bytes &&
                        (*image)->segments.size() == wanted.segments.size();
      if (!same) wrong(str("run ", id, " is another"));
    }
  }
  void lists(Store& store) {
    std::vector<std::int64_t> open, failed;
    for (std::int64_t id = 1; id <= seen_.runs; ++id)
      (id % 3 == 0 ? failed : open).push_back(id);
    std::reverse(failed.begin(), failed.end());
    auto scanned = store.scan_open(RunId(0), 10'000, false);
    if (!scanned.ok()) {
      refused(scanned.error());
    } else if (ids(*scanned) != open) {
      wrong("the open runs are others");
    }
    RunFilter filter;
    filter.limit = 10'000;
    filter.states = 1u << static_cast<unsigned>(core::RunState::failed);
    filter.workflow = "sample";
    auto listed = store.list_runs(filter);
    if (!listed.ok()) {
      refused(listed.error());
    } else if (ids(*listed) != failed) {
      wrong("the failed runs are others");
    }
  }
  // Lines are there, right, or refused; where logs.db was cut back they may be missing at its end.
  void logs(Store& store) {
    for (std::int64_t id = kPerCommit; id < seen_.runs; id += kPerCommit) {
      auto chunks = store.read_logs({.run = RunId(id)});
      if (!chunks.ok()) {
        refused(chunks.error());
        continue;
      }
      const auto lines = flat(*chunks);
      if (lines != flat({log_chunk(id, 0, 1, 0, 5)}) && !(lines.empty() && older_allowed_)) {
        wrong(str("the log of run ", id, " is ", join(lines, " / ")));
      }
    }
  }

  const std::string& directory_;
  const std::string where_;
  const bool older_allowed_;
  Violations& violations_;
  Seen seen_;
};

// -- what is done to a file

constexpr const char* kKinds[] = {"flip", "cut", "swap", "repeat", "zero"};

struct Change {
  std::string what;
  std::size_t first = 0;  // the lowest byte touched
  bool cut = false;
};

Change change(std::string& bytes, std::size_t unit, Random& random) {
  const auto kind = random.below(std::size(kKinds));
  const auto units = std::max<std::uint64_t>(2, bytes.size() / unit);
  auto at = random.below(bytes.size());
  auto one = random.below(units) * unit, other = random.below(units) * unit;
  const auto size = std::min({unit, bytes.size() - std::min(one, bytes.size()),
                              bytes.size() - std::min(other, bytes.size())});
  Change out{str(kKinds[kind], " at ", at), at, false};
  switch (kind) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1u << random.below(8)));
      break;
    case 1:
      bytes.resize(at);
      out.cut = true;
      break;
    case 2:
      std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(one),
                       bytes.begin() + static_cast<std::ptrdiff_t>(one + size),
                       bytes.begin() + static_cast<std::ptrdiff_t>(other));
      // Two places at once: what lies behind the first cannot vouch for it up to the second.
      out = {str("swap ", one, " and ", other), std::max(one, other), false};
      break;
    case 3:
      bytes.replace(other, size, bytes.substr(one, size));
      out = {str("repeat ", one, " at ", other), other, false};
      break;
    default: {
      const auto n = std::min<std::size_t>(bytes.size() - at, 512 << random.below(4));
      bytes.replace(at, n, n, '\0');
      break;
    }
  }
  return out;
}

struct Tally {
  std::uint64_t changes = 0, refused = 0, older = 0, unseen = 0;
};

void damage_store(const Options& options, const char* name, bool in_wal, std::uint64_t count,
                  Tally& tally, Violations& violations) {
  Scratch scratch(str("damage-", name), options.keep);
  const auto sizes = make_store(scratch.path(), in_wal);
  const auto file = scratch.path() + "/try/" + name;
  auto whole = read_file(scratch.path() + "/copy/" + name);
  PAWL_ASSERT(whole.ok() && whole->size() > kFrame);
  const bool wal = std::string_view(name).ends_with("-wal");
  const bool main_wal = wal && std::string_view(name).starts_with("pawl");
  Random random = Random::stream(options.seed, name);
  for (std::uint64_t i = 0; i < count; ++i) {
    fs::remove_all(scratch.path() + "/try");
    fs::copy(scratch.path() + "/copy", scratch.path() + "/try");
    auto bytes = *whole;
    auto done = change(bytes, wal ? kFrame : kPage, random);
    if (bytes == *whole) continue;
    PAWL_ASSERT(write_file_atomic(file, bytes).ok());
    // What a power cut could have done as well.
    const bool torn = wal && (done.cut || !main_wal || done.first >= sizes[sizes.size() - 3]);
    const auto directory = scratch.path() + "/try";
    Asker asker(directory, str(name, ", ", done.what), torn, violations);
    auto seen = asker.ask();
    ++tally.changes;
    tally.refused += seen.refused;
    tally.older += !seen.refused && seen.runs < kRuns;
    tally.unseen += !seen.refused && seen.runs == kRuns;
  }
}

// A job that ended while no engine listened, as the spawner saves and loads it.
void damage_spool(const Options& options, std::uint64_t count, Tally& tally,
                  Violations& violations) {
  Scratch scratch("damage-spool", options.keep);
  const auto dir = scratch.path();
  auto make = [&] {
    actions::ProcessSpec spec;
    spec.fence = {RunId(7), 3, 2, 11};
    spec.state = "the state of its action";
    auto job = std::make_unique<worker::Job>(1, std::move(spec));
    for (int i = 0; i < 200; ++i)
      job->add_output(core::Stream::out, str("line ", i, " of the task\n"), kTestStart);
    job->finish_output(core::Stream::out, kTestStart);
    job->status = 3 << 8;
    job->ended = true;
    return job;
  };
  auto told = [](worker::Job& job) {
    std::string out;
    while (job.pump(out, std::size_t{1} << 24)) {
    }
    return out;
  };
  auto original = make();
  PAWL_ASSERT(original->save(dir).ok());
  const auto name = original->file_name();
  auto intact = worker::Job::load(dir, name);
  PAWL_ASSERT(intact.ok());
  const auto size_of_key = std::size_t{16};
  const auto wanted = told(**intact).substr(size_of_key);
  Random random = Random::stream(options.seed, "spool");
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto path = str(dir, '/', name, i % 2 ? ".job" : ".out");
    const auto whole = *read_file(path);
    auto bytes = whole;
    auto done = change(bytes, 64, random);
    if (bytes == whole) continue;
    PAWL_ASSERT(write_file_atomic(path, bytes).ok());
    auto loaded = worker::Job::load(dir, name);
    ++tally.changes;
    if (!loaded.ok()) {
      ++tally.refused;
      if (loaded.error().code != Errc::corrupt) {
        violations.add(str("spool, ", done.what, ": ", loaded.error().message));
      }
    } else if ((*loaded)->status != original->status) {
      violations.add(str("spool, ", done.what, ": another exit code"));
    } else if (const auto said = told(**loaded); said.find("log damaged") != std::string::npos) {
      ++tally.refused;
    } else if (said.size() < size_of_key || said.substr(size_of_key) != wanted) {
      violations.add(str("spool ", i % 2 ? ".job" : ".out", ", ", done.what, ": other output"));
    }
    PAWL_ASSERT(write_file_atomic(path, whole).ok());
  }
}

}  // namespace

void torture_damage(const Options& options, Report& report) {
  const auto count = options.dose(500, 10'000);
  struct Row {
    const char* name;
    bool in_wal;
    std::uint64_t count;
    std::uint64_t least_seen;  // percent
  };
  // A page of logs or a free page may be one that no answer needs.
  const Row rows[] = {{"pawl.db", false, count * 2 / 5, 90},
                      {"pawl.db-wal", true, count * 2 / 5, 80},
                      {"logs.db", false, count / 10, 50},
                      {"logs.db-wal", true, count / 10, 30}};
  Violations violations;
  for (const auto& row : rows) {
    Tally tally;
    damage_store(options, row.name, row.in_wal, row.count, tally, violations);
    report.figure(row.name, ": ", tally.changes, " changes; ", tally.refused, " refused, ",
                  tally.older, " read as an earlier commit (known holes), ", tally.unseen,
                  " without effect");
    report.at_least(str("percent refused, ", row.name),
                    tally.refused * 100 / std::max<std::uint64_t>(1, tally.changes),
                    row.least_seen);
    report.at_least(str("changes of ", row.name), tally.changes, row.count * 8 / 10);
  }
  Tally spool;
  damage_spool(options, count / 5, spool, violations);
  report.figure("spool: ", spool.changes, " changes; ", spool.refused, " refused");
  report.holds("every answer is right or refused as corrupt", violations);
  report.at_least("changes of the spool", spool.changes, count / 10);
}

}  // namespace pawl::torture
