#include "store/sqlite/run_reader.h"

#include <algorithm>

#include "base/text.h"
#include "store/sqlite/marks.h"
#include "store/sqlite/row.h"
#include "store/sqlite/small_rows.h"

namespace pawl::store::sqlite {

namespace {

// Parts of runs first..last, handed to the images of those ids; other runs between are passed over.
// REQUIRES: images are in id order.
struct Range {
  std::vector<RunImage>& images;
  std::size_t begin, end;
  std::int64_t first() const { return images[begin].header.id.value; }
  std::int64_t last() const { return images[end - 1].header.id.value; }
};

// The image of run `id`, at or after position `at`; nullptr where that run is not wanted.
RunImage* advance(const Range& range, std::size_t& at, std::int64_t id) {
  while (at < range.end && range.images[at].header.id.value < id)
    ++at;
  if (at == range.end || range.images[at].header.id.value != id) return nullptr;
  return &range.images[at];
}

Status fill_fixed(Db& db, const Range& range) {
  Query q(db, "SELECT id, fixed FROM run_fixed WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
  q.bind(1, range.first()).bind(2, range.last());
  std::size_t at = range.begin, found = 0;
  while (TRY(q.row())) {
    auto* image = advance(range, at, q.integer(0));
    if (!image) continue;
    image->fixed = TRY(decode_fixed(image->header.id, q.blob(1), image->header));
    ++found;
  }
  if (found != range.end - range.begin) return damaged("the inputs", RunId(range.first()));
  return {};
}

Status fill_segments(Db& db, const Range& range) {
  Query q(db,
          "SELECT run, number, bytes, crc FROM segments WHERE run BETWEEN ?1 AND ?2 "
          "ORDER BY run, number");
  q.bind(1, range.first()).bind(2, range.last());
  std::size_t at = range.begin;
  while (TRY(q.row())) {
    auto* image = advance(range, at, q.integer(0));
    if (!image) continue;
    auto number = q.integer(1);
    if (row_crc(q.integer(0), number, q.blob(2)) != q.integer(3)) {
      return damaged(str("segment ", number), image->header.id);
    }
    image->segments.push_back({static_cast<std::uint32_t>(number), std::string(q.blob(2))});
  }
  return {};
}

Status fill_cells(Db& db, const Range& range) {
  Query q(db,
          "SELECT run, task, bytes, crc FROM cells WHERE run BETWEEN ?1 AND ?2 "
          "ORDER BY run, task");
  q.bind(1, range.first()).bind(2, range.last());
  std::size_t at = range.begin;
  while (TRY(q.row())) {
    auto* image = advance(range, at, q.integer(0));
    if (!image) continue;
    auto task = q.integer(1);
    if (row_crc(q.integer(0), task, q.blob(2)) != q.integer(3)) {
      return damaged(str("the outputs of task ", task), image->header.id);
    }
    image->cells.push_back({static_cast<TaskId>(task), std::string(q.blob(2))});
  }
  return {};
}

// Runs that lie close together are filled by one scan, far ones by one each.
constexpr std::int64_t kNear = 8;

Status fill_parts(Db& db, std::vector<RunImage>& images) {
  std::size_t begin = 0;
  while (begin < images.size()) {
    auto end = begin + 1;
    while (end < images.size() &&
           images[end].header.id.value - images[end - 1].header.id.value <= kNear) {
      ++end;
    }
    Range range{images, begin, end};
    TRY(fill_fixed(db, range));
    TRY(fill_segments(db, range));
    TRY(fill_cells(db, range));
    begin = end;
  }
  return {};
}

// Header and state of the row that q stands on: id, version, head, state.
Result<RunImage> image_of(const Query& q) {
  RunImage image;
  HeadRow row{RunId(q.integer(0)), q.integer(1), q.blob(2)};
  TRY(decode_head(row, image.header));
  auto state = q.blob(3);
  TRY(check_state(row, state));
  image.state = state;
  return image;
}

}  // namespace

Result<std::optional<RunImage>> load_run(Db& db, RunId run) {
  std::vector<RunImage> images;
  {
    Query q(db, "SELECT id, version, head, state FROM runs WHERE id = ?1");
    q.bind(1, run.value);
    if (!TRY(q.row())) return std::optional<RunImage>{};
    images.push_back(TRY(image_of(q)));
  }
  TRY(fill_parts(db, images));
  return std::optional<RunImage>(std::move(images[0]));
}

Result<std::vector<RunImage>> scan_open(Db& db, RunId after, std::uint32_t limit,
                                        bool constrained_only) {
  std::vector<RunImage> images;
  auto kind = constrained_only ? MarkKind::constrained : MarkKind::open;
  auto block = block_of(RunId(after.value + 1));
  while (images.size() < limit) {
    block = TRY(next_block(db, kind, 0, block));
    if (block < 0) break;
    Query q(db, "SELECT id, version, head, state FROM runs WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    q.bind(1, std::max(block_first(block), after.value + 1)).bind(2, block_last(block));
    while (images.size() < limit && TRY(q.row())) {
      auto head = q.blob(2);
      if (!head_open(head) || (constrained_only && !head_constrained(head))) continue;
      images.push_back(TRY(image_of(q)));
    }
    ++block;
  }
  TRY(fill_parts(db, images));
  return images;
}

Result<std::string> read_fixed(Db& db, RunHeader& header) {
  Query q(db, "SELECT fixed FROM run_fixed WHERE id = ?1");
  q.bind(1, header.id.value);
  if (!TRY(q.row())) return damaged("the inputs", header.id);
  return std::string(TRY(decode_fixed(header.id, q.blob(0), header)));
}

Result<std::optional<RunRow>> find_run(Db& db, RunId run) {
  RunRow row;
  {
    Query q(db, "SELECT id, version, head FROM runs WHERE id = ?1");
    q.bind(1, run.value);
    if (!TRY(q.row())) return std::optional<RunRow>{};
    TRY(decode_head({RunId(q.integer(0)), q.integer(1), q.blob(2)}, row.header));
  }
  TRY(read_fixed(db, row.header));
  WorkflowNames names;
  TRY(names.fill(db, row));
  return std::optional<RunRow>(std::move(row));
}

Result<std::vector<EventChunk>> read_events(Db& db, RunId run, std::uint64_t after_seq) {
  // Chunks follow one another, so the first one wanted is the last that begins at or before.
  Query q(db,
          "SELECT first_seq, last_seq, bytes, crc FROM events WHERE run = ?1 AND last_seq > ?2 "
          "AND first_seq >= coalesce((SELECT max(first_seq) FROM events "
          "WHERE run = ?1 AND first_seq <= ?2), 0) ORDER BY first_seq");
  q.bind(1, run.value).bind(2, static_cast<std::int64_t>(after_seq));
  std::vector<EventChunk> chunks;
  while (TRY(q.row())) {
    auto first = q.integer(0);
    if (event_crc(run.value, first, q.integer(1), q.blob(2)) != q.integer(3)) {
      return damaged(str("events from ", first), run);
    }
    chunks.push_back({static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(q.integer(1)),
                      std::string(q.blob(2))});
  }
  return chunks;
}

Result<std::optional<std::string>> read_payload(Db& db, RunId run, const std::string& hash) {
  Query q(db, "SELECT raw, bytes, crc FROM payloads WHERE run = ?1 AND hash = ?2");
  q.bind(1, run.value).bind_text(2, hash);
  if (!TRY(q.row())) return std::optional<std::string>{};
  if (payload_crc(run.value, hash, q.blob(1)) != q.integer(2)) {
    return damaged(str("payload ", hash), run);
  }
  return std::optional<std::string>(TRY(unpack(q.blob(1), q.integer(0))));
}

}  // namespace pawl::store::sqlite
