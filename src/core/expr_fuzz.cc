// Expressions and templates: what compiles evaluates to a value or an error, within its bounds, and
// to the same again.

#include "core/expr.h"

#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "core/scope_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  FakeScope scope;
  scope.inputs_value = json_of(R"({"n": 3, "s": "text", "l": [1, 2], "m": {"k": null}})");
  if (auto e = Expr::compile(text, FakeNames{}); e.ok()) {
    PAWL_ASSERT(text.size() <= kMaxExpressionBytes);
    auto once = e->evaluate(scope), twice = e->evaluate(scope);
    PAWL_ASSERT(once.ok() == twice.ok());
    if (once.ok()) PAWL_ASSERT(once->dump() == twice->dump());
  }
  if (!valid_utf8(text)) return 0;
  if (auto t = Template::compile(Json(text), FakeNames{}); t.ok()) {
    auto value = t->render(scope);
    if (t->is_constant()) PAWL_ASSERT(value.ok());
  }
  return 0;
}
