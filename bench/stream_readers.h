#pragma once
// Readers of the stream in a process of their own, so that what they cost is not the server's: many
// WebSockets on one thread, whose messages are counted and, of a few, timed.

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace pawl::bench {

class StreamReaders {
 public:
  // Forks. REQUIRES: this process has no other threads yet.
  StreamReaders();
  ~StreamReaders();
  StreamReaders(const StreamReaders&) = delete;
  StreamReaders& operator=(const StreamReaders&) = delete;

  // Connects so many more; each subscribes to the topic, where one is given. Returns when all are
  // upgraded.
  void connect(std::uint16_t port, std::size_t count, const std::string& topic = "");
  // Messages read by all since the beginning.
  std::uint64_t messages() const;
  void wait_for(std::uint64_t messages) const;
  // Microseconds from the steady clock's number in a line's text until it was read, by a few of the
  // readers; forgets them.
  std::vector<double> take_delays();

  struct Shared;  // by both processes

 private:
  Shared* shared_ = nullptr;
  int orders_ = -1;
  pid_t child_ = -1;
};

}  // namespace pawl::bench
