#pragma once
// From the words of the command line to an exit code: help and usage errors are answered here, the
// rest goes to the command's handler. Streams and environment are arguments, so tests need no
// process.

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/args.h"
#include "cli/term.h"

namespace pawl::cli {

// Where a command writes and what it knows of it. Not a terminal of its own: main() fills it.
class Io {
 public:
  Io(int out_fd, int err_fd, Environment environment)
      : environment_(std::move(environment)), out_fd_(out_fd), err_fd_(err_fd) {}
  // Decides colour, width and marks of both streams, apart from each other.
  void describe(ColorChoice choice);

  // Results go to out, all else (progress, notices, errors) to err. Where a reader has gone (a
  // closed pipe) what follows is dropped: nobody is there to tell.
  void out(std::string_view text) {
    if (!out_closed_) out_closed_ = !write(out_fd_, text);
  }
  void err(std::string_view text) { write(err_fd_, text); }
  bool out_closed() const { return out_closed_; }  // nobody reads out any more
  const Term& out_term() const { return out_term_; }
  const Term& err_term() const { return err_term_; }
  const char* environment(const char* name) const { return environment_(name); }
  const Environment& environment() const { return environment_; }

 private:
  bool write(int fd, std::string_view text);

  Environment environment_;
  int out_fd_;
  int err_fd_;
  Term out_term_;
  Term err_term_;
  bool out_closed_ = false;
};

// A command's code. Returns the exit code.
using Handler = int (*)(const Invocation&, Io&);
struct HandlerRow {
  std::string_view command;
  Handler handler;
};

// The handlers of commands that need neither engine nor store: emit, completion, help, version.
const std::vector<HandlerRow>& plain_handlers();

// Runs the command line (without the program's name). REQUIRES: `handlers` has every command that
// the table has and plain_handlers() has not; one that is missing is a bug, exit 70.
int run_command_line(const std::vector<std::string>& words, const std::vector<HandlerRow>& handlers,
                     Io& io);

// Prints the error: on stderr, as text, or as one JSON object where --json was given.
// Returns its exit code.
int report(const Error& error, bool json, Io& io);

}  // namespace pawl::cli
