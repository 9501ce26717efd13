#include "server/http_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/text.h"

namespace pawl::server {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kFullOut = 256u << 10;  // no further request is read off while this waits
constexpr Duration kSweep = std::chrono::milliseconds(250);
constexpr Duration kLinger = std::chrono::seconds(2);
constexpr std::size_t kBodyRate = 16u << 10;  // bytes a second, on average
constexpr std::uint64_t kListenerId = ~0ull, kWakeId = ~0ull - 1;

}  // namespace

struct HttpLoop::Connection {
  enum class Phase : std::uint8_t { reading, answering, taken, lingering };

  Connection(UniqueFd socket, std::uint64_t number, const HttpLimits& limits)
      : fd(std::move(socket)), id(number), reader(limits) {}
  std::size_t unsent() const { return out.size() - out_at; }

  UniqueFd fd;
  std::uint64_t id;
  HttpReader reader;
  std::string out;
  std::size_t out_at = 0;
  Phase phase = Phase::reading;
  bool body_begun = false;  // its limit was asked for
  bool keep_alive = true;   // of the request that is being answered
  bool head_only = false;
  bool close_after = false;  // once all is sent
  bool peer_done = false;    // it sends nothing more
  std::uint32_t watched = 0;
  Mono began{};     // the head, the body, the silence, the lingering
  Mono last_in{};   // a byte came
  Mono last_out{};  // a byte went, or the first one waits
  std::shared_ptr<HttpListener> listener;
  std::shared_ptr<Channel> channel;
  std::function<void()> gone;  // while answering: who wants to know that the peer hung up
};

class HttpLoop::Channel final : public HttpChannel {
 public:
  Channel(std::shared_ptr<HttpInbox> inbox, std::uint64_t id, std::size_t waiting)
      : inbox_(std::move(inbox)), id_(id), waiting_(waiting) {}
  bool send(std::string_view bytes, std::size_t bound) override {
    const auto before = waiting_.fetch_add(bytes.size());
    if (gone_ || before + bytes.size() > bound) {
      waiting_ -= bytes.size();
      return false;
    }
    HttpLetter letter;
    letter.connection = id_;
    letter.kind = HttpLetter::Kind::bytes;
    letter.bytes = bytes;
    return inbox_->put(std::move(letter));
  }
  void close() override {
    HttpLetter letter;
    letter.connection = id_;
    letter.kind = HttpLetter::Kind::close;
    inbox_->put(std::move(letter));
  }
  void sent(std::size_t n) { waiting_ -= n; }
  void gone() { gone_ = true; }

 private:
  const std::shared_ptr<HttpInbox> inbox_;
  const std::uint64_t id_;
  std::atomic<std::size_t> waiting_;
  std::atomic<bool> gone_{false};
};

// -- Replies
// ---------------------------------------------------------------------------------------

struct HttpReply::Target {
  std::shared_ptr<HttpInbox> inbox;
  std::uint64_t connection;
};

HttpReply::HttpReply(std::unique_ptr<Target> target) : target_(std::move(target)) {}
HttpReply::HttpReply(HttpReply&&) noexcept = default;
HttpReply& HttpReply::operator=(HttpReply&&) noexcept = default;

HttpReply::~HttpReply() {
  if (target_) send({500, "text/plain; charset=utf-8", "no answer was made\n", {}, true});
}

void HttpReply::send(HttpResponse response) { take_over(std::move(response), nullptr); }

void HttpReply::before_send(std::function<void(HttpResponse&)> hook) { hook_ = std::move(hook); }

void HttpReply::when_gone(std::function<void()> call) {
  if (!target_) return;
  HttpLetter letter;
  letter.connection = target_->connection;
  letter.kind = HttpLetter::Kind::watch;
  letter.gone = std::move(call);
  target_->inbox->put(std::move(letter));
}

void HttpReply::take_over(HttpResponse head, std::shared_ptr<HttpListener> listener) {
  const auto target = std::move(target_);
  if (!target) return;
  if (hook_) hook_(head);
  HttpLetter letter;
  letter.connection = target->connection;
  letter.kind = listener ? HttpLetter::Kind::take_over : HttpLetter::Kind::answer;
  letter.response = std::move(head);
  letter.listener = listener;
  if (!target->inbox->put(std::move(letter)) && listener) listener->closed();
}

// -- The loop
// --------------------------------------------------------------------------------------

HttpLoop::HttpLoop(const HttpServer::Options& options, HttpHandler& handler, int listener,
                   HttpCounts& counts)
    : options_(options),
      handler_(handler),
      clock_(options.clock ? *options.clock : system_clock()),
      counts_(counts),
      listener_(listener) {
  scratch_.resize(kReadBytes);
}

