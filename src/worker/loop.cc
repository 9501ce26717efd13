#include "worker/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace pawl::worker {

TimerQueue::Id TimerQueue::at(Mono when, std::function<void()> callback) {
  const Id id{when, ++last_};
  timers_.emplace(id, std::move(callback));
  return id;
}

void TimerQueue::cancel(Id& id) {
  if (id != kNone) timers_.erase(id);
  id = kNone;
}

void TimerQueue::run(Mono now) {
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto callback = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    callback();
  }
}

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PAWL_ASSERT(epoll_ && wake_);
  add(wake_.get(), EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count;
    while (::read(wake_.get(), &count, sizeof count) > 0) {
    }
  });
}

void Poller::add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
  handlers_[fd] = std::move(ready);
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Poller::change(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) {
  handlers_.erase(fd);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::wait(Mono now, Mono until) {
  int timeout = -1;
  if (until <= now) {
    timeout = 0;
  } else if (until != Mono::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    timeout = static_cast<int>(std::min<long long>(left, 3'600'000));
  }
  epoll_event events[32];
  const int n = ::epoll_wait(epoll_.get(), events, 32, timeout);
  for (int i = 0; i < n; ++i) {
    auto it = handlers_.find(events[i].data.fd);
    if (it == handlers_.end()) continue;
    auto handler = it->second;  // it may remove itself
    handler(events[i].events);
  }
}

void Poller::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(wake_.get(), &one, sizeof one);
}

Watcher::Watcher(Poller& poller) : poller_(poller) {}

Watcher::~Watcher() {
  if (inotify_) poller_.remove(inotify_.get());
}

std::uint64_t Watcher::watch(const std::string& dir, const std::string& name, Changed changed) {
  if (!inotify_) {
    inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_) return 0;
    poller_.add(inotify_.get(), EPOLLIN, [this](std::uint32_t) { read_events(); });
  }
  Dir& entry = dirs_[dir];
  if (entry.wd < 0) {
    entry.wd =
        ::inotify_add_watch(inotify_.get(), dir.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (entry.wd < 0) {
      dirs_.erase(dir);
      return 0;
    }
    dir_of_wd_[entry.wd] = dir;
  }
  const auto id = ++last_;
  entry.names[name] = id;
  watches_[id] = Watch{dir, name, std::move(changed), -1};
  if (::access(str(dir, '/', name).c_str(), F_OK) == 0) file_appeared(id);
  return id;
}

void Watcher::unwatch(std::uint64_t id) {
  auto it = watches_.find(id);
  if (it == watches_.end()) return;
  if (it->second.file_wd >= 0) {
    watch_of_wd_.erase(it->second.file_wd);
    ::inotify_rm_watch(inotify_.get(), it->second.file_wd);
  }
  auto dir = dirs_.find(it->second.dir);
  if (dir != dirs_.end()) {
    dir->second.names.erase(it->second.name);
    if (dir->second.names.empty()) {
      dir_of_wd_.erase(dir->second.wd);
      ::inotify_rm_watch(inotify_.get(), dir->second.wd);
      dirs_.erase(dir);
    }
  }
  watches_.erase(it);
}

void Watcher::file_appeared(std::uint64_t id) {
  Watch& watch = watches_[id];
  if (watch.file_wd >= 0) return;
  watch.file_wd = ::inotify_add_watch(inotify_.get(), str(watch.dir, '/', watch.name).c_str(),
                                      IN_MODIFY | IN_DONT_FOLLOW);
  if (watch.file_wd < 0) return;
  watch_of_wd_[watch.file_wd] = id;
  auto changed = watch.changed;  // what was written before we watched
  changed();
}

void Watcher::read_events() {
  alignas(inotify_event) char buffer[16 << 10];
  while (true) {
    const auto n = ::read(inotify_.get(), buffer, sizeof buffer);
    if (n <= 0) return;
    for (const char* p = buffer; p < buffer + n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(p);
      p += sizeof(inotify_event) + event->len;
      if (auto file = watch_of_wd_.find(event->wd); file != watch_of_wd_.end()) {
        auto changed = watches_[file->second].changed;
        changed();
      } else if (auto dir = dir_of_wd_.find(event->wd); dir != dir_of_wd_.end() && event->len > 0) {
        const auto& names = dirs_[dir->second].names;
        if (auto name = names.find(event->name); name != names.end()) file_appeared(name->second);
      }
    }
  }
}

}  // namespace pawl::worker
