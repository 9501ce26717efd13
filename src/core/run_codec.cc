#include "core/run_codec.h"

#include <algorithm>
#include <optional>

#include "base/mutant.h"
#include "base/text.h"
#include "core/run_codec_parts.h"

namespace pawl::core {
namespace {

constexpr std::uint8_t kFormat = 1;
// Cells stand in the state of small runs up to this size; beyond, rewriting them costs more than a
// row.
constexpr std::size_t kInlineCell = 256;
constexpr std::uint32_t kInlineCellTasks = 64;
// What a part of its own has around its bytes: the format before, a CRC-32C after.
constexpr std::size_t kSeal = 5;

// Closes the part that began at `from`.
void seal(std::string& out, std::size_t from) {
  Writer(out).u32(crc32c(std::string_view(out).substr(from)));
}

// A reader behind the format byte of a whole and known part, or nullopt.
std::optional<Reader> unseal(std::string_view part) {
  if (part.size() < kSeal || static_cast<std::uint8_t>(part[0]) != kFormat) return std::nullopt;
  auto body = part.substr(0, part.size() - 4);
  if (Reader(part.substr(body.size())).u32() != crc32c(body)) return std::nullopt;
  return Reader(body.substr(1));
}

void put_tail(Writer& w, const Run& run) {
  w.varint(run.tail_first);
  w.bytes(run.tail);
}

}  // namespace

std::string encode_fixed(const Run& run) {
  std::string out;
  std::string inputs = run.inputs.dump();
  out.reserve(inputs.size() + 24);
  Writer w(out);
  w.u8(kFormat);
  w.zigzag(run.priority);
  w.varint(run.parent_task);
  w.bytes(inputs);
  seal(out, 0);
  return out;
}

bool rows_inline(const Run& run) { return run.task_count() <= kRowsPerSegment; }

bool cell_inline(const Run& run, std::string_view cell) {
  return run.task_count() <= kInlineCellTasks && cell.size() <= kInlineCell;
}

void encode_cell(const Run& run, TaskId t, std::string& out) {
  auto from = out.size();
  Writer w(out);
  w.u8(kFormat);
  put_cell(w, run.extras.at(t));
  seal(out, from);
}

void encode_segment(const Run& run, std::uint32_t segment, std::string& out) {
  auto from = out.size();
  Writer w(out);
  w.u8(kFormat);
  TaskId first = segment * kRowsPerSegment;
  TaskId end = std::min(first + kRowsPerSegment, run.task_count());
  for (TaskId t = first; t < end; ++t)
    put_row(w, run.rows[t], run.created);
  seal(out, from);
}

namespace {

void put_small_run(Writer& w, const Run& run) {
  for (const TaskRow& r : run.rows)
    put_row(w, r, run.created);
  if (run.task_count() > kInlineCellTasks) return;
  std::string cell;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    auto it = run.extras.find(t);
    if (it == run.extras.end()) continue;
    cell.clear();
    Writer c(cell);
    put_cell(c, it->second);
    if (cell.size() + kSeal > kInlineCell) continue;
    w.varint(t + 1);
    w.bytes(cell);
  }
  w.varint(0);
}

}  // namespace

void encode_state(const Run& run, std::string& out) {
  auto from = out.size();
  Writer w(out);
  w.u8(kFormat);
  put_tail(w, run);
  w.varint(run.next_seq);
  w.zigzag((run.tail_time - run.created).count());
  w.u8(static_cast<std::uint8_t>(run.state));
  w.u8(static_cast<std::uint8_t>(run.verdict));
  w.u8(static_cast<std::uint8_t>(
      (run.admitted ? 1u : 0u) | (run.cancelling && !PAWL_MUTANT(cancelling_not_stored) ? 2u : 0u) |
      (run.finals_open ? 4u : 0u) | (run.rejected ? 8u : 0u) | (run.warned ? 16u : 0u)));
  w.u8(static_cast<std::uint8_t>(run.before_pause));
  w.zigzag(run.started.time_since_epoch().count());
  w.zigzag(run.finished.time_since_epoch().count());
  w.varint(run.next_lease);
  w.bytes(run.key);
  w.bytes(run.error);
  w.bytes(run.pause_reason);
  w.bytes(run.outputs.is_null() ? std::string() : run.outputs.dump());
  w.varint(run.fan_outs.size());
  for (const FanOut& f : run.fan_outs) {
    w.varint(f.parent);
    w.varint(f.first);
    w.varint(f.count);
    w.varint(PAWL_MUTANT(fan_out_next_lost) ? f.count : f.next);
    w.u8(f.dead);
  }
  w.varint(run.task_count());
  if (rows_inline(run)) put_small_run(w, run);
  seal(out, from);
}

