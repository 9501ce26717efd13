#pragma once
// A server with workers' routes in a process of its own, to be killed: engine on SQLite, gateway,
// HTTP on loopback, and the control socket to ask it by. It is forked, not started: the tests'
// program is the server.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace pawl::e2e {

class ServerChild {
 public:
  ServerChild(std::string directory, Duration lease);
  ~ServerChild();
  ServerChild(const ServerChild&) = delete;
  ServerChild& operator=(const ServerChild&) = delete;

  // On the port it had before, if it had one. REQUIRES: no threads; it is not running.
  void start();
  void kill();  // -9
  std::string url() const;

  // Submits the text of a workflow; the run's number.
  std::int64_t submit(const std::string& text, Json inputs) const;
  Json show(std::int64_t run) const;  // null where it does not answer
  // Asks until `enough` says so; the last answer, or null after a minute without.
  Json wait(std::int64_t run, const std::function<bool(const Json&)>& enough) const;
  // ... until it is at its end.
  Json end_of(std::int64_t run) const;

 private:
  [[noreturn]] void serve(int say) const;
  const std::string directory_;
  const Duration lease_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace pawl::e2e
