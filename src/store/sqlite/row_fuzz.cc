// Rows of the database and chunks of logs, as they are read: hostile bytes are refused, or decode
// to what encodes to a row that reads the same. The first byte chooses.

#include "store/sqlite/row.h"

#include <cstddef>
#include <cstdint>

#include "base/codec.h"
#include "store/sqlite/log_store.h"

namespace pawl::store::sqlite {
namespace {

// With the checksums it would carry, so that the decoder itself is reached.
void read_head(std::string_view bytes) {
  const RunId id(7);
  const std::string state = "state";
  std::string head(bytes);
  Writer w(head);
  w.u32(crc32c(state));
  w.u32(row_crc(id.value, 3, head));
  RunHeader header;
  if (!decode_head({id, 3, head}, header).ok()) return;
  std::string again;
  encode_head(header, state, again);
  RunHeader same;
  PAWL_ASSERT(decode_head({id, 3, again}, same).ok());
  PAWL_ASSERT(check_state({id, 3, again}, state).ok());
  PAWL_ASSERT(same.state == header.state && same.created == header.created);
  PAWL_ASSERT(same.tasks == header.tasks && same.wake == header.wake);
}

void read_fixed(std::string_view bytes) {
  const RunId id(7);
  std::string fixed(bytes);
  Writer(fixed).u32(row_crc(id.value, 0, bytes));
  RunHeader header;
  (void)decode_fixed(id, fixed, header);
}

void read_lines(std::string_view bytes, std::size_t count) {
  auto lines = decode_lines(bytes, count);
  if (!lines.ok()) return;
  PAWL_ASSERT(lines->size() == count);
  auto again = decode_lines(encode_lines(*lines), count);
  PAWL_ASSERT(again.ok());
  for (std::size_t i = 0; i < count; ++i) {
    PAWL_ASSERT((*again)[i].text == (*lines)[i].text && (*again)[i].time == (*lines)[i].time);
    PAWL_ASSERT((*again)[i].stream == (*lines)[i].stream);
  }
}

}  // namespace
}  // namespace pawl::store::sqlite

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::store::sqlite;
  if (size < 3) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 4) {
    case 0:
      read_head(bytes);
      break;
    case 1:
      read_fixed(bytes);
      break;
    case 2:
      read_lines(bytes, data[1]);
      break;
    default:
      if (auto raw = unpack(bytes, data[1] * 64); raw.ok()) {
        auto packed = pack(*raw);
        PAWL_ASSERT(*unpack(packed.bytes, packed.raw) == *raw);
      }
  }
  return 0;
}
