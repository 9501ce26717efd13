// Fuzzes the reading of workflow files: hostile bytes end in findings that can be shown, never in a
// crash, a hang or memory without bound.

#include "core/workflow.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto parsed = parse_workflow(text, "x");
  bool errors = false;
  for (const Diagnostic& d : parsed.findings) {
    render_diagnostic(d, text);
    errors = errors || !d.warning;
  }
  PAWL_ASSERT(errors == (parsed.workflow == nullptr));
  if (parsed.workflow) (void)check_inputs(*parsed.workflow, Json::object());
  return 0;
}
