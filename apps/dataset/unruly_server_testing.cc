#include "dataset/unruly_server_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace dataset {

namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string header(const std::string& request, const std::string& name) {
  auto at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  at += name.size() + 4;
  return request.substr(at, request.find("\r\n", at) - at);
}

}  // namespace

UnrulyServer::UnrulyServer() {
  listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  bool fine = ::bind(listening_, plain, size) == 0 && ::listen(listening_, 64) == 0 &&
              ::getsockname(listening_, plain, &size) == 0;
  if (fine) port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_all(); });
}

UnrulyServer::~UnrulyServer() {
  ::shutdown(listening_, SHUT_RDWR);
  accepting_.join();
  ::close(listening_);
  {
    std::lock_guard lock(mutex_);
    for (int fd : open_)
      ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& t : connections_)
    t.join();
}

void UnrulyServer::serve(const std::string& path, Served file) {
  std::lock_guard lock(mutex_);
  files_[path] = std::move(file);
}

Served UnrulyServer::of(const std::string& path) {
  std::lock_guard lock(mutex_);
  return files_[path];
}

void UnrulyServer::accept_all() {
  while (true) {
    int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    std::lock_guard lock(mutex_);
    open_.push_back(fd);
    connections_.emplace_back([this, fd] { answer(fd); });
  }
}

void UnrulyServer::answer(int fd) {
  std::string pending;
  char piece[4096];
  bool going = true;
  while (going) {
    auto end = pending.find("\r\n\r\n");
    if (end != std::string::npos) {
      going = answer_one(fd, pending.substr(0, end + 2));
      pending.erase(0, end + 4);
      continue;
    }
    ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) break;
    pending.append(piece, static_cast<std::size_t>(n));
  }
  std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  ::close(fd);
}

// Returns whether the connection may be used again.
bool UnrulyServer::answer_one(int fd, const std::string& request) {
  auto space = request.find(' ');
  std::string path = request.substr(space + 1, request.find(' ', space + 1) - space - 1);
  std::string head, body;
  bool cut = false;
  {
    std::lock_guard lock(mutex_);
    auto found = files_.find(path);
    if (found == files_.end())
      return send_all(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
    Served& file = found->second;
    std::string range = header(request, "Range"), if_range = header(request, "If-Range");
    file.asked.push_back(range);
    int number = file.requests++;
    if (!file.location.empty()) {
      return send_all(
          fd, "HTTP/1.1 302 Found\r\nLocation: " + file.location + "\r\nContent-Length: 0\r\n\r\n");
    }
    if (number < static_cast<int>(file.statuses.size())) {
      return send_all(fd, "HTTP/1.1 " + std::to_string(file.statuses[number]) +
                              " No\r\nContent-Length: 2\r\n\r\nno");
    }
    bool changed = number >= file.change_after;
    body = changed ? file.changed : file.body;
    std::string etag = changed ? "\"changed\"" : file.etag;
    std::size_t from = 0;
    if (range.starts_with("bytes=") && file.ranges)
      std::from_chars(range.data() + 6, range.data() + range.size(), from);
    if (file.if_range && !if_range.empty() && if_range != etag) from = 0;
    if (from > 0 && from >= body.size()) {
      return send_all(fd, "HTTP/1.1 416 No\r\nContent-Range: bytes */" +
                              std::to_string(body.size()) + "\r\nContent-Length: 0\r\n\r\n");
    }
    std::string total = std::to_string(body.size());
    head = from > 0 ? "HTTP/1.1 206 Partial\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                          std::to_string(body.size() - 1) + "/" + total + "\r\n"
                    : "HTTP/1.1 200 OK\r\n";
    body.erase(0, from);
    auto length = static_cast<std::int64_t>(body.size()) + file.length_off;
    if (!etag.empty()) head += "ETag: " + etag + "\r\n";
    head += "Content-Length: " + std::to_string(length) + "\r\n\r\n";
    if (file.break_after >= 0 && number < file.breaks &&
        static_cast<std::size_t>(file.break_after) < body.size()) {
      body.resize(static_cast<std::size_t>(file.break_after));
      cut = true;
    }
    cut = cut || file.length_off != 0;
    file.sent += body.size();
  }
  bool sent = send_all(fd, head) && send_all(fd, body);
  if (cut) ::shutdown(fd, SHUT_RDWR);
  return sent && !cut;
}

}  // namespace dataset
