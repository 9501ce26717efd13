// Lines that a task appends to PAWL_EVENTS: each is understood or becomes a problem that names it.

#include "actions/task_events.h"

#include <cstddef>
#include <cstdint>

#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::actions;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  TaskEvents all;
  std::uint64_t number = 0;
  for (auto line : split(text, '\n')) {
    TaskEvents one;
    read_event_line(line, ++number, one);
    PAWL_ASSERT(one.any() || trim(line).empty() || Json::parse(line).ok());
    for (const auto& problem : one.problems)
      PAWL_ASSERT(valid_utf8(problem));
    read_event_line(line, number, all);
  }
  return 0;
}
