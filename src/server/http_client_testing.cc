#include "server/http_client_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <charconv>

namespace pawl::server {

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  closed_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0;
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void RawClient::finish() { ::shutdown(fd_.get(), SHUT_WR); }

bool RawClient::fill() {
  pollfd ready{fd_.get(), POLLIN, 0};
  if (closed_ || ::poll(&ready, 1, 10'000) != 1) return false;
  char bytes[65536];
  const auto n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
  closed_ = n <= 0;
  if (n > 0) in_.append(bytes, static_cast<std::size_t>(n));
  return n > 0;
}

std::string RawClient::read_until(std::string_view until) {
  while (until.empty() || in_.find(until) == std::string::npos) {
    if (!fill()) break;
  }
  const auto end = until.empty() ? std::string::npos : in_.find(until);
  const auto n = end == std::string::npos ? in_.size() : end + until.size();
  std::string out = in_.substr(0, n);
  in_.erase(0, n);
  return out;
}

std::string RawClient::read_bytes(std::size_t n) {
  while (in_.size() < n && fill()) {
  }
  std::string out = in_.substr(0, n);
  in_.erase(0, out.size());
  return out;
}

std::string RawClient::response() {
  std::string out = read_until("\r\n\r\n");
  const std::string_view name = "Content-Length: ";
  const auto at = out.find(name);
  if (at == std::string::npos) return out;
  std::size_t length = 0;
  std::from_chars(out.data() + at + name.size(), out.data() + out.size(), length);
  while (in_.size() < length && fill()) {
  }
  out += in_.substr(0, length);
  in_.erase(0, std::min(length, in_.size()));
  return out;
}

}  // namespace pawl::server
