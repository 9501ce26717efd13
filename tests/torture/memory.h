#pragma once
// The driver's operator new: counted, and refused where a sweep says so. Each thread has its own
// numbers.

#include <cstdint>

namespace pawl::torture::memory {

extern thread_local std::int64_t allocations_left;  // negative: no limit
extern thread_local bool for_ever;                  // beyond the limit all are refused, not one
extern thread_local std::int64_t alive;             // blocks
extern thread_local std::uint64_t refused;

bool may_allocate();
// SQLite asks the same. REQUIRES: it is not in use yet.
void hook_sqlite();

}  // namespace pawl::torture::memory
