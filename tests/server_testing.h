#pragma once
// `pawl serve` for tests of what talks to it: on a port that stays the same however often the
// server is killed and started again, asked through its control socket.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/pawl_testing.h"

namespace pawl::e2e {

class ServeProcess {
 public:
  // Its data is DATA of the place. `lease`: of workers, such as "3s".
  ServeProcess(const Place& place, std::string lease);

  void start();  // REQUIRES: it is not running
  void kill();   // -9
  std::string url() const;
  std::string data() const { return place_.file("data"); }

  // Submits the text of a workflow; the run's number.
  std::int64_t submit(const std::string& text, Json inputs) const;
  Json show(std::int64_t run) const;  // null where it does not answer
  // Asks until `enough` says so; the last answer, or null after a minute without.
  Json wait(std::int64_t run, const std::function<bool(const Json&)>& enough) const;
  // ... until it is at its end.
  Json end_of(std::int64_t run) const;

 private:
  const Place& place_;
  const std::string lease_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Child> child_;
};

}  // namespace pawl::e2e
