#pragma once
// Spawner: the state and the turns of the process that spawner.h describes. One thread with one
// poll set has all of it; only the starting itself is done by others (launcher.h). spawner.cc holds
// its life and its connections, spawner_jobs.cc what it does with processes.

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fs.h"
#include "worker/job.h"
#include "worker/launcher.h"
#include "worker/wire.h"

namespace pawl::worker {

// What a ready descriptor is: a job's key and which of its pipes, or one of ours.
enum Tag : std::uint64_t { kPipeOut = 0, kPipeErr = 1, kOwn = 2 };

class Spawner {
 public:
  explicit Spawner(std::string data_dir) : data_dir_(std::move(data_dir)) {}
  int run(int first_connection);

 private:
  struct Connection {
    UniqueFd fd;
    FrameReader in;
    std::string out;
    std::int64_t peer = 0;
    bool greeted = false;  // it said hello and is the engine
    bool attached = false;
    bool wants_write = false;
  };

  bool open_house();
  void load_spool();
  void wait_and_serve();
  void accept_all();
  void read_connection(std::uint64_t id);
  bool receive(std::uint64_t id, Connection& c, std::string_view payload);
  bool greet(std::uint64_t id, Connection& c, Reader& r);
  bool command(std::string_view payload);
  void drop(std::uint64_t id);
  void flush(std::uint64_t id);
  Connection* engine() {
    auto it = connections_.find(engine_);
    return it == connections_.end() ? nullptr : &it->second;
  }
  bool streaming() {
    auto* c = engine();
    return c && c->attached;
  }

  void spawn_waiting();
  void take_launched();
  void launched(Launcher::Done done);
  void settle_launches();
  void leader_ended(Job& job, int status);
  bool stop_waiting(actions::ProcessKey key, actions::StopReason reason);
  void stop(Job& job, actions::StopReason reason, Duration kill_after);
  void forget(actions::ProcessKey key);
  void close_pipe(const Job& job, UniqueFd& pipe);
  void read_pipe(Job& job, core::Stream stream);
  bool read_once(Job& job, core::Stream stream, UniqueFd& pipe);
  void set_reading(Job& job, bool reading);
  void watch(int fd, std::uint64_t tag, std::uint32_t events, int op);
  void reap();
  void look_at(Job& job);  // after anything that may end it
  void after_stop(Job& job);
  void give(Job& job);  // sends, or spools, what it has
  void pump_backlog();
  void run_timers();
  int next_timeout() const;
  void finish();

  Time now() const { return system_clock().now(); }
  Mono mono() const { return system_clock().mono(); }

  std::string data_dir_, spool_dir_, store_;
  UniqueFd dir_, lock_, listener_, signals_, epoll_, null_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::uint64_t next_connection_ = 1, engine_ = 0;
  std::unordered_map<actions::ProcessKey, std::unique_ptr<Job>> jobs_;
  std::unordered_map<pid_t, Job*> by_pid_;
  std::unordered_set<Job*> timed_;            // with a deadline, or lingering members
  std::vector<actions::ProcessKey> backlog_;  // with output that the socket could not take
  std::size_t live_ = 0;                      // being launched, or not ended
  // Sent ahead of their turn, so that an end and the next start need no other process. Nothing of
  // them has begun: they go with the connection that sent them.
  std::deque<std::pair<actions::ProcessKey, actions::ProcessSpec>> waiting_;
  std::size_t most_ = 0;  // jobs at a time; the engine's wish
  // Handed to the launcher.
  struct Launching {
    std::uint64_t number = 0;
    std::vector<std::string> deferred;  // what the engine said of it since
  };
  std::unordered_map<actions::ProcessKey, Launching> launching_;
  std::uint64_t launches_ = 0;
  // Children of no job, reaped while launches were under way: one of those up to `number` may be
  // its own. (A pid comes round again only after all others.)
  struct Early {
    int status = 0;
    std::uint64_t number = 0;
  };
  std::unordered_map<pid_t, Early> early_;
  std::string buffer_ = std::string(64u << 10, '\0');
  Launcher launcher_;
};

}  // namespace pawl::worker
