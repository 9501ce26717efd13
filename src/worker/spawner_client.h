#pragma once
// The worker's end of the spawner: ProcessHost over the socket, on the loop thread.
//
// find() looks, once, at what earlier lives left: a live spawner is asked what it holds; where it
// was killed, what escaped it is killed too, before anybody may say that those attempts are not
// held. A spawner is started when the first process is wanted, and again should it be killed.

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actions/process.h"
#include "base/clock.h"
#include "base/result.h"
#include "worker/loop.h"
#include "worker/wire.h"

namespace pawl::worker {

class SpawnerClient : public actions::ProcessHost {
 public:
  struct Options {
    std::string data_dir;                       // absolute
    std::string executable = "/proc/self/exe";  // its main() calls spawner_main
    const Clock* clock = nullptr;
    std::uint32_t processes = 64;  // at a time; what is beyond waits in the spawner
  };
  SpawnerClient(Options options, Poller& poller);
  ~SpawnerClient() override;

  // Blocks, briefly. Error in_use: the engine of another process is connected.
  Result<std::vector<actions::HeldProcess>> find();
  // From here on the held processes' output flows. REQUIRES: find() was called.
  void attach();

  actions::ProcessKey start(actions::ProcessSpec spec, actions::ProcessEvents* events) override;
  void adopt(actions::ProcessKey key, actions::ProcessEvents* events) override;
  void stop(actions::ProcessKey key, actions::StopReason reason, Duration kill_after) override;
  void note(actions::ProcessKey key, std::string_view text) override;
  void mark(actions::ProcessKey key, std::string_view bytes) override;
  void forget(actions::ProcessKey key) override;
  // Sends what was queued; called once a turn of the loop.
  void flush();

 private:
  Result<std::vector<actions::HeldProcess>> find_once();
  struct Process {
    actions::ProcessEvents* events = nullptr;
    std::size_t unacknowledged = 0;  // bytes
  };
  Status launch_spawner();
  Result<std::vector<actions::HeldProcess>> greet();
  Result<std::string> next_payload();  // blocks
  void watch();
  void ready(std::uint32_t events);
  void receive(std::string_view payload);
  void receive_output(Reader& r, actions::ProcessKey key);
  void lost();
  bool ensure();
  // Killed in an earlier life, or just now: nothing of its tasks stays alive.
  void fence_orphans();

  Options options_;
  Poller& poller_;
  UniqueFd dir_, socket_;
  FrameReader in_;
  std::string out_;
  bool wants_write_ = false;
  actions::ProcessKey next_key_ = 1;
  std::unordered_map<actions::ProcessKey, Process> processes_;
  std::vector<actions::ProcessEvents*> failed_starts_;  // no spawner took them
};

}  // namespace pawl::worker
