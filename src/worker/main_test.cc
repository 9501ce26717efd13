// The test binary is also the spawner, and the engine process that crash tests kill.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/failpoint.h"
#include "worker/spawner.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

// `worker_test __engine DATA SCRIPT`: one attempt (none where SCRIPT is empty), then waits to be
// killed. What ended is written to stdout, so that a test which does not kill it sees that. Its
// port is memory that dies with it, so it never says that an end is recorded.
int engine_main(char** argv) {
  RecordingPort port;
  port.give_receipts = false;
  auto registry = actions::Registry::built_in();
  auto worker = Worker::start(port, registry, {.data_dir = argv[2]});
  if (!worker.ok()) {
    ::dprintf(1, "refused %s\n", worker.error().message.c_str());
    return 9;
  }
  if (*argv[3] != '\0') {
    port.submit(shell_task(fence_of(7), argv[3], [](core::TaskDef& def) {
      def.timeout.attempt = std::chrono::seconds(50);
    }));
  }
  ::dprintf(1, "started\n");
  const auto& seen = port.wait_for_end(fence_of(7));
  ::dprintf(1, "ended %d\n", static_cast<int>(seen.last.kind));
  return 0;
}

}  // namespace
}  // namespace pawl::worker

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], pawl::worker::kSpawnerArgument) == 0) {
    const char* wanted = std::getenv("PAWL_FAILPOINT");
    const char* counts = std::getenv("PAWL_FAILPOINT_COUNTS");
    if (wanted && counts && !pawl::arm_failpoints(wanted, counts).ok()) return 2;
    return pawl::worker::spawner_main(argc, argv);
  }
  if (argc > 3 && std::strcmp(argv[1], "__engine") == 0) return pawl::worker::engine_main(argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
