#include "library/library_testing.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace library_testing {

Folder::Folder() {
  static std::atomic<int> next{0};
  auto base = std::filesystem::temp_directory_path() / "pawl-library-test";
  path_ = base.string() + "-" + std::to_string(::getpid()) + "-" + std::to_string(next++);
  std::filesystem::remove_all(path_);
}
Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<pawl::Orchestrator> open(const Folder& folder, pawl::Options options) {
  options.directory = folder.path();
  auto opened = pawl::Orchestrator::open(std::move(options));
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().text().c_str());
    std::abort();
  }
  return *std::move(opened);
}

void Door::open() {
  std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}
void Door::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return open_; });
}

std::string text(const pawl::Status& status) { return status.ok() ? "ok" : status.text(); }

}  // namespace library_testing
