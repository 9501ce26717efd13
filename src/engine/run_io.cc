#include "engine/run_io.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/sha256.h"
#include "base/text.h"
#include "core/run_codec.h"

namespace pawl::engine {
namespace {

// Events gather in the run's own row until a chunk of their own is worth a row.
constexpr std::size_t kTailBytes = 1024;

template <typename T>
void sort_unique(std::vector<T>& v) {
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
}

void move_large_output(core::TaskExtra& x, std::size_t inline_bytes, store::RunWrite& write) {
  if (!x.output_hash.empty() || x.output.is_null()) return;
  std::string text = x.output.dump();
  if (text.size() <= inline_bytes) return;
  x.output_hash = sha256_hex(text);
  if (!PAWL_MUTANT(payload_dropped)) write.payloads.push_back({x.output_hash, std::move(text)});
  x.output = Json();
}

}  // namespace

store::RunHeader header_of(const core::Run& run) {
  store::RunHeader h;
  h.id = run.id;
  h.version = run.version;
  h.workflow = run.plan->id;
  h.state = run.state;
  h.verdict = run.verdict;
  h.open = !is_final(run.state);
  if (run.state == core::RunState::paused && PAWL_MUTANT(open_column_wrong)) h.open = false;
  h.constrained = h.open && run.workflow().constrained();
  h.created = run.created;
  h.started = run.started;
  h.finished = run.finished;
  h.wake = run.next_wake();
  h.parent = run.parent;
  h.source = run.source;
  h.tasks_done = run.done_count();
  for (auto n : run.counts)
    h.tasks += n;
  h.tasks_failed = run.counts[static_cast<std::size_t>(core::TaskState::failed)];
  return h;
}

store::RunWrite write_of(core::Run& run, bool insert, std::size_t inline_bytes) {
  store::RunWrite w;
  if (insert || !PAWL_MUTANT(version_kept)) ++run.version;
  w.insert = insert;
  if (run.tail.size() > kTailBytes) {
    w.events.push_back({run.tail_first, run.next_seq - 1, std::move(run.tail)});
    if (PAWL_MUTANT(event_chunk_dropped)) w.events.clear();
    run.tail.clear();
    run.tail_first = run.next_seq;
    run.tail_time = run.created;
  }
  sort_unique(run.dirty_cells);
  std::string cell;
  for (TaskId t : run.dirty_cells) {
    auto it = run.extras.find(t);
    if (it == run.extras.end()) continue;
    move_large_output(it->second, inline_bytes, w);
    cell.clear();
    core::encode_cell(run, t, cell);
    if (!core::cell_inline(run, cell)) w.cells.push_back({t, cell});
  }
  if (!core::rows_inline(run)) {
    sort_unique(run.dirty_segments);
    for (std::uint32_t n : run.dirty_segments) {
      w.segments.push_back({n, {}});
      core::encode_segment(run, n, w.segments.back().bytes);
    }
  }
  // Encoded into a buffer that is kept, then copied once at its size: no growing, one allocation.
  thread_local std::string buffer;
  buffer.clear();
  core::encode_state(run, buffer);
  w.state.assign(buffer);
  w.header = header_of(run);
  if (insert) {
    w.fixed = core::encode_fixed(run);
    w.header.name = run.name;
    w.header.job = run.job;
    w.header.labels = run.labels;
  }
  run.written = {run.next_seq - 1, run.tail.size(), run.tail_time};
  run.dirty_cells.clear();
  run.dirty_segments.clear();
  run.dirty = false;
  return w;
}

Result<std::unique_ptr<core::Run>> run_of(const store::RunImage& image, const PlanSource& plans) {
  const store::RunHeader& h = image.header;
  auto plan = TRY(plans(h.workflow));
  core::RunParts parts;
  parts.id = h.id;
  parts.version = h.version;
  parts.created = h.created;
  parts.parent = h.parent;
  parts.source = h.source;
  parts.name = h.name;
  parts.job = h.job;
  parts.labels = h.labels;
  parts.fixed = image.fixed;
  parts.state = image.state;
  for (const auto& s : image.segments)
    parts.segments.emplace_back(s.number, s.bytes);
  for (const auto& c : image.cells)
    parts.cells.emplace_back(c.task, c.bytes);
  auto run = TRY(core::decode_run(std::move(plan), parts));
  return std::make_unique<core::Run>(std::move(run));
}

Result<std::vector<core::Event>> events_of(store::Store& store, RunId run, std::uint64_t after) {
  auto image = TRY(store.load_run(run));
  if (!image) return {Errc::not_found, str("there is no run ", run.value)};
  std::vector<core::Event> events;
  auto add = [&](std::string_view bytes, std::uint64_t first) -> Status {
    auto more = TRY(core::decode_events(bytes, first, image->header.created));
    for (auto& e : more) {
      if (e.seq <= after) continue;
      after = e.seq;
      events.push_back(std::move(e));
    }
    return {};
  };
  for (const auto& chunk : TRY(store.read_events(run, after)))
    TRY(add(chunk.bytes, chunk.first_seq));
  // Of a run that goes on meanwhile, the tail may have been sealed into a chunk that was just read.
  auto tail = TRY(core::decode_tail(image->state));
  TRY(add(tail.bytes, tail.first));
  return events;
}

}  // namespace pawl::engine
