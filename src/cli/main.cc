// The `pawl` executable: the process's streams and environment, and the commands it was linked
// with. It is also the spawner, under an argument that no person types.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/failpoint.h"
#include "cli/dispatch.h"
#include "cli/handlers.h"
#include "worker/spawner.h"

namespace {

// Off for everybody who sets neither variable.
void arm_failpoints() {
  const char* wanted = std::getenv("PAWL_FAILPOINT");
  const char* counts = std::getenv("PAWL_FAILPOINT_COUNTS");
  if (!wanted && !counts) return;
  auto armed = pawl::arm_failpoints(wanted ? wanted : "", counts ? counts : "");
  if (armed.ok()) return;
  std::fprintf(stderr, "pawl: %s\n", armed.error().message.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  arm_failpoints();
  if (argc > 1 && std::strcmp(argv[1], pawl::worker::kSpawnerArgument) == 0) {
    return pawl::worker::spawner_main(argc, argv);
  }
  // A reader that has gone ends a command quietly, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  pawl::cli::Io io(1, 2, pawl::cli::process_environment);
  return pawl::cli::run_command_line({argv + 1, argv + argc}, pawl::cli::engine_handlers(), io);
}
