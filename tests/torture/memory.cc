#include "tests/torture/memory.h"

#include <sqlite3.h>

#include <cstdlib>
#include <new>

namespace pawl::torture::memory {

thread_local std::int64_t allocations_left = -1;
thread_local bool for_ever = false;
thread_local std::int64_t alive = 0;
thread_local std::uint64_t refused = 0;

bool may_allocate() {
  if (allocations_left < 0) return true;
  if (allocations_left > 0) {
    --allocations_left;
    return true;
  }
  if (!for_ever) allocations_left = -1;
  ++refused;
  return false;
}

namespace {

sqlite3_mem_methods real;
void* sqlite_malloc(int n) { return may_allocate() ? real.xMalloc(n) : nullptr; }
void* sqlite_realloc(void* p, int n) { return may_allocate() ? real.xRealloc(p, n) : nullptr; }

}  // namespace

void hook_sqlite() {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  auto ours = real;
  ours.xMalloc = sqlite_malloc;
  ours.xRealloc = sqlite_realloc;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK) std::abort();
}

}  // namespace pawl::torture::memory

namespace memory = pawl::torture::memory;

void* operator new(std::size_t n) {
  void* p = memory::may_allocate() ? std::malloc(n) : nullptr;
  if (!p) throw std::bad_alloc();
  ++memory::alive;
  return p;
}

void operator delete(void* p) noexcept {
  if (p) --memory::alive;
  std::free(p);
}

void operator delete(void* p, std::size_t) noexcept {
  if (p) --memory::alive;
  std::free(p);
}
