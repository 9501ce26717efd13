#include "dataset/trace.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <sstream>
#include <string>

namespace dataset {
namespace {

struct Strike {
  std::string what;
  int after = 0, signal = 0;
  std::atomic<int> seen = 0;
};

Strike& strike() {
  static Strike s;
  static const bool read = [] {
    const char* words = std::getenv("PAWL_DATASET_STRIKE");
    return words && std::istringstream(words) >> s.what >> s.after >> s.signal;
  }();
  if (!read) s.what.clear();
  return s;
}

}  // namespace

void trace(std::string_view what, std::string_view name) {
  static const int fd = [] {
    const char* path = std::getenv("PAWL_DATASET_TRACE");
    return path ? ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
  }();
  if (fd < 0) return;
  std::string line = std::string(what) + " " + std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) return;  // nothing depends on it
  Strike& s = strike();
  if (s.what == what && ++s.seen == s.after) ::kill(::getpid(), s.signal);
}

}  // namespace dataset
