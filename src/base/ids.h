#pragma once
// Identities are types, never bare integers: a RunId cannot be passed where a TaskId is wanted.
// A run's public id is its integer in decimal; it is unique and increasing within one store.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace pawl {

template <typename Tag, typename Rep>
struct Id {
  using rep = Rep;
  Rep value{};
  constexpr Id() = default;
  constexpr explicit Id(Rep v) : value(v) {}
  constexpr auto operator<=>(const Id&) const = default;
  constexpr explicit operator bool() const { return value != Rep{}; }
};

using RunId = Id<struct RunTag, std::int64_t>;            // 0: none
using WorkflowId = Id<struct WorkflowTag, std::int64_t>;  // one version of one workflow; 0: none
using WorkerId = Id<struct WorkerTag, std::uint32_t>;     // one worker process's life; 0: none
using Attempt = std::uint32_t;                            // 1, 2, ...; (task, attempt) is the fence
using Lease = std::uint32_t;                              // drawn per claim, increasing in a run

// A task's index within its run: the workflow's own tasks first, fan-out children after them.
using TaskId = std::uint32_t;
inline constexpr TaskId kNoTask = 0xffffffffu;

}  // namespace pawl

template <typename Tag, typename Rep>
struct std::hash<pawl::Id<Tag, Rep>> {
  std::size_t operator()(const pawl::Id<Tag, Rep>& id) const noexcept {
    auto x = static_cast<std::uint64_t>(id.value) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(x ^ (x >> 32));
  }
};