namespace {

// How many rows a run may claim to have: those that its plan, a small run's state or its segments
// hold. Corrupt bytes cannot ask for more memory.
std::uint64_t most_rows(const Run& run, const RunParts& parts) {
  std::uint64_t most = std::max(run.workflow().task_count(), kRowsPerSegment);
  for (const auto& s : parts.segments) {
    most = std::max(most, (std::uint64_t{s.first} + 1) * kRowsPerSegment);
  }
  return std::min<std::uint64_t>(most, kNoTask);
}

void get_fan_outs(Reader& in, Run& run, std::uint64_t most) {
  auto fan_outs = in.varint();
  if (fan_outs > in.left()) return in.fail();
  std::uint64_t rows = run.workflow().task_count();
  for (std::uint64_t i = 0; i < fan_outs && in.ok(); ++i) {
    FanOut f;
    f.parent = static_cast<TaskId>(in.varint());
    f.first = static_cast<TaskId>(in.varint());
    auto count = in.varint(), next = in.varint();
    f.dead = in.u8();
    if (f.first != rows || f.parent >= run.workflow().task_count() ||
        !run.workflow().def(f.parent).for_each || count > most - rows || next > count ||
        (!f.dead && run.fan_out_of(f.parent))) {
      return in.fail();
    }
    f.count = static_cast<std::uint32_t>(count);
    f.next = static_cast<std::uint32_t>(next);
    rows += f.count;
    run.fan_outs.push_back(f);
  }
  if (in.varint() != rows || !in.ok()) return in.fail();
  run.rows.resize(rows);
}

void get_state(Reader& in, Run& run, std::uint64_t most) {
  run.tail_first = in.varint();
  auto tail = in.bytes();
  run.tail.reserve(tail.size() + kTailRoom);
  run.tail = tail;
  run.next_seq = in.varint();
  run.tail_time = time_after(run.created, in.zigzag());
  auto state = in.u8(), verdict = in.u8(), flags = in.u8(), before = in.u8();
  if (state >= kRunStateCount || before >= kRunStateCount || verdict > 3) return in.fail();
  run.state = static_cast<RunState>(state);
  run.verdict = static_cast<Verdict>(verdict);
  run.before_pause = static_cast<RunState>(before);
  run.admitted = flags & 1;
  run.cancelling = flags & 2;
  run.finals_open = flags & 4;
  run.rejected = flags & 8;
  run.warned = flags & 16;
  run.started = Time{Duration{in.zigzag()}};
  run.finished = Time{Duration{in.zigzag()}};
  run.next_lease = static_cast<Lease>(in.varint());
  run.key = in.bytes();
  run.error = in.bytes();
  run.pause_reason = in.bytes();
  if (auto outputs = in.bytes(); !outputs.empty()) {
    auto parsed = Json::parse(outputs, {.max_bytes = 256u << 20, .max_depth = 200});
    if (!parsed.ok()) return in.fail();
    run.outputs = std::move(*parsed);
  }
  get_fan_outs(in, run, most);
  if (!in.ok()) return;
  if (!rows_inline(run)) return;
  for (TaskRow& r : run.rows)
    get_row(in, r, run.created);
  if (run.task_count() > kInlineCellTasks) return;
  while (auto t = in.varint()) {
    if (t > run.task_count()) return in.fail();
    Reader cell(in.bytes());
    get_cell(cell, run.extras[static_cast<TaskId>(t - 1)]);
    if (!cell.ok() || !cell.at_end()) return in.fail();
  }
}

void derive_waits(Run& run) {
  const Workflow& w = run.workflow();
  auto open = [&](TaskId t) { return !is_final(run.rows[t].state); };
  for (TaskId t = 0; t < w.task_count(); ++t) {
    TaskRow& r = run.rows[t];
    if (is_final(r.state)) continue;
    if (w.node(t).parent == kNoTask) ++(w.node(t).is_finally ? run.open_finals : run.open_roots);
    if (r.state == TaskState::pending) {
      for (TaskId n : w.needs(t))
        r.waits += open(n);
    } else if (run.def(t).executor == Executor::group) {
      for (TaskId m : w.members(t))
        r.waits += open(m);
    }
  }
  for (FanOut& f : run.fan_outs) {
    if (f.dead) continue;
    std::uint32_t waits = 0;
    for (TaskId c = f.first; c < f.first + f.count; ++c) {
      waits += open(c);
      // One before `next` that is pending still was opened, and the run's pause held it back.
      f.active += open(c) && (run.rows[c].state != TaskState::pending || c - f.first < f.next);
    }
    if (run.rows[f.parent].state == TaskState::running) run.rows[f.parent].waits = waits;
  }
}

void derive(Run& run) {
  for (const TaskRow& r : run.rows)
    ++run.counts[static_cast<std::size_t>(r.state)];
  for (const FanOut& f : run.fan_outs) {
    if (!f.dead) continue;
    for (TaskId c = f.first; c < f.first + f.count; ++c) {
      --run.counts[static_cast<std::size_t>(run.rows[c].state)];
    }
  }
  run.lanes.resize(run.plan->lanes.size());
  if (is_final(run.state)) return;
  derive_waits(run);
  std::vector<TaskId> queued;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (run.rows[t].state == TaskState::queued) queued.push_back(t);
    if (run.rows[t].lease != 0) ++run.lanes[run.lane_of(t)].leased;
  }
  std::stable_sort(queued.begin(), queued.end(),
                   [&](TaskId a, TaskId b) { return run.rows[a].queued < run.rows[b].queued; });
  for (TaskId t : queued) {
    Lane& lane = run.lanes[run.lane_of(t)];
    lane.tasks.push_back(t);
    ++lane.live;
  }
  for (const auto& [t, x] : run.extras) {
    if (run.rows[t].state == TaskState::retrying && PAWL_MUTANT(timers_not_rebuilt)) continue;
    if (x.wake != kNever && !is_final(run.rows[t].state)) run.timers.emplace_back(x.wake, t);
  }
  std::make_heap(run.timers.begin(), run.timers.end(), std::greater<>());
}

}  // namespace