Status HttpLoop::start() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_) return errno_error("make an event loop for", "HTTP", errno);
  inbox_ = std::make_shared<HttpInbox>(wake_.get());
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.u64 = kListenerId;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_, &event) != 0) {
    return errno_error("listen on", "the HTTP socket", errno);
  }
  event.events = EPOLLIN;
  event.data.u64 = kWakeId;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  thread_ = std::thread([this] { run(); });
  return Ok{};
}

HttpLoop::~HttpLoop() {
  if (thread_.joinable()) {
    stopping_ = true;
    inbox_->wake();
    thread_.join();
  }
}

void HttpLoop::drain() {
  draining_ = true;
  inbox_->wake();
}

void HttpLoop::wait_idle(const Clock& clock, Mono until) {
  std::unique_lock lock(mutex_);
  while (!idle_) {
    const auto left = until - clock.mono();
    if (left <= Duration(0)) return;
    became_idle_.wait_for(lock, std::min<Duration>(left, std::chrono::hours(1)));
  }
}

void HttpLoop::run() {
  ::pthread_setname_np(::pthread_self(), "pawl-http");
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const int wait = live_ > 0 || !accepting_ ? static_cast<int>(kSweep.count() / 1000) : -1;
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < n; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kListenerId) {
        accept_some();
      } else if (event.data.u64 == kWakeId) {
        std::uint64_t count;
        (void)!::read(wake_.get(), &count, sizeof count);
      } else if (auto* c = find(event.data.u64)) {
        ready(*c, event.events);
      }
    }
    open_letters();
    if (const auto now = clock_.mono(); draining_ || now - swept_ >= kSweep) {
      swept_ = now;
      sweep();
    }
    if (draining_ && live_ == 0) {
      std::lock_guard lock(mutex_);
      idle_ = true;
      became_idle_.notify_all();
    }
  }
  inbox_->close();
  for (auto& slot : slots_)
    if (slot) end(*slot);
}

HttpLoop::Connection* HttpLoop::find(std::uint64_t id) {
  const auto slot = static_cast<std::uint32_t>(id);
  if (slot >= slots_.size() || !slots_[slot] || slots_[slot]->id != id) return nullptr;
  return slots_[slot].get();
}

void HttpLoop::accept_some() {
  for (int i = 0; i < 64 && accepting_ && !draining_; ++i) {
    UniqueFd fd(::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (full) {  // asked again at the next sweep; until then the listener would never be quiet
        accepting_ = false;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_, nullptr);
      }
      if (full || errno == EAGAIN) return;
      continue;  // one that was gone before we came
    }
    if (counts_.connections >= options_.connections) {
      ++counts_.turned_away;
      continue;
    }
    admit(std::move(fd));
  }
}

void HttpLoop::admit(UniqueFd fd) {
  const int yes = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const auto slot = free_.back();
  free_.pop_back();
  const auto id = (static_cast<std::uint64_t>(++last_generation_) << 32) | slot;
  slots_[slot] = std::make_unique<Connection>(std::move(fd), id, options_.limits);
  auto& c = *slots_[slot];
  c.began = c.last_in = c.last_out = clock_.mono();
  ++live_;
  ++counts_.connections;
  epoll_event event{};
  event.events = c.watched = EPOLLIN;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c.fd.get(), &event) != 0) end(c);
}

void HttpLoop::watch(Connection& c) {
  std::uint32_t wanted = 0;
  const bool reads = c.phase == Connection::Phase::reading || c.phase == Connection::Phase::taken ||
                     c.phase == Connection::Phase::lingering;
  if (reads && !c.peer_done && c.unsent() < kFullOut) wanted |= EPOLLIN;
  if (c.unsent() > 0) wanted |= EPOLLOUT;
  if (c.gone) wanted |= EPOLLRDHUP;
  if (wanted == c.watched) return;
  epoll_event event{};
  event.events = c.watched = wanted;
  event.data.u64 = c.id;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event);
}

void HttpLoop::ready(Connection& c, std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return end(c);
  if ((events & EPOLLRDHUP) && c.gone) std::exchange(c.gone, nullptr)();
  if ((events & EPOLLOUT) && !flush(c)) return;
  if ((events & EPOLLIN) && !c.peer_done && !read_some(c)) return;
  advance(c);
}

