#pragma once
// Failure classes: what kind of thing went wrong. They are data: an action names the class,
// recovery rules map it to what is done. Spelled the same in workflow files, JSON, SQL and Python.

#include <cstdint>
#include <optional>
#include <string_view>

namespace pawl::core {

enum class FailureClass : std::uint8_t {
  none,       // did not fail
  network,    // a peer could not be reached or the link broke; retried with backoff
  auth,       // a credential was refused; the run pauses, a person is needed
  host_key,   // a host's identity changed; the run pauses, never retried blindly
  disk_full,  // no space where the task writes
  oom,        // the kernel or a limit killed it for memory
  cuda_oom,   // a GPU ran out of memory
  corrupt,    // bytes did not match their checksum
  diverged,   // training went astray (loss spike, NaN)
  timeout,    // a timeout passed
  lost,       // the worker vanished; does not use up an attempt
  user,       // the task's own failure: a non-zero exit, a bad output
};

inline constexpr int kFailureClassCount = 12;
const char* to_string(FailureClass c);
std::optional<FailureClass> parse_failure_class(std::string_view text);

}  // namespace pawl::core
