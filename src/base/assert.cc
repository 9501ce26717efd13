#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace pawl {

void assert_failed(const char* claim, const char* file, int line) {
  // No allocation and no lock of ours: this may run in any state.
  std::fprintf(stderr, "pawl: bug: %s:%d: %s does not hold\n", file, line, claim);
  std::fflush(stderr);
  std::abort();
}

}  // namespace pawl