// False: the connection is gone.
bool HttpLoop::read_some(Connection& c) {
  const auto n = ::recv(c.fd.get(), scratch_.data(), scratch_.size(), 0);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    end(c);
    return false;
  }
  if (n == 0) {
    c.peer_done = true;
    // Who asked and then closed its side for writing still gets its answer.
    if (c.phase != Connection::Phase::answering && c.unsent() == 0) {
      end(c);
      return false;
    }
    c.close_after = true;
    return true;
  }
  const std::string_view bytes(scratch_.data(), static_cast<std::size_t>(n));
  c.last_in = clock_.mono();
  if (c.phase == Connection::Phase::taken) {
    c.listener->received(bytes);
  } else if (c.phase != Connection::Phase::lingering) {
    if (!c.reader.amid()) c.began = c.last_in;
    c.reader.feed(bytes);
  }
  return true;
}

// Goes on as far as the bytes at hand allow.
void HttpLoop::advance(Connection& c) {
  using State = HttpReader::State;
  if (c.phase == Connection::Phase::reading && c.unsent() < kFullOut && !c.close_after) {
    if (c.reader.state() == State::body && !c.body_begun && !begin_body(c)) return;
    if (c.reader.state() == State::complete) bound_whole(c);
    if (c.reader.state() == State::refused) return refuse(c, c.reader.refusal());
    if (c.reader.state() == State::complete) hand_over(c);
  }
  watch(c);
}

// False: the connection is gone.
bool HttpLoop::begin_body(Connection& c) {
  c.body_begun = true;
  c.began = clock_.mono();
  auto& request = c.reader.request();
  if (c.reader.bound_body(handler_.body_limit(request)) == HttpReader::State::body &&
      request.expects_continue && request.body.empty()) {
    c.out += "HTTP/1.1 100 Continue\r\n\r\n";
    return flush(c);
  }
  return true;
}

// A body that came along with its head has not been bounded yet.
void HttpLoop::bound_whole(Connection& c) {
  const auto& request = c.reader.request();
  if (!c.body_begun && !request.body.empty() &&
      request.body.size() > handler_.body_limit(request)) {
    c.reader.refuse(413, "the body is too large");
  }
}

void HttpLoop::hand_over(Connection& c) {
  auto& request = c.reader.request();
  c.phase = Connection::Phase::answering;
  c.body_begun = false;
  c.keep_alive = request.keep_alive;
  c.head_only = request.method == "HEAD";
  ++counts_.requests;
  auto target = std::make_unique<HttpReply::Target>();
  target->inbox = inbox_;
  target->connection = c.id;
  handler_.handle(std::move(request), HttpReply(std::move(target)));
}

// What is sent to one connection within a batch goes out in one call.
void HttpLoop::open_letters() {
  std::vector<std::uint64_t> sent;
  for (auto letters = inbox_->take(); !letters.empty(); letters = inbox_->take()) {
    for (auto& letter : letters) {
      auto* c = find(letter.connection);
      if (!c) {
        if (letter.listener) letter.listener->closed();
        if (letter.gone) letter.gone();
        continue;
      }
      switch (letter.kind) {
        case HttpLetter::Kind::answer:
          if (c->phase == Connection::Phase::answering) take_answer(*c, std::move(letter.response));
          break;
        case HttpLetter::Kind::take_over:
          take_over(*c, letter);
          break;
        case HttpLetter::Kind::bytes:
          if (c->unsent() == 0) {
            c->last_out = clock_.mono();
            sent.push_back(c->id);
          }
          c->out += letter.bytes;
          break;
        case HttpLetter::Kind::close:
          c->close_after = true;
          if (flush(*c)) watch(*c);
          break;
        case HttpLetter::Kind::watch:
          c->gone = std::move(letter.gone);
          watch(*c);
          break;
      }
    }
    for (const auto id : std::exchange(sent, {})) {
      auto* c = find(id);
      if (c && c->unsent() > 0 && flush(*c)) watch(*c);
    }
  }
}

void HttpLoop::take_answer(Connection& c, HttpResponse response) {
  c.gone = nullptr;
  if (response.close || draining_ || c.peer_done) c.keep_alive = false;
  put_head(c, response, true);
  if (!c.head_only) c.out += response.body;
  c.phase = Connection::Phase::reading;
  c.close_after = !c.keep_alive;
  if (c.keep_alive) {
    c.reader.next();
    c.began = c.last_in = clock_.mono();
  }
  if (flush(c)) advance(c);
}

void HttpLoop::take_over(Connection& c, HttpLetter& letter) {
  if (c.phase != Connection::Phase::answering || c.peer_done) {
    letter.listener->closed();
    return end(c);
  }
  c.gone = nullptr;
  put_head(c, letter.response, false);
  c.phase = Connection::Phase::taken;
  c.listener = std::move(letter.listener);
  c.channel = std::make_shared<Channel>(inbox_, c.id, c.unsent());
  c.listener->opened(c.channel);
  // A client may speak on before it has our answer.
  if (const auto rest = c.reader.take_rest(); !rest.empty()) c.listener->received(rest);
  if (flush(c)) watch(c);
}

