#pragma once
// Lines of JSON over a unix socket inside a data directory.
//
// The socket is reached through the directory's descriptor, so that the 108 bytes a socket address
// holds do not limit how deep a data directory may lie. Mode 0600, and a peer of another user is
// refused: who may write the directory may talk to its owner, nobody else.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fs.h"
#include "base/result.h"

namespace pawl::server {

// REQUIRES: the caller owns the directory; a socket left there by an owner that is gone is
// replaced.
Result<UniqueFd> listen_at(const std::string& directory, const std::string& name);
// Error: unavailable, where nobody listens.
Result<UniqueFd> connect_at(const std::string& directory, const std::string& name);
// The next caller, non-blocking; an empty descriptor where there is none or it is another user.
UniqueFd accept_own_user(int listener);

// One end of a conversation. Never blocks but in receive() and flush(). Not thread-safe.
class LineSocket {
 public:
  static constexpr std::size_t kMaxLine = 256u << 20;

  explicit LineSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  // What arrived, without waiting. False: the peer is gone, or sent a line beyond kMaxLine.
  bool fill();
  std::optional<std::string> next_line();
  // Queues a line and sends what the socket takes now. False: the peer is gone.
  bool send(std::string_view line);
  bool flush_some();
  std::size_t unsent() const { return out_.size() - out_at_; }
  // Blocks until all is sent, or a whole line is there. Error: timeout, where no line came until
  // then.
  Status flush();
  Result<std::string> receive(Mono until = Mono::max());

 private:
  UniqueFd fd_;
  std::string in_, out_;
  std::size_t in_at_ = 0, scanned_ = 0, out_at_ = 0;
};

}  // namespace pawl::server
