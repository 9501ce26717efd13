#include "tests/torture/torture.h"
namespace pawl::torture {
void torture_damage(const Options&, Report&) {}
void torture_full(const Options&, Report&) {}
void torture_signals(const Options&, Report&) {}
}  // namespace pawl::torture
