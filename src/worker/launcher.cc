// adapter: std::thread throws where the system gives no more of them; one is enough to go on with.
#include "worker/launcher.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <cstdint>
#include <system_error>
#include <utility>

namespace pawl::worker {

Launcher::~Launcher() {
  {
    std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  ordered_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

bool Launcher::start(unsigned threads, int null_fd) {
  null_fd_ = null_fd;
  done_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!done_fd_) return false;
  try {
    while (threads_.size() < threads)
      threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
  }
  return !threads_.empty();
}

void Launcher::add(Order order) {
  ++in_flight_;
  {
    std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
  }
  ordered_.notify_one();
}

std::vector<Launcher::Done> Launcher::take() {
  std::vector<Done> done;
  std::uint64_t count;
  (void)!::read(done_fd_.get(), &count, sizeof count);
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  in_flight_ -= done.size();
  return done;
}

void Launcher::wait_all() {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return done_.size() == in_flight_; });
}

void Launcher::work() {
  ::prctl(PR_SET_NAME, "pawl-launcher");
  std::unique_lock lock(mutex_);
  while (true) {
    ordered_.wait(lock, [&] { return leaving_ || !orders_.empty(); });
    if (orders_.empty()) return;
    Order order = std::move(orders_.front());
    orders_.pop_front();
    lock.unlock();
    auto launched = launch(order.spec, order.lease, null_fd_);
    lock.lock();
    done_.push_back({std::move(order), std::move(launched)});
    if (done_.size() == 1) {
      const std::uint64_t one = 1;
      (void)!::write(done_fd_.get(), &one, sizeof one);
    }
    finished_.notify_one();
  }
}

}  // namespace pawl::worker
