#include "bench/stream_readers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "base/text.h"
#include "bench/bench.h"

namespace pawl::bench {
namespace {

constexpr std::size_t kDelays = 1u << 20;
constexpr std::size_t kTimed = 16;  // readers whose messages are timed

struct Order {
  std::uint16_t port = 0;
  std::uint32_t count = 0;
  char topic[100] = {};
};

double now_us() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

std::string masked(const std::string& text) {
  std::string frame = "\x81";
  frame += static_cast<char>(0x80 | text.size());
  return frame + std::string(4, '\0') + text;
}

}  // namespace

struct StreamReaders::Shared {
  std::atomic<std::uint64_t> upgraded{0}, messages{0}, delays{0};
  float delay[kDelays];
};

namespace {

// Everything of the readers' process.
class Crowd {
 public:
  explicit Crowd(StreamReaders::Shared& shared) : shared_(shared), epoll_(::epoll_create1(0)) {}

  void run(int orders) {
    watch(orders, 0);
    epoll_event events[512];
    while (true) {
      int n = ::epoll_wait(epoll_, events, 512, -1);
      std::uint64_t read = 0;
      for (int i = 0; i < n; ++i) {
        auto at = events[i].data.u64;
        if (at > 0) {
          read += take(at - 1);
        } else if (!obey(orders)) {
          return;
        }
      }
      if (read > 0) shared_.messages += read;
    }
  }

 private:
  struct Reader {
    int fd = -1;
    bool upgraded = false;
    std::string in;
  };

  void watch(int fd, std::uint64_t mark) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = mark;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) fail("readers: epoll_ctl");
  }

  bool obey(int orders) {
    Order order;
    if (::read(orders, &order, sizeof order) != sizeof order) return false;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(order.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string hello =
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    if (order.topic[0]) hello += masked(str(R"({"op":"subscribe","topic":")", order.topic, "\"}"));
    for (std::uint32_t i = 0; i < order.count; ++i) {
      int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 ||
          ::send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) {
        fail(str("readers: connection ", i, ": ", std::strerror(errno)));
      }
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      readers_.push_back({fd, false, {}});
      watch(fd, readers_.size());
    }
    return true;
  }

  // The messages that came.
  std::uint64_t take(std::size_t index) {
    Reader& r = readers_[index];
    ssize_t n;
    while ((n = ::read(r.fd, scratch_, sizeof scratch_)) > 0)
      r.in.append(scratch_, static_cast<std::size_t>(n));
    if (n == 0) fail("readers: the server closed a connection");  // and the parent sees us gone
    std::size_t at = 0;
    if (!r.upgraded) {
      auto end = r.in.find("\r\n\r\n");
      if (end == std::string::npos) return 0;
      at = end + 4;
      r.upgraded = true;
      ++shared_.upgraded;
    }
    std::uint64_t count = 0;
    while (r.in.size() - at >= 2) {
      std::size_t size = r.in[at + 1] & 0x7f, head = size == 126 ? 4 : size == 127 ? 10 : 2;
      if (r.in.size() - at < head) break;
      if (head > 2) {
        size = 0;
        for (std::size_t i = 2; i < head; ++i)
          size = size << 8 | static_cast<unsigned char>(r.in[at + i]);
      }
      if (r.in.size() - at < head + size) break;
      if ((r.in[at] & 0x0f) == 1) ++count;
      if (index < kTimed) time(std::string_view(r.in).substr(at + head, size));
      at += head + size;
    }
    r.in.erase(0, at);
    if (r.in.empty()) r.in.shrink_to_fit();
    return count;
  }

  void time(std::string_view message) {
    constexpr std::string_view kMark = "\"text\":\"";
    auto mark = message.find(kMark);
    if (mark == std::string_view::npos) return;
    double began = std::strtod(message.data() + mark + kMark.size(), nullptr);
    auto slot = shared_.delays.load();
    if (slot < kDelays) shared_.delay[slot] = static_cast<float>(now_us() - began);
    ++shared_.delays;
  }

  StreamReaders::Shared& shared_;
  int epoll_;
  std::vector<Reader> readers_;
  char scratch_[65536];
};

}  // namespace

StreamReaders::StreamReaders() {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2];
  if (memory == MAP_FAILED || ::pipe2(ends, O_CLOEXEC) != 0) fail("readers: no memory or pipe");
  shared_ = new (memory) Shared;
  child_ = ::fork();
  if (child_ < 0) fail("readers: fork");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[1]);
    std::make_unique<Crowd>(*shared_)->run(ends[0]);
    ::_exit(0);
  }
  ::close(ends[0]);
  orders_ = ends[1];
}

StreamReaders::~StreamReaders() {
  ::close(orders_);
  ::waitpid(child_, nullptr, 0);
  ::munmap(shared_, sizeof(Shared));
}

void StreamReaders::connect(std::uint16_t port, std::size_t count, const std::string& topic) {
  Order order;
  order.port = port;
  order.count = static_cast<std::uint32_t>(count);
  topic.copy(order.topic, sizeof order.topic - 1);
  auto wanted = shared_->upgraded + count;
  if (::write(orders_, &order, sizeof order) != sizeof order) fail("readers: gone");
  while (shared_->upgraded < wanted)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::uint64_t StreamReaders::messages() const { return shared_->messages; }

void StreamReaders::wait_for(std::uint64_t wanted) const {
  while (shared_->messages < wanted) {
    if (::waitpid(child_, nullptr, WNOHANG) != 0) fail("the readers are gone");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::vector<double> StreamReaders::take_delays() {
  auto n = std::min<std::uint64_t>(shared_->delays, kDelays);
  std::vector<double> out(shared_->delay, shared_->delay + n);
  shared_->delays = 0;
  return out;
}

}  // namespace pawl::bench
