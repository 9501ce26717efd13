// Paths and queries from outside: whatever is accepted is harmless, and means the same when it is
// written out again.
#include "server/http_path.h"

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const char* why = nullptr;
  std::vector<std::string> segments, again;
  if (decode_path(text, segments, why)) {
    std::string path = segments.empty() ? "/" : "";
    for (const auto& s : segments) {
      PAWL_ASSERT(s != "." && s != ".." && s.find_first_of(std::string("/\\\0", 3)) == s.npos);
      PAWL_ASSERT(pawl::valid_utf8(s));
      path += '/';
      path += percent_encode(s);
    }
    PAWL_ASSERT(decode_path(path, again, why) && again == segments);
  } else {
    PAWL_ASSERT(why != nullptr);
  }
  QueryItems items, same;
  if (decode_query(text, items, why)) {
    std::string query;
    for (const auto& [name, value] : items) {
      query += percent_encode(name);
      query += '=';
      query += percent_encode(value);
      query += '&';
    }
    PAWL_ASSERT(decode_query(query, same, why) && same == items);
  }
  return 0;
}
