// The `pawl` executable: the process's streams and environment, and the commands it was linked
// with.
#include <csignal>

#include "cli/dispatch.h"

int main(int argc, char** argv) {
  // A reader that has gone ends a command quietly, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  pawl::cli::Io io(1, 2, pawl::cli::process_environment);
  return pawl::cli::run_command_line({argv + 1, argv + argc}, {}, io);
}
