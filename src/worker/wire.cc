#include "worker/wire.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::worker {

long FrameReader::fill(int fd) {
  constexpr std::size_t kAtOnce = 256u << 10;
  if (at_ == end_) at_ = end_ = 0;
  if (buffer_.size() - end_ < kAtOnce) {
    if (at_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
      end_ -= at_;
      at_ = 0;
    }
    if (buffer_.size() - end_ < kAtOnce) buffer_.resize(end_ + kAtOnce);
  }
  long n;
  do {
    n = ::recv(fd, buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n > 0) end_ += static_cast<std::size_t>(n);
  return n;
}

std::optional<std::string_view> FrameReader::next() {
  if (broken_ || end_ - at_ < 4) return std::nullopt;
  std::uint32_t size;
  std::memcpy(&size, buffer_.data() + at_, 4);
  if (size == 0 || size > kMaxFrame) {
    broken_ = true;
    return std::nullopt;
  }
  if (end_ - at_ - 4 < size) return std::nullopt;
  std::string_view payload(buffer_.data() + at_ + 4, size);
  at_ += 4 + size;
  return payload;
}

void put_fence(Writer& w, const core::Fence& f) {
  w.zigzag(f.run.value);
  w.varint(f.task);
  w.varint(f.attempt);
  w.varint(f.lease);
}

core::Fence get_fence(Reader& r) {
  core::Fence f;
  f.run = RunId(r.zigzag());
  f.task = static_cast<TaskId>(r.varint());
  f.attempt = static_cast<Attempt>(r.varint());
  f.lease = static_cast<Lease>(r.varint());
  return f;
}

void put_spec(Writer& w, const actions::ProcessSpec& s) {
  put_fence(w, s.fence);
  w.varint(s.argv.size());
  for (const auto& one : s.argv)
    w.bytes(one);
  w.varint(s.env.size());
  for (const auto& one : s.env)
    w.bytes(one);
  w.bytes(s.cwd);
  w.bytes(s.state);
  w.varint(s.secrets.size());
  for (const auto& [name, value] : s.secrets) {
    w.bytes(name);
    w.bytes(value);
  }
  w.varint(s.notes.size());
  for (const auto& one : s.notes)
    w.bytes(one);
}

bool get_spec(Reader& r, actions::ProcessSpec& s) {
  s.fence = get_fence(r);
  for (auto n = r.varint(); n > 0 && r.ok(); --n)
    s.argv.emplace_back(r.bytes());
  for (auto n = r.varint(); n > 0 && r.ok(); --n)
    s.env.emplace_back(r.bytes());
  s.cwd = r.bytes();
  s.state = r.bytes();
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    std::string name(r.bytes());
    s.secrets.emplace_back(std::move(name), std::string(r.bytes()));
  }
  for (auto n = r.varint(); n > 0 && r.ok(); --n)
    s.notes.emplace_back(r.bytes());
  return r.ok() && !s.argv.empty();
}

bool send_some(int fd, std::string& out) {
  std::size_t sent = 0;
  bool alive = true;
  while (sent < out.size()) {
    const auto n = ::send(fd, out.data() + sent, out.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      alive = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      break;
    }
  }
  out.erase(0, sent);
  return alive;
}

namespace {

// A socket's address has room for 107 bytes; the descriptor's own name is always short enough.
sockaddr_un address_of(int dir_fd, const char* name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = str("/proc/self/fd/", dir_fd, '/', name);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

}  // namespace

int connect_unix(int dir_fd, const char* name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(dir_fd, name);
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return -1;
  }
  return fd.release();
}

int listen_unix(int dir_fd, const char* name) {
  ::unlinkat(dir_fd, name, 0);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(dir_fd, name);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::fchmodat(dir_fd, name, 0600, 0) != 0 || ::listen(fd.get(), 16) != 0) {
    return -1;
  }
  return fd.release();
}

}  // namespace pawl::worker
