#pragma once
// The hash of a task's path, name by name, which Workflow::find() and the builder must agree on.
// It lives in memory only: it may change between versions.

#include <cstdint>
#include <string_view>

#include "core/doc.h"

namespace pawl::core {

inline constexpr std::uint64_t kPathSeed = 0x70a1u;

inline std::uint64_t path_hash(std::uint64_t group, std::string_view name) {
  return hash_bytes(name, group);
}

}  // namespace pawl::core
