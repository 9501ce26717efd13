#pragma once
// Signals as something to wait for: a descriptor in the same poll() as everything else.
//
// Made before any thread is, so that all of them leave these signals to it. Processes started from
// here get a clean mask from the spawner.

#include "base/fs.h"

namespace pawl::cli {

class Signals {
 public:
  // INT, TERM, HUP, WINCH and TSTP are held back from now on.
  Signals();
  ~Signals();  // as it was
  int fd() const { return fd_.get(); }
  int take();  // the next signal, or 0

 private:
  UniqueFd fd_;
};

// What the process's exit code says of a signal: 130 for INT, 143 for TERM.
int exit_of_signal(int number);

}  // namespace pawl::cli
