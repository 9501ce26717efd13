// Fuzzes the reading of workflow files, expressions and patterns: hostile bytes end in findings,
// never in a crash, a hang or memory without bound. The first byte chooses the target.

#include "core/workflow.h"

#include <cstdint>

#include "core/regex.h"
#include "core/scope_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      auto parsed = parse_workflow(text, "x");
      bool errors = false;
      for (const Diagnostic& d : parsed.findings) {
        render_diagnostic(d, text);
        errors = errors || !d.warning;
      }
      PAWL_ASSERT(errors == (parsed.workflow == nullptr));
      if (parsed.workflow) (void)check_inputs(*parsed.workflow, Json::object());
      break;
    }
    case 1: {
      auto e = Expr::compile(text, FakeNames{});
      FakeScope scope;
      scope.inputs_value = json_of(R"({"n": 3, "s": "text", "l": [1, 2], "m": {"k": null}})");
      if (e.ok()) (void)e->evaluate(scope);
      break;
    }
    default: {
      auto cut = text.find('\n');
      auto r = Regex::compile(text.substr(0, cut));
      std::uint64_t steps = 1'000'000;
      if (r.ok() && cut != text.npos) (void)r->search(text.substr(cut), steps);
    }
  }
  return 0;
}
