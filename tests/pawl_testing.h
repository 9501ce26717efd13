#pragma once
// The real binary, driven as a user would: in a directory of its own, with what it printed and its
// exit code; in the foreground, in the background, and killed.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs.h"
#include "base/json.h"

namespace pawl::e2e {

struct Outcome {
  int code = -1;  // exit code, or 128 + signal
  std::string out, err;
  Json json() const;  // stdout as one document; null where it is none
};

class Child;

// A directory that goes with its test.
class Place {
 public:
  Place();
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const;
  // Writes a file and returns its path.
  std::string write(std::string_view name, std::string_view text) const;
  std::string read(std::string_view name) const;  // "" where there is none

  // Runs `pawl WORDS`, with this directory's .pawl as its data. Blocks, at most two minutes.
  Outcome pawl(const std::vector<std::string>& words, std::string_view input = {}) const;
  Outcome sh(const std::string& script) const;  // $PAWL is the binary, $PAWL_DATA the directory
  Child start(const std::vector<std::string>& words) const;
  Child start_other(std::vector<std::string> argv) const;  // another program
  // A named pipe: a task that writes a line to it is waited for by next_line().
  std::string pipe(std::string_view name) const;
  // Ends the spawner of this directory, as a power cut would.
  void kill_spawner() const;

 private:
  std::string path_;
};

// A background process of the binary; killed at the end, if it lives.
class Child {
 public:
  Child(pid_t pid, std::string out, std::string err)
      : pid_(pid), out_(std::move(out)), err_(std::move(err)) {}
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        out_(std::move(other.out_)),
        err_(std::move(other.err_)) {}
  ~Child();
  pid_t pid() const { return pid_; }
  void signal(int number) const;
  Outcome wait();
  // Waits until it has printed this on stderr; false where it ends, or a minute passes, without.
  bool says(std::string_view text) const;
  std::string said() const;  // all that it has printed on stderr so far
  // False where it is still running after so long.
  bool ends_within(std::chrono::milliseconds time) const;

 private:
  pid_t pid_;
  std::string out_, err_;
};

// The next line that somebody writes to the pipe; "" after a minute.
class LineReader {
 public:
  explicit LineReader(const std::string& fifo);
  std::string next();

 private:
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace pawl::e2e
