#include "server/http_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace pawl::server {
namespace {

Status wait_for(int fd, short events, int stop, const Clock& clock, Mono until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock.mono());
    if (left.count() <= 0) return {Errc::timeout, "the server did not answer in time"};
    pollfd fds[2] = {{fd, events, 0}, {stop, POLLIN, 0}};
    const auto most = std::min<std::int64_t>(left.count(), 60'000);
    if (::poll(fds, 2, static_cast<int>(most)) <= 0) continue;
    if (fds[1].revents != 0) return {Errc::conflict, "interrupted"};
    if (fds[0].revents != 0) return {};
  }
}

Error broken(int error) {
  return {Errc::unavailable, str("the connection to the server broke: ", std::strerror(error))};
}

class PlainStream final : public HttpStream {
 public:
  PlainStream(UniqueFd fd, int stop, const Clock& clock)
      : fd_(std::move(fd)), stop_(stop), clock_(clock) {}
  Status send(std::string_view bytes, Mono until) override {
    while (!bytes.empty()) {
      const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        TRY(wait_for(fd_.get(), POLLOUT, stop_, clock_, until));
      } else if (errno != EINTR) {
        return broken(errno);
      }
    }
    return {};
  }
  Result<std::size_t> receive(std::string& into, Mono until) override {
    for (;;) {
      TRY(wait_for(fd_.get(), POLLIN, stop_, clock_, until));
      const auto n = ::recv(fd_.get(), room_, sizeof room_, 0);
      if (n >= 0) {
        into.append(room_, static_cast<std::size_t>(n));
        return static_cast<std::size_t>(n);
      }
      if (errno != EAGAIN && errno != EINTR) return broken(errno);
    }
  }

 private:
  UniqueFd fd_;
  const int stop_;
  const Clock& clock_;
  char room_[64 << 10];
};

}  // namespace

Result<ServerAddress> parse_server(std::string_view url) {
  const auto bad = [&](std::string_view why) {
    return Error{Errc::usage, str("the server's address '", url, "': ", why,
                                  "; expected one such as http://10.0.0.5:7070")};
  };
  if (url.starts_with("https://")) {
    return bad("this worker speaks no TLS yet; let a tunnel (ssh -L, or a proxy) carry it");
  }
  if (!url.starts_with("http://")) return bad("it does not begin with http://");
  auto rest = url.substr(7);
  ServerAddress out;
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) {
    out.prefix = rest.substr(slash);
    while (out.prefix.ends_with('/'))
      out.prefix.pop_back();
    rest = rest.substr(0, slash);
  }
  const auto fine = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '#' && c != '?'; };
  if (!std::all_of(url.begin(), url.end(), fine)) return bad("there is an odd character in it");
  if (rest.find('@') != std::string_view::npos) {
    return bad("a token goes into a file (--token-file), not into an address");
  }
  out.authority = rest;
  const auto close = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  if (rest.starts_with('[') && close == std::string_view::npos) return bad("a ']' is missing");
  const auto colon = rest.find(':', close == std::string_view::npos ? 0 : close);
  auto host = rest.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto port = rest.substr(colon + 1);
    auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (wrong != std::errc{} || end != port.data() + port.size() || out.port == 0) {
      return bad("its port is not a number from 1 to 65535");
    }
  }
  if (close != std::string_view::npos) host = host.substr(1, close - 1);
  if (host.empty()) return bad("it names no host");
  out.host = host;
  return out;
}

HttpClient::HttpClient(Options options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : system_clock()),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

HttpClient::~HttpClient() = default;

void HttpClient::interrupt() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
}

Result<std::unique_ptr<HttpStream>> HttpClient::connect(Mono until) {
  until = std::min(until, clock_.mono() + options_.connect_time);
  const auto& server = options_.server;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (int e = ::getaddrinfo(server.host.c_str(), str(server.port).c_str(), &hints, &found); e) {
    return Error{Errc::unavailable, str("cannot find '", server.host, "': ", ::gai_strerror(e))};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, &::freeaddrinfo);
  Error last{Errc::unavailable, str("'", server.host, "' has no address")};
  for (const addrinfo* a = found; a; a = a->ai_next) {
    UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol));
    if (!fd) return errno_error("open a socket for", server.host, errno);
    const int yes = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int error = ::connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      auto ready = wait_for(fd.get(), POLLOUT, stop_.get(), clock_, until);
      if (!ready.ok() && ready.error().code == Errc::conflict) return ready.error();
      socklen_t size = sizeof error;
      ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (!ready.ok()) error = ETIMEDOUT;
    }
    if (error == 0) {
      return std::unique_ptr<HttpStream>(
          std::make_unique<PlainStream>(std::move(fd), stop_.get(), clock_));
    }
    last.message = str("cannot connect to ", server.authority, ": ", std::strerror(error));
  }
  return last;
}

Result<HttpAnswer> HttpClient::exchange(std::string_view bytes, Mono until, bool& begun) {
  TRY(stream_->send(bytes, until));
  HttpAnswerReader reader(options_.body_bytes);
  std::string in;
  while (!reader.done()) {
    in.clear();
    const auto n = TRY(stream_->receive(in, until));
    TRY(n > 0 ? reader.feed(in) : reader.close());
    begun = begun || reader.begun();
  }
  return reader.take();
}

Result<HttpAnswer> HttpClient::ask(const Request& r, Mono until) {
  std::string bytes = str(r.method, ' ', options_.server.prefix, r.path,
                          " HTTP/1.1\r\nHost: ", options_.server.authority, "\r\n");
  if (!options_.token.empty()) bytes += str("Authorization: Bearer ", options_.token, "\r\n");
  if (!r.session.empty()) bytes += str("Pawl-Session: ", r.session, "\r\n");
  if (!r.body.empty()) {
    bytes += str("Content-Type: application/json\r\nContent-Length: ", r.body.size(), "\r\n");
  } else if (r.method == "POST") {
    bytes += "Content-Length: 0\r\n";
  }
  bytes += "\r\n";
  bytes += r.body;
  for (bool kept = stream_ != nullptr;; kept = false) {
    if (!stream_) stream_ = TRY(connect(until));
    bool begun = false;
    auto answer = exchange(bytes, until, begun);
    if (answer.ok() && answer->keep_alive) return answer;
    stream_.reset();
    if (answer.ok()) return answer;
    // A kept connection may have been closed while nobody looked; that is no answer.
    if (!kept || begun || answer.error().code != Errc::unavailable) return answer;
  }
}

}  // namespace pawl::server
