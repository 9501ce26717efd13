#pragma once
// Launcher: threads that start processes for the spawner, so that its own thread reads, reaps and
// answers while one of them waits in vfork for an exec.
//
// A child dies with the *thread* that made it (PR_SET_PDEATHSIG), so these live as long as the
// spawner. The kernel may tell of a child's end before take() tells of its start: whoever reaps
// leaves an unknown child alone while in_flight() is not 0.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "worker/launch.h"

namespace pawl::worker {

class Launcher {
 public:
  struct Order {
    actions::ProcessKey key = 0;
    actions::ProcessSpec spec;
    std::string lease;  // PAWL_LEASE=...
  };
  struct Done {
    Order order;
    Launched launched;
  };

  Launcher() = default;
  ~Launcher();
  // REQUIRES: signals are blocked as they shall be in the threads. Returns false without threads.
  bool start(unsigned threads, int null_fd);
  void add(Order order);
  // What has been launched, or failed to, since the last call.
  std::vector<Done> take();
  // Waits until take() would return all that was added.
  void wait_all();
  // Added and not yet taken. For the thread that adds and takes.
  std::size_t in_flight() const { return in_flight_; }
  int fd() const { return done_fd_.get(); }  // readable when take() has something

 private:
  void work();

  int null_fd_ = -1;
  UniqueFd done_fd_;
  std::size_t in_flight_ = 0;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable ordered_, finished_;
  std::deque<Order> orders_;
  std::vector<Done> done_;
  bool leaving_ = false;
};

}  // namespace pawl::worker
