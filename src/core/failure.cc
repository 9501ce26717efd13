#include "core/failure.h"

namespace pawl::core {
namespace {

constexpr const char* kNames[kFailureClassCount] = {"none",      "network", "auth",     "host_key",
                                                    "disk_full", "oom",     "cuda_oom", "corrupt",
                                                    "diverged",  "timeout", "lost",     "user"};

}  // namespace

const char* to_string(FailureClass c) { return kNames[static_cast<int>(c)]; }

std::optional<FailureClass> parse_failure_class(std::string_view text) {
  for (int i = 0; i < kFailureClassCount; ++i)
    if (text == kNames[i]) return static_cast<FailureClass>(i);
  return std::nullopt;
}

}  // namespace pawl::core