Result<Run> decode_run(std::shared_ptr<const Plan> plan, const RunParts& parts) {
  Run run;
  run.plan = std::move(plan);
  run.id = parts.id;
  run.version = parts.version;
  run.created = parts.created;
  run.parent = parts.parent;
  run.source = parts.source;
  run.name = parts.name;
  run.job = parts.job;
  run.labels = parts.labels;
  auto corrupt = [&](const char* part) {
    return Error{Errc::corrupt, str("run ", run.id.value, ": its ", part,
                                    " cannot be decoded. Restore a "
                                    "backup, or remove the run")};
  };
  for (auto part : {parts.fixed, parts.state}) {
    if (!part.empty() && static_cast<std::uint8_t>(part[0]) > kFormat) {
      return Error{Errc::newer_version,
                   str("run ", run.id.value, " was written by a newer Pawl (format ",
                       static_cast<unsigned>(static_cast<std::uint8_t>(part[0])),
                       "; this one reads ", static_cast<unsigned>(kFormat), "): use that one")};
    }
  }
  auto fixed_part = unseal(parts.fixed);
  if (!fixed_part) return corrupt("fixed part");
  Reader& fixed = *fixed_part;
  run.priority = static_cast<std::int32_t>(fixed.zigzag());
  run.parent_task = static_cast<TaskId>(fixed.varint());
  run.inputs = get_json(fixed);
  if (!fixed.ok() || !fixed.at_end() || !run.inputs.is_object()) return corrupt("fixed part");

  auto state_part = unseal(parts.state);
  if (!state_part) return corrupt("state");
  Reader& state = *state_part;
  get_state(state, run, most_rows(run, parts));
  if (!state.ok() || !state.at_end()) return corrupt("state");
  if (!rows_inline(run)) {
    // Segments that were never written hold untouched rows.
    for (const auto& [number, bytes] : parts.segments) {
      auto part = unseal(bytes);
      std::uint64_t first = std::uint64_t{number} * kRowsPerSegment;
      if (!part || first >= run.rows.size()) return corrupt("task rows");
      Reader& in = *part;
      auto end = std::min<std::uint64_t>(first + kRowsPerSegment, run.rows.size());
      for (auto t = first; t < end; ++t)
        get_row(in, run.rows[t], run.created);
      if (!in.ok() || !in.at_end()) return corrupt("task rows");
    }
  }
  for (const auto& [t, bytes] : parts.cells) {
    if (t >= run.task_count()) return corrupt("cells");
    auto [it, fresh] = run.extras.try_emplace(t);
    if (!fresh) continue;  // the state's own is newer
    auto part = unseal(bytes);
    if (!part) return corrupt("cells");
    Reader& in = *part;
    get_cell(in, it->second);
    if (!in.ok() || !in.at_end()) return corrupt("cells");
  }
  derive(run);
  run.written = {run.next_seq - 1, run.tail.size(), run.tail_time};
  return run;
}

Result<EventTail> decode_tail(std::string_view state) {
  auto in = unseal(state);
  EventTail tail;
  if (in) {
    tail.first = in->varint();
    tail.bytes = in->bytes();
  }
  if (!in || !in->ok()) return {Errc::corrupt, "the run's state cannot be decoded"};
  return tail;
}

}  // namespace pawl::core
