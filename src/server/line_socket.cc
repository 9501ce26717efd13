#include "server/line_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace pawl::server {
namespace {

Result<sockaddr_un> address_of(int dir, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = str("/proc/self/fd/", dir, "/", name);
  PAWL_ASSERT(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<UniqueFd> open_dir(const std::string& directory) {
  UniqueFd dir(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return errno_error("open", directory, errno);
  return dir;
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& directory, const std::string& name) {
  auto dir = TRY(open_dir(directory));
  auto address = TRY(address_of(dir.get(), name));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("open a socket in", directory, errno);
  ::unlinkat(dir.get(), name.c_str(), 0);
  ::fchmod(fd.get(), 0600);  // the file that bind() makes has this mode from its first moment
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("create the socket", str(directory, "/", name), errno);
  }
  if (::listen(fd.get(), 64) != 0) return errno_error("listen at", directory, errno);
  return fd;
}

Result<UniqueFd> connect_at(const std::string& directory, const std::string& name) {
  auto dir = TRY(open_dir(directory));
  auto address = TRY(address_of(dir.get(), name));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("open a socket for", directory, errno);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return {Errc::unavailable,
            str("connect to ", directory, "/", name, ": ", std::strerror(errno))};
  }
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

UniqueFd accept_own_user(int listener) {
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return fd;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  if (peer.uid != 0 && peer.uid != ::geteuid()) return {};
  return fd;
}

bool LineSocket::fill() {
  char buffer[64 << 10];
  while (true) {
    auto n = ::read(fd_.get(), buffer, sizeof buffer);
    if (n > 0) {
      in_.append(buffer, static_cast<std::size_t>(n));
      if (in_.size() - in_at_ > kMaxLine) return false;
      if (static_cast<std::size_t>(n) < sizeof buffer) return true;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
}

std::optional<std::string> LineSocket::next_line() {
  auto end = in_.find('\n', std::max(in_at_, scanned_));
  if (end == std::string::npos) {
    scanned_ = in_.size();
    if (in_at_ > 0) {
      in_.erase(0, in_at_);
      scanned_ = in_.size();
      in_at_ = 0;
    }
    return std::nullopt;
  }
  auto line = in_.substr(in_at_, end - in_at_);
  in_at_ = scanned_ = end + 1;
  return line;
}

bool LineSocket::send(std::string_view line) {
  out_.append(line);
  out_.push_back('\n');
  return flush_some();
}

bool LineSocket::flush_some() {
  while (out_at_ < out_.size()) {
    auto n = ::send(fd_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (n > 0) {
      out_at_ += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
  out_.clear();
  out_at_ = 0;
  return true;
}

Status LineSocket::flush() {
  while (true) {
    if (!flush_some()) return {Errc::unavailable, "the process that owns the directory went away"};
    if (unsent() == 0) return {};
    pollfd wanted{fd_.get(), POLLOUT, 0};
    ::poll(&wanted, 1, -1);
  }
}

Result<std::string> LineSocket::receive(Mono until) {
  bool alive = true;
  while (true) {
    if (auto line = next_line()) return std::move(*line);
    if (!alive) return {Errc::unavailable, "the process that owns the directory went away"};
    int wait_ms = -1;
    if (until != Mono::max()) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - system_clock().mono());
      if (left.count() <= 0) {
        return {Errc::timeout, "the process that owns the directory does not answer"};
      }
      wait_ms = static_cast<int>(left.count());
    }
    pollfd wanted{fd_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, wait_ms) < 0 && errno != EINTR)
      return errno_error("wait for", "answer", errno);
    alive = fill();
  }
}

}  // namespace pawl::server
