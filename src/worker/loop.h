#pragma once
// The worker's loop: descriptors, timers and a wake-up, one thread. Nothing here polls: with
// nothing due it sleeps until a descriptor is ready or another thread wakes it.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "actions/action.h"
#include "base/clock.h"
#include "base/fs.h"

namespace pawl::worker {

// Callbacks by time. Not thread-safe.
class TimerQueue {
 public:
  using Id = std::pair<Mono, std::uint64_t>;
  static constexpr Id kNone{Mono::max(), 0};
  Id at(Mono when, std::function<void()> callback);
  void cancel(Id& id);  // and sets it to kNone
  // Runs what is due.
  void run(Mono now);
  Mono next() const { return timers_.empty() ? Mono::max() : timers_.begin()->first.first; }

 private:
  std::map<Id, std::function<void()>> timers_;
  std::uint64_t last_ = 0;
};

class Poller {
 public:
  Poller();
  // Calls back with epoll's events. A descriptor is removed before it is closed.
  void add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);
  void change(int fd, std::uint32_t events);
  void remove(int fd);
  // Waits until something is ready, `until` has come (Mono::max(): no end), or wake() was called.
  void wait(Mono now, Mono until);
  void wake() const;  // any thread

 private:
  UniqueFd epoll_, wake_;
  std::unordered_map<int, std::function<void(std::uint32_t)>> handlers_;
};

// inotify: one watch a directory for files that appear, one a file that was asked for.
class Watcher : public actions::FileWatcher {
 public:
  explicit Watcher(Poller& poller);
  ~Watcher() override;
  std::uint64_t watch(const std::string& dir, const std::string& name, Changed changed) override;
  void unwatch(std::uint64_t id) override;

 private:
  struct Watch {
    std::string dir, name;
    Changed changed;
    int file_wd = -1;
  };
  struct Dir {
    int wd = -1;
    std::unordered_map<std::string, std::uint64_t> names;
  };
  void read_events();
  void file_appeared(std::uint64_t id);

  Poller& poller_;
  UniqueFd inotify_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Watch> watches_;
  std::unordered_map<std::string, Dir> dirs_;
  std::unordered_map<int, std::string> dir_of_wd_;
  std::unordered_map<int, std::uint64_t> watch_of_wd_;
};

}  // namespace pawl::worker
