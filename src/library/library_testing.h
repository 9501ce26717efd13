#pragma once
// What tests of the public API share. They include nothing else of Pawl, as an embedder would.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "pawl/pawl.h"

namespace library_testing {

// A directory that goes with its test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// An orchestrator on that directory; ends the test's process where it cannot be opened.
std::unique_ptr<pawl::Orchestrator> open(const Folder& folder, pawl::Options options = {});

// A door that one thread waits at until another opens it.
class Door {
 public:
  void open();
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// The text of a Status, or "ok".
std::string text(const pawl::Status& status);

}  // namespace library_testing
