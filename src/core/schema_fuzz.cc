// Input schemas: any JSON as a schema gives issues or is one; a schema without issues judges any
// value, and whatever it lets pass it lets pass again after a round trip. The input is the schema,
// a line end, the value.

#include "core/schema.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto cut = text.find('\n');
  auto schema = Json::parse(text.substr(0, cut));
  if (!schema.ok() || !check_schema(*schema).empty() || cut == text.npos) return 0;
  auto value = Json::parse(text.substr(cut + 1));
  if (!value.ok()) return 0;
  auto issues = validate(*value, *schema);
  PAWL_ASSERT(issues.size() <= 100);
  for (const auto& issue : issues)
    PAWL_ASSERT(!issue.message.empty());
  PAWL_ASSERT(validate(*Json::parse(value->dump()), *schema).empty() == issues.empty());
  return 0;
}
