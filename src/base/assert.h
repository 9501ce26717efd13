#pragma once
// PAWL_ASSERT: a check of our own reasoning, on in every build.
// Bugs abort with file, line and the broken claim; expected failures are values (result.h).

namespace pawl {
[[noreturn]] void assert_failed(const char* claim, const char* file, int line);
}

#define PAWL_ASSERT(claim) \
  (static_cast<bool>(claim) ? void(0) : ::pawl::assert_failed(#claim, __FILE__, __LINE__))
