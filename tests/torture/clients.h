#pragma once
// Clients: people at other terminals. Each submits runs through the control socket, watches them,
// pauses, resumes and cancels some, and notes what it was told, after it was told. The engine may
// die under them at any moment; they come back and submit what they are unsure of again, under the
// same idempotency key.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

struct Load {
  int watchers = 6;       // submit a run of shell tasks, follow it to its end
  int submitters = 4;     // submit and nothing else: they keep the disk busy
  bool steer = true;      // also pause, resume and cancel
  int runs_each = 0;      // then a client leaves; 0: none does
  bool tolerant = false;  // an answer may be an I/O error
  std::string file;       // the workflow of the watchers; "": kLoad
};

class Clients {
 public:
  // REQUIRES: the site outlives this.
  Clients(Site& site, const Load& load, std::uint64_t seed);
  ~Clients();
  // They finish the call they are in and leave.
  void stop();
  // Until all have done their runs. False: a limit passed, or the engine has gone.
  bool done(Millis limit);

  // REQUIRES: stopped, and all runs have ended. Every acknowledged run is there, in the state it
  // was told last or a later one; every key has one run; no task that was told as completed ran
  // again.
  void check(Violations& violations) const;
  std::size_t acknowledged() const;
  std::size_t cancelled() const;
  Completions& completions() { return completions_; }

 private:
  struct Told {
    std::int64_t run = 0;
    bool cancelled = false;  // the cancel was acknowledged
    bool final = false;      // its end was seen ...
    std::string state;       // ... as this
  };
  void watch_loop(int number);
  void submit_loop(int number);
  bool one_run(const std::string& key, std::uint64_t dice);
  bool submit(const std::string& key, bool shell, std::int64_t& run);
  bool follow(std::int64_t run, const std::string& key);
  bool pause_a_moment();

  Site& site_;
  const Load load_;
  const std::uint64_t seed_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> at_work_{0};
  Completions completions_;
  mutable std::mutex mutex_;
  std::map<std::string, Told> told_;  // by key
  std::vector<std::thread> threads_;
  Violations refusals_;  // answers that make no sense
};

}  // namespace pawl::torture
