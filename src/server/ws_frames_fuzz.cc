// Frames, cut at any place: never out of bounds, never more than the bound, and the same in one
// piece and in bytes.
#include "server/ws_frames.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/text.h"

namespace {

constexpr std::size_t kMost = 512;

void take(pawl::server::WsReader& reader, std::vector<std::string>& seen) {
  pawl::server::WsMessage m;
  while (reader.next(m)) {
    PAWL_ASSERT(m.payload.size() <= kMost);
    if (m.kind == pawl::server::WsKind::text) PAWL_ASSERT(pawl::valid_utf8(m.payload));
    seen.push_back(pawl::str(static_cast<int>(m.kind), ' ', m.code, ' ', m.payload));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pawl::server::WsReader whole(kMost), cut(kMost);
  std::vector<std::string> once, bytewise;
  whole.feed(text);
  take(whole, once);
  for (char c : text) {
    cut.feed(std::string_view(&c, 1));
    take(cut, bytewise);
  }
  PAWL_ASSERT(once == bytewise && whole.error() == cut.error());
  (void)pawl::server::ws_accept(text);
  return 0;
}
