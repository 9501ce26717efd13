#pragma once
// WorkerGateway: workers that are reached over the network, as the engine's workers. It keeps their
// sessions (worker_session.h), answers claims that wait without a thread for each, and gives up
// workers that are not heard of for their lease. It knows nothing of HTTP: calls come as JSON, and
// their answers go to whoever asked, at once or later, from any thread.
//
// After a start of the server nobody is known. Workers register again with what they hold, and the
// engine waits for them (engine::Options::reunion, which should be the lease). A worker that
// registers under the same key, which it draws once and keeps with its data, is the same worker:
// what it does not hold any more is lost, the rest goes on.

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "server/worker_session.h"

namespace pawl::server {

class WorkerGateway {
 public:
  using Answer = WorkerSession::Answer;
  struct Options {
    core::WorkerPort* port = nullptr;  // outlives the gateway
    const Clock* clock = nullptr;      // null: the machine's
    std::uint64_t seed = 0;            // of sessions' secrets; 0: from the kernel
    WorkerSession::Terms terms;
    Duration longest_wait = std::chrono::seconds(60);
    std::size_t most_workers = 10'000;
    bool thread = true;  // else whoever owns it calls tick()
  };
  explicit WorkerGateway(Options options);
  // Whoever waits is answered `unavailable`. Workers do not leave the engine by that.
  ~WorkerGateway();
  WorkerGateway(const WorkerGateway&) = delete;
  WorkerGateway& operator=(const WorkerGateway&) = delete;

  // {key, name, queues?, actions?, labels?, slots?, held?} -> {worker_id, session, lease_s,
  // heartbeat_s, longest_wait_s}. `allowed`: queues that the caller may serve; empty: every queue.
  Result<std::string> enrol(const Json& params, const std::vector<std::string>& allowed);

  // The calls of a worker that registered. Errors: not_found (it must register again), forbidden
  // (the session is another's), usage, conflict (an older seq).
  struct Who {
    std::string_view worker, session;
  };
  // {seq, slots?, wait_s?} -> {assignments, cancel, refused, recorded}. Returns what undoes the
  // wait, for when the worker hangs up; empty where it was answered.
  std::function<void()> claim(const Who& who, const Json& params, Answer answer);
  // {seq, reports?, drain?, slots?} -> {cancel, refused, recorded}
  void report(const Who& who, const Json& params, Answer answer);
  // {batches} -> {refused}
  void log(const Who& who, const Json& params, Answer answer);
  Status leave(const Who& who);

  // Everybody who is known, as {"items": [...]}.
  Json list() const;

  // Answers claims that can be, and looks after time; for tests without a thread.
  void tick();

 private:
  Result<std::shared_ptr<WorkerSession>> find(const Who& who) const;
  std::string new_secret();
  void run();
  void sweep();

  const Options options_;
  const Clock& clock_;
  const std::shared_ptr<GatewayBell> bell_;

  mutable std::mutex mutex_;  // guards all below
  Random random_;
  std::unordered_map<std::uint32_t, std::shared_ptr<WorkerSession>> sessions_;
  std::unordered_map<std::string, std::uint32_t> by_key_;
  Mono swept_{};
  std::thread thread_;
};

}  // namespace pawl::server
