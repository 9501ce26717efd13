// What a worker sends a server and a server a worker: any JSON is refused, or read as something
// that is written and read the same again.
#include "server/worker_wire.h"

#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace {

using pawl::Json;

template <typename T>
void same_again(const Json& json, pawl::Result<T> (*read)(const Json&),
                void (*append)(std::string&, const T&)) {
  auto value = read(json);
  if (!value.ok()) return;
  std::string once, twice;
  append(once, *value);
  auto parsed = Json::parse(once);
  PAWL_ASSERT(parsed.ok());
  auto again = read(*parsed);
  PAWL_ASSERT(again.ok());
  append(twice, *again);
  PAWL_ASSERT(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto fence = fence_from_text(text); fence.ok()) PAWL_ASSERT(fence_to_text(*fence) == text);
  auto json = Json::parse(text);
  if (!json.ok()) return 0;
  same_again(*json, assignment_from_json, append_assignment);
  same_again(*json, report_from_json, append_report);
  same_again(*json, log_batch_from_json, append_log_batch);
  if (auto info = worker_info_from_json(*json); info.ok()) {
    auto again = worker_info_from_json(worker_info_to_json(*info));
    PAWL_ASSERT(again.ok() && worker_info_to_json(*again) == worker_info_to_json(*info));
  }
  return 0;
}
