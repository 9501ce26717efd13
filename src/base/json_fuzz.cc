// Whatever the parser accepts prints, reads back equal, and prints the same again.
#include "base/json.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pawl::Json;
  auto parsed = Json::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) return 0;
  auto text = parsed->dump();
  auto again = Json::parse(text);
  PAWL_ASSERT(again.ok());
  PAWL_ASSERT(*again == *parsed);
  PAWL_ASSERT(again->dump() == text);
  PAWL_ASSERT(Json::parse(parsed->pretty())->dump() == text);
  return 0;
}
