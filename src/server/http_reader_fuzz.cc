// Requests, cut at any place: never out of bounds, and read the same in one piece and in bytes.
#include "server/http_reader.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"

namespace {

using pawl::server::HttpLimits;
using pawl::server::HttpReader;

struct Seen {
  std::vector<std::string> requests;
  int refused = 0;
};

void take(HttpReader& reader, Seen& seen) {
  while (reader.state() == HttpReader::State::complete) {
    const auto& r = reader.request();
    PAWL_ASSERT(r.body.size() <= 4096);
    seen.requests.push_back(r.method + " " + r.path + "?" + r.query + " " + r.host + "\n" + r.body);
    reader.next();
  }
  if (reader.state() == HttpReader::State::refused) seen.refused = reader.refusal().status;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  HttpLimits limits;
  limits.head_bytes = 2048;
  limits.target_bytes = 256;
  limits.fields = 16;
  limits.body_bytes = 4096;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Seen whole, cut;
  HttpReader one(limits), many(limits);
  one.feed(text);
  take(one, whole);
  for (char c : text) {
    many.feed(std::string_view(&c, 1));
    take(many, cut);
  }
  PAWL_ASSERT(whole.requests == cut.requests);
  // A head may be refused for its length only where it came in one piece, and then later.
  PAWL_ASSERT((whole.refused == 0) == (cut.refused == 0));
  return 0;
}
