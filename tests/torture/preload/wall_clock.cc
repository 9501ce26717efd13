// Preloaded into the real binary by `pawl_torture clock`: shifts the wall clock that the process
// sees by as many microseconds as the file named by PAWL_WALL_CLOCK says at that moment, in its
// first eight bytes. Monotonic clocks stay true, as they do when somebody sets a machine's clock.
// The product has no part in it. Not shifted: file times, and what the kernel does with absolute
// wall time (which Pawl never asks for).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile std::int64_t* shift = nullptr;

__attribute__((constructor)) void map_shift() {
  const char* path = std::getenv("PAWL_WALL_CLOCK");
  int fd = path ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void* at = ::mmap(nullptr, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (at != MAP_FAILED) shift = static_cast<const volatile std::int64_t*>(at);
}

int read_clock(clockid_t which, timespec* out) {
  auto result = static_cast<int>(::syscall(SYS_clock_gettime, which, out));
  bool wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
  if (result != 0 || !wall || !shift) return result;
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t ns = out->tv_nsec + *shift % 1'000'000 * 1000;
  std::int64_t carry = ns < 0 ? -1 : ns / kSecond;
  out->tv_sec += *shift / 1'000'000 + carry;
  out->tv_nsec = ns - carry * kSecond;
  return 0;
}

}  // namespace

// What the program is to find instead of the C library's.
#pragma GCC visibility push(default)

// tidy: clock because it stands in for the system's
extern "C" int clock_gettime(clockid_t which, timespec* out) noexcept {
  return read_clock(which, out);
}

// tidy: clock because it stands in for the system's
extern "C" int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  int result = read_clock(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec now{};
  read_clock(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

#pragma GCC visibility pop
