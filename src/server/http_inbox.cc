// HttpInbox: what other threads have for a loop's connections, handed over with one wake-up a
// batch.
#include <unistd.h>

#include <utility>

#include "server/http_loop.h"

namespace pawl::server {

bool HttpInbox::put(HttpLetter letter) {
  std::lock_guard lock(mutex_);
  if (wake_fd_ < 0) return false;
  letters_.push_back(std::move(letter));
  if (!std::exchange(awake_, true)) {
    const std::uint64_t one = 1;
    (void)!::write(wake_fd_, &one, sizeof one);
  }
  return true;
}

void HttpInbox::wake() {
  std::lock_guard lock(mutex_);
  const std::uint64_t one = 1;
  if (wake_fd_ >= 0) (void)!::write(wake_fd_, &one, sizeof one);
}

std::vector<HttpLetter> HttpInbox::take() {
  std::lock_guard lock(mutex_);
  awake_ = false;
  return std::exchange(letters_, {});
}

void HttpInbox::close() {
  std::lock_guard lock(mutex_);
  wake_fd_ = -1;
  letters_.clear();
}

}  // namespace pawl::server
