#pragma once
// A client of raw bytes over loopback, for tests: it sends what a well-behaved one would not, and
// shows what came back as it stands.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fs.h"

namespace pawl::server {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  // False: the server has closed the connection.
  bool send(std::string_view bytes);
  void finish();  // sends no more
  // What comes until `until` is in it, the connection closes, or ten seconds pass.
  std::string read_until(std::string_view until);
  std::string read_bytes(std::size_t n);  // fewer where the connection closes
  // One whole response with a length: head and body.
  std::string response();
  // Everything until the connection closes.
  std::string rest() { return read_until({}); }
  bool closed() const { return closed_; }
  int fd() const { return fd_.get(); }

 private:
  bool fill();
  UniqueFd fd_;
  std::string in_;
  bool closed_ = false;
};

}  // namespace pawl::server
