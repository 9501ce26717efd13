#pragma once
// Store: the seam under the engine. One suite (store/conformance.h) holds for every implementation.
//
// The run is the aggregate: the engine hands over whole images and changed parts, encoded by core,
// and the store writes each changed row once, all of a batch in one transaction, durable when
// commit() returns. The store knows columns for finding runs; everything else of a run is opaque
// bytes that it guards with a checksum: damage is refused as Errc::corrupt, never decoded.
//
//   runs      a row a run: header columns + state bytes (rows of up to kSegment tasks, event tail)
//   segments  (run, n): task rows n*kSegment.. of large runs
//   cells     (run, task): a task's larger belongings (outputs, error, checkpoint reference)
//   events    (run, first_seq): sealed chunks of history
//   payloads  (run, hash): inputs and outputs above 64 KiB
//   logs      (run, task, attempt, first_line): compressed chunks, in a file of their own
//
// Threads: commit(), purge() and migrate() belong to one writer at a time. Readers may be called
// from any thread at any time and see committed state only.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/states.h"
#include "core/worker_port.h"

namespace pawl::store {

// What lists, filters and start-up need to know of a run without decoding its state.
struct RunHeader {
  RunId id;
  std::uint64_t version = 0;  // grows by one with every write of this run
  WorkflowId workflow;
  core::RunState state = core::RunState::pending;
  core::Verdict verdict = core::Verdict::none;
  bool open = true;          // not in a final state
  bool constrained = false;  // holds or waits for a resource or a concurrency key
  Time created = kNoTime, started = kNoTime, finished = kNoTime;
  Time wake = kNever;  // earliest timer
  RunId parent;        // the run whose `workflow` task this is
  RunId source;        // the run this one was recovered from
  std::uint32_t tasks = 0, tasks_done = 0, tasks_failed = 0;
  // Written at insertion, never changed:
  std::string name;    // run_name rendered, for people
  std::string job;     // the caller's own id; ""
  std::string labels;  // JSON object text; ""
};

struct Segment {
  std::uint32_t number = 0;
  std::string bytes;
};

struct Cell {
  TaskId task = kNoTask;
  std::string bytes;
};

struct EventChunk {
  std::uint64_t first_seq = 0, last_seq = 0;
  std::string bytes;
};

struct Payload {
  std::string hash;  // SHA-256, 64 hex digits
  std::string bytes;
};

// One run's changes in a batch. version is the new one; the stored one must be version - 1
// (or absent for insert), else commit() fails as a whole with Errc::conflict.
struct RunWrite {
  RunHeader header;
  bool insert = false;
  std::string fixed;  // insert only: immutable bytes (inputs, options)
  std::string state;
  std::vector<Segment> segments;   // upserts
  std::vector<Cell> cells;         // upserts
  std::vector<EventChunk> events;  // appended
  std::vector<Payload> payloads;   // inserted where absent
};

struct WorkflowRow {
  WorkflowId id;
  std::string name;
  std::int32_t version = 0;  // 1, 2, ... within a name
  std::string hash;          // SHA-256 of text and links
  std::string text;          // the file as it was registered
  std::string file;          // where it came from, for messages and base_dir
  std::string links;         // JSON object: child file -> workflow id
  Time created = kNoTime;
};

struct IdempotencyKey {
  std::string key;
  RunId run;
  std::string fingerprint;  // SHA-256 of what was asked
  Time created = kNoTime;
};

struct LogChunk {
  RunId run;
  TaskId task = kNoTask;
  Attempt attempt = 0;
  std::uint64_t first_line = 0;
  std::vector<core::LogLine> lines;
};

// A small setting: the names of actions that files here use beside the built-in ones, a JSON array.
// Whoever only reads runs must know them to read their files.
inline constexpr const char* kActionNames = "action_names";

struct Batch {
  std::vector<RunWrite> runs;
  std::vector<WorkflowRow> workflows;                     // inserts
  std::vector<IdempotencyKey> keys;                       // inserts
  std::vector<LogChunk> logs;                             // durable no later than the rest
  std::vector<std::pair<std::string, std::string>> meta;  // upserts of small settings
  bool empty() const {
    return runs.empty() && workflows.empty() && keys.empty() && logs.empty() && meta.empty();
  }
};

struct RunImage {
  RunHeader header;
  std::string fixed;
  std::string state;
  std::vector<Segment> segments;  // by number
  std::vector<Cell> cells;        // by task
};

struct RunFilter {
  std::uint32_t states = 0xffffffff;  // bit set of 1 << RunState
  std::uint32_t verdicts = 0xffffffff;
  std::string workflow;  // name; "" any
  std::string job;       // "" any
  std::vector<std::pair<std::string, std::string>> labels;
  Time since = kNoTime;  // created at or after
  RunId before;          // keyset cursor: ids below this; 0: from the newest
  std::uint32_t limit = 50;
};

struct RunRow {
  RunHeader header;
  std::string workflow_name;
  std::int32_t workflow_version = 0;
};

struct LogQuery {
  RunId run;
  TaskId task = kNoTask;         // kNoTask: all
  Attempt attempt = 0;           // 0: all
  std::uint64_t from_line = 0;   // with a task and an attempt
  std::uint32_t limit = 10'000;  // lines
};

struct Retention {
  Duration keep{std::chrono::hours(24 * 30)};  // finished runs older than this are removed
  std::uint32_t keep_runs = 0;                 // ... but never the newest so many of a workflow
  std::uint32_t max_runs_per_step = 500;       // bound of one step's work
};

struct StoreInfo {
  std::string engine;  // "sqlite 3.40.1"
  std::string id;      // unique to this store, made when it was created
  std::int32_t schema = 0;
  std::uint64_t bytes = 0, wal_bytes = 0, log_bytes = 0;
  std::uint64_t runs = 0;  // estimate
};

class Store {
 public:
  virtual ~Store() = default;

