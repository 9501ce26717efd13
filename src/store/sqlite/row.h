#pragma once
// How a run lies in its two rows, and the checksums that guard them.
//
//   runs       id | version | head | state
//     head     what lists and start-up need, as varints, ~40 bytes; then CRC-32C of the state
//     bytes,
//              then CRC-32C of (id, version, all of head before it)
//     state    the engine's bytes as they came
//   run_fixed  id | fixed: name, job, labels, the engine's immutable bytes, CRC-32C of (id, all
//   that)
//
// A hot run is written three times in its life; packing its columns costs a tenth of what SQLite
// needs to bind, record and parse them one by one, and the small rows share pages.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace pawl::store::sqlite {

// Appends to out.
void encode_head(const RunHeader& header, std::string_view state, std::string& out);
void encode_fixed(const RunWrite& write, std::string& out);

struct HeadRow {
  RunId id;
  std::int64_t version = 0;
  std::string_view head;
};

// Fills all but name, job and labels. Error: corrupt, naming the run.
Status decode_head(const HeadRow& row, RunHeader& header);
Status check_state(const HeadRow& row, std::string_view state);
// Fills name, job and labels; returns the engine's bytes, a view into `bytes`.
Result<std::string_view> decode_fixed(RunId id, std::string_view bytes, RunHeader& header);

// Of a head that may be damaged: a scan looks at these before it pays for the checksum.
inline bool head_open(std::string_view head) { return head.size() > 1 && (head[1] & 1); }
inline bool head_constrained(std::string_view head) { return head.size() > 1 && (head[1] & 2); }

// The checksum of any other row: its key's integers, then its bytes.
std::uint32_t row_crc(std::int64_t a, std::int64_t b, std::string_view bytes);
inline std::uint32_t event_crc(std::int64_t run, std::int64_t first, std::int64_t last,
                               std::string_view bytes) {
  return row_crc(run, row_crc(first, last, {}), bytes);
}
inline std::uint32_t payload_crc(std::int64_t run, std::string_view hash, std::string_view bytes) {
  return row_crc(run, row_crc(0, 0, hash), bytes);
}
Error damaged(std::string_view what, RunId run);

// Bytes as stored: compressed above 1 KiB where that makes them smaller. `raw` is then the length
// before compression, else 0.
struct Packed {
  std::string bytes;
  std::int64_t raw = 0;
};
Packed pack(std::string_view bytes);
Result<std::string> unpack(std::string_view bytes, std::int64_t raw);

}  // namespace pawl::store::sqlite
