#pragma once
// Worker: takes assignments from an engine, carries them out, reports.
//
//   engine thread --assign/cancel--> Inbox --> loop thread --> inline actions (at once)
//                                                |   ^         loop actions (shell, via the
//                                                spawner) v   |         pool actions (threads)
//   engine  <--report/log, batched--------------+   +-------- news
//
// Everything that finished in one turn of the loop goes out in one report() call, after the log
// lines of those attempts. The loop sleeps on descriptors and timers; a no-op attempt costs no
// lock, no allocation and no system call of its own.
//
// Processes live in the spawner: destroying a Worker without drain() leaves them running, as a
// crash would; the next Worker on the same data directory goes on with them, under the same
// attempts.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actions/registry.h"
#include "base/clock.h"
#include "base/result.h"
#include "core/worker_port.h"

namespace pawl::worker {

struct WorkerOptions {
  std::string data_dir;             // made where it is missing (0700)
  std::string name;                 // for people; "" means host:pid
  std::uint32_t slots = 1024;       // attempts at a time
  std::uint32_t processes = 64;     // of them, processes; what is beyond waits here
  unsigned pool_threads = 16;       // of them, blocking functions
  std::vector<std::string> queues;  // empty: every queue
  std::vector<std::pair<std::string, std::string>> labels;
  std::string executable = "/proc/self/exe";  // its main() calls spawner_main (spawner.h)
  const Clock* clock = nullptr;               // the machine's where none is given
};

class Worker {
 public:
  // Finds what earlier lives left, joins, offers its slots. `port` and `registry` outlive the
  // worker. Error in_use: another process's worker has this data directory.
  static Result<std::unique_ptr<Worker>> start(core::WorkerPort& port,
                                               const actions::Registry& registry,
                                               WorkerOptions options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Takes nothing new (what still comes is released), waits for what runs up to `grace`, then stops
  // it (TERM, KILL) and releases it; leaves. Blocks. The worker is of no use after that.
  void drain(Duration grace);

 private:
  class Core;
  explicit Worker(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace pawl::worker