  // All or nothing, durable when it returns. Errors: conflict (a version), disk_full, io, corrupt,
  // unavailable. After an error nothing of the batch is visible, save that for Errc::io the outcome
  // may be unknown: the engine then reads the runs again. A batch may write one run several times,
  // version after version. Rows that are there already (a run, an event chunk's first_seq, a
  // workflow, a key) are Errc::conflict; payloads that are there are kept, log lines that are there
  // are dropped.
  virtual Status commit(const Batch& batch) = 0;

  virtual Result<std::optional<RunImage>> load_run(RunId run) = 0;
  // Open runs with id > after, in id order, at most limit. Constrained ones only, where asked.
  virtual Result<std::vector<RunImage>> scan_open(RunId after, std::uint32_t limit,
                                                  bool constrained_only) = 0;
  virtual Result<std::optional<RunRow>> find_run(RunId run) = 0;
  virtual Result<std::vector<RunRow>> list_runs(const RunFilter& filter) = 0;
  virtual Result<RunId> last_run_id() = 0;
  virtual Result<std::vector<EventChunk>> read_events(RunId run, std::uint64_t after_seq) = 0;
  virtual Result<std::optional<std::string>> read_payload(RunId run, const std::string& hash) = 0;
  virtual Result<std::vector<LogChunk>> read_logs(const LogQuery& query) = 0;

  virtual Result<std::optional<WorkflowRow>> load_workflow(WorkflowId id) = 0;
  // version 0: the newest.
  virtual Result<std::optional<WorkflowRow>> find_workflow(const std::string& name,
                                                           std::int32_t version) = 0;
  virtual Result<std::vector<WorkflowRow>> list_workflows() = 0;  // newest versions, without text
  virtual Result<WorkflowId> last_workflow_id() = 0;
  virtual Result<std::optional<IdempotencyKey>> find_key(const std::string& key) = 0;
  virtual Result<std::optional<std::string>> meta(const std::string& name) = 0;

  // Removes a bounded number of finished runs past retention, with all that belongs to them, and
  // gives freed space back in small steps. Returns how many; call again while it returns
  // max_runs_per_step.
  virtual Result<std::uint32_t> purge(Time now, const Retention& retention) = 0;
  // Housekeeping when nothing else is to do (checkpoint of the WAL, incremental vacuum). Short.
  virtual Status idle() = 0;
  virtual Result<StoreInfo> info() = 0;
  // Reads everything and checks every checksum and invariant. Returns findings, empty if sound.
  virtual Result<std::vector<std::string>> check() = 0;
};

// How many task rows a segment holds; runs of at most so many tasks keep them in their own row.
inline constexpr std::uint32_t kSegment = 128;

}  // namespace pawl::store
