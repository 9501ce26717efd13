#include "base/mutant.h"

#include <atomic>
#include <cstdlib>

namespace pawl {
namespace {

struct Entry {
  std::string_view name;
  Mutant mutant;
};

#define PAWL_MUTANT_ENTRY(name, mistake, promise) {#name, Mutant::name},
constexpr Entry kTable[] = {PAWL_MUTANT_TABLE(PAWL_MUTANT_ENTRY)};
#undef PAWL_MUTANT_ENTRY

std::atomic<Mutant>& current() {
  static std::atomic<Mutant> mutant = [] {
    const char* wanted = std::getenv("PAWL_MUTANT");
    for (const Entry& e : kTable) {
      if (wanted && e.name == wanted) return e.mutant;
    }
    return Mutant::none;
  }();
  return mutant;
}

std::atomic<std::uint64_t> strikes_so_far{0};

}  // namespace

bool set_mutant(std::string_view name) {
  strikes_so_far = 0;
  current() = Mutant::none;
  if (name.empty()) return true;
#ifdef PAWL_MUTANTS
  for (const Entry& e : kTable) {
    if (e.name != name) continue;
    current() = e.mutant;
    return true;
  }
#endif
  return false;
}

std::string_view current_mutant() {
  for (const Entry& e : kTable) {
    if (e.mutant == current()) return e.name;
  }
  return "";
}

std::uint64_t mutant_count() { return strikes_so_far; }

#ifdef PAWL_MUTANTS
bool mutant_detail::strikes(Mutant m) {
  if (current().load(std::memory_order_relaxed) != m) return false;
  ++strikes_so_far;
  return true;
}
#endif

}  // namespace pawl