void HttpLoop::refuse(Connection& c, const HttpRefusal& refusal) {
  ++counts_.refused;
  auto response = handler_.refused(refusal);
  c.keep_alive = false;
  c.head_only = false;
  put_head(c, response, true);
  c.out += response.body;
  c.close_after = true;
  if (flush(c)) watch(c);
}

// `framed`: with a length, as a whole answer.
void HttpLoop::put_head(Connection& c, const HttpResponse& response, bool framed) {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.now());
  if (now != date_of_) {
    date_of_ = now;
    const std::time_t seconds = now.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  }
  if (c.unsent() == 0) c.last_out = clock_.mono();
  auto& out = c.out;
  out += str("HTTP/1.1 ", response.status, ' ', reason_phrase(response.status), "\r\nDate: ", date_,
             "\r\n");
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (framed && !bodiless) out += str("Content-Length: ", response.body.size(), "\r\n");
  if (!response.content_type.empty()) out += str("Content-Type: ", response.content_type, "\r\n");
  for (const auto& [name, value] : response.headers)
    out += str(name, ": ", value, "\r\n");
  if (framed && !c.keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
}

// False: the connection is gone.
bool HttpLoop::flush(Connection& c) {
  const bool had = c.unsent() > 0;
  while (c.unsent() > 0) {
    const auto n = ::send(c.fd.get(), c.out.data() + c.out_at, c.unsent(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return true;
      end(c);
      return false;
    }
    c.out_at += static_cast<std::size_t>(n);
    c.last_out = clock_.mono();
    if (c.channel) c.channel->sent(static_cast<std::size_t>(n));
  }
  c.out.clear();
  c.out_at = 0;
  if (c.out.capacity() > 16u << 10) c.out = std::string();
  if (c.close_after) return linger(c);
  if (had && c.phase == Connection::Phase::taken) c.listener->drained();
  return true;
}

// All is sent. What the peer still sends is read away, or its kernel would drop our answer.
// False: the connection is gone.
bool HttpLoop::linger(Connection& c) {
  if (c.peer_done || c.phase == Connection::Phase::lingering) {
    end(c);
    return false;
  }
  ::shutdown(c.fd.get(), SHUT_WR);
  if (c.listener) {
    c.channel->gone();
    std::exchange(c.listener, nullptr)->closed();
  }
  c.phase = Connection::Phase::lingering;
  c.close_after = false;
  c.began = clock_.mono();
  return true;
}

void HttpLoop::end(Connection& c) {
  if (c.channel) c.channel->gone();
  if (c.listener) std::exchange(c.listener, nullptr)->closed();
  if (c.gone) std::exchange(c.gone, nullptr)();
  const auto slot = static_cast<std::uint32_t>(c.id);
  --live_;
  --counts_.connections;
  slots_[slot].reset();
  free_.push_back(slot);
}

// Ends it without waiting for what the peer does not take.
void HttpLoop::cut_off(Connection& c) {
  const struct linger now = {1, 0};
  if (c.unsent() > 0) ::setsockopt(c.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  end(c);
}

void HttpLoop::sweep() {
  if (!accepting_ && !draining_) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    event.data.u64 = kListenerId;
    accepting_ = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_, &event) == 0;
  } else if (accepting_ && draining_) {
    accepting_ = false;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_, nullptr);
  }
  const auto now = clock_.mono();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] && overdue(*slots_[i], now)) cut_off(*slots_[i]);
  }
}

// True: it is to be ended at once.
bool HttpLoop::overdue(Connection& c, Mono now) {
  if (c.unsent() > 0 && now - c.last_out > options_.write_time) return true;
  switch (c.phase) {
    case Connection::Phase::lingering:
      return now - c.began > kLinger;
    case Connection::Phase::taken:
    case Connection::Phase::answering:
      return false;
    case Connection::Phase::reading:
      break;
  }
  if (c.unsent() > 0 || c.close_after) return false;
  if (!c.reader.amid()) return draining_ || now - c.began > options_.idle_time;
  const bool head = c.reader.state() == HttpReader::State::head;
  const auto got = c.reader.request().body.size();
  const auto most = options_.body_time + std::chrono::seconds(got / kBodyRate);
  const bool late = head ? now - c.began > options_.head_time
                         : now - c.last_in > options_.body_time || now - c.began > most;
  if (late) {
    refuse(c, {408, head ? "the head did not come in time" : "the body did not come in time"});
  }
  return false;
}

}  // namespace pawl::server
