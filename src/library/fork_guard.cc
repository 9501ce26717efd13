#include "library/fork_guard.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <mutex>

#include "base/fs.h"

namespace pawl::v1 {
namespace {

constexpr std::size_t kMost = 64;  // directories that one process has open at a time

std::atomic<std::uint64_t> generation{1};
// Descriptors that children close, plus one: 0 is a free place.
std::array<std::atomic<int>, kMost> locks{};

void in_child() {
  generation.fetch_add(1);
  for (auto& fd : locks) {
    int open = fd.exchange(0);
    if (open > 0) ::close(open - 1);
  }
}

}  // namespace

std::uint64_t fork_generation() { return generation.load(std::memory_order_relaxed); }

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(nullptr, nullptr, in_child); });
}

int close_in_children(const std::string& path) {
  struct stat wanted {};
  if (::stat(path.c_str(), &wanted) != 0) return -1;
  auto entries = list_dir("/proc/self/fd");
  if (!entries.ok()) return -1;
  for (const auto& e : *entries) {
    int fd = -1;
    std::from_chars(e.name.data(), e.name.data() + e.name.size(), fd);
    struct stat found {};
    if (fd < 0 || ::fstat(fd, &found) != 0) continue;
    if (found.st_ino != wanted.st_ino || found.st_dev != wanted.st_dev) continue;
    for (std::size_t i = 0; i < kMost; ++i) {
      int free = 0;
      if (locks[i].compare_exchange_strong(free, fd + 1)) return static_cast<int>(i);
    }
  }
  return -1;
}

void forget_lock(int number) {
  if (number >= 0) locks[static_cast<std::size_t>(number)] = 0;
}

Status refuse_in_child(std::uint64_t opened_in) {
  if (opened_in == fork_generation()) return {};
  return {Code::misplaced,
          "this process is a child made by fork(): the orchestrator is its parent's",
          "exec a program of its own, or open another directory in the child"};
}

void end_child() {
  static constexpr char kText[] =
      "pawl: a handler called fork() and returned in the child; the child ends here\n";
  auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  (void)written;
  ::_exit(121);
}

}  // namespace pawl::v1
