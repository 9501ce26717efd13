#pragma once
// What a worker and the spawner say to each other over a unix stream socket.
//
//   frame = u32 length, payload;  payload = u8 Msg, then its fields (base/codec.h)
//
//   worker                    spawner
//   hello version, pid, most processes at a time ->
//                        <-   welcome version, pid, n      or  busy pid
//                        <-   held ...            n times: every job it holds
//   attach               ->                       from here on it streams, each job from its start
//   spawn stop note mark ->
//   ack forget           <-   launched | launch_failed, output..., exited
//
// Both ends are the same binary, except after an upgrade: `version` changes with any field.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "actions/process.h"
#include "base/codec.h"
#include "core/worker_port.h"

namespace pawl::worker {

inline constexpr std::uint32_t kWireVersion = 2;
inline constexpr std::size_t kMaxFrame = 64u << 20;

enum class Msg : std::uint8_t {
  hello = 1,
  welcome,
  busy,
  held,
  attach,
  spawn,
  launched,
  launch_failed,
  stop,
  output,
  exited,
  ack,
  note,
  mark,
  forget,
};

// Appends one frame; its fields are written between begin and end.
class Frame {
 public:
  Frame(std::string& out, Msg msg) : out_(out), at_(out.size()), w_(out) {
    w_.u32(0);
    w_.u8(static_cast<std::uint8_t>(msg));
  }
  ~Frame() {
    const auto n = static_cast<std::uint32_t>(out_.size() - at_ - 4);
    std::memcpy(out_.data() + at_, &n, 4);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  Writer* operator->() { return &w_; }
  Writer& writer() { return w_; }

 private:
  std::string& out_;
  std::size_t at_;
  Writer w_;
};

// Bytes as they arrive, cut into payloads.
class FrameReader {
 public:
  // Reads once from the socket. Returns bytes read; 0 at its end, -1 with errno.
  long fill(int fd);
  // The next whole payload, valid until fill(). A frame beyond kMaxFrame makes broken() true.
  std::optional<std::string_view> next();
  bool broken() const { return broken_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0, end_ = 0;
  bool broken_ = false;
};

void put_fence(Writer& w, const core::Fence& fence);
core::Fence get_fence(Reader& r);
void put_spec(Writer& w, const actions::ProcessSpec& spec);
bool get_spec(Reader& r, actions::ProcessSpec& spec);

// Writes what the socket takes now and drops it from `out`. Returns false when the peer is gone.
bool send_some(int fd, std::string& out);

// A connection to, or a listener on, DIR/NAME, however long the path is.
int connect_unix(int dir_fd, const char* name);
int listen_unix(int dir_fd, const char* name);

}  // namespace pawl::worker
