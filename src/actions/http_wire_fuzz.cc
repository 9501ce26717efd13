// What a server sends: whole or byte by byte it reads the same; and what a file names as an address
// gives a request without a line of its own.

#include "actions/http_wire.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::actions;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  HttpResponseReader whole(data[0] & 1), slow(data[0] & 1);
  const bool good = whole.feed(text).ok();
  bool slow_good = true;
  for (std::size_t i = 0; i < text.size() && slow_good; ++i)
    slow_good = slow.feed(text.substr(i, 1)).ok();
  PAWL_ASSERT(good == slow_good);
  if (good) {
    PAWL_ASSERT(whole.done() == slow.done() && whole.status == slow.status);
    PAWL_ASSERT(whole.close().ok() == slow.close().ok() && whole.body == slow.body);
    PAWL_ASSERT(whole.body.size() <= HttpResponseReader::kMaxBody);
  }
  if (auto url = parse_url(text); url.ok()) {
    HttpRequest request;
    request.url = *url;
    const auto rendered = render_request(request);
    PAWL_ASSERT(rendered.ends_with("\r\n\r\n"));
    for (std::size_t at = rendered.find('\n'); at != rendered.npos;
         at = rendered.find('\n', at + 1))
      PAWL_ASSERT(at > 0 && rendered[at - 1] == '\r');
    (void)resolve_url(*url, text.substr(text.size() / 2));
  }
  return 0;
}
