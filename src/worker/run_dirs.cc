#include "worker/run_dirs.h"

#include <charconv>
#include <utility>

#include "base/fs.h"
#include "base/log.h"
#include "base/text.h"

namespace pawl::worker {
namespace {

constexpr auto kFirst = std::chrono::seconds(5);
constexpr auto kEvery = std::chrono::hours(1);

// The run a directory's name stands for; 0 where it stands for none.
RunId run_of(std::string_view name) {
  std::int64_t number = 0;
  auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = bad == std::errc{} && end == name.data() + name.size();
  return RunId(whole && number > 0 && str(number) == name ? number : 0);
}

}  // namespace

RunDirs::RunDirs(std::string data_dir, Known known)
    : data_dir_(std::move(data_dir)), known_(std::move(known)), thread_([this] { work(); }) {}

RunDirs::~RunDirs() {
  {
    std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<int> RunDirs::sweep(const std::string& data_dir, const Known& known,
                           const std::function<bool()>& leaving) {
  const std::string work = str(data_dir, "/work");
  auto entries = list_dir(work);
  if (!entries.ok() && entries.error().code == Errc::not_found) return 0;
  if (!entries.ok()) return entries.error();
  int removed = 0;
  for (const auto& entry : *entries) {
    if (leaving()) break;
    const RunId run = run_of(entry.name);
    if (!run || entry.kind != FileKind::directory || TRY(known(run))) continue;
    TRY(remove_tree(str(work, '/', entry.name)));
    ++removed;
  }
  return removed;
}

void RunDirs::work() {
  Duration pause = kFirst;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause, [&] { return leaving_; })) {
    pause = kEvery;
    lock.unlock();
    auto swept = sweep(data_dir_, known_, [&] {
      std::lock_guard inner(mutex_);
      return leaving_;
    });
    if (!swept.ok()) {
      log_warning("old work directories could not be removed; it is tried again in an hour",
                  {{"error", swept.error().message}});
    }
    lock.lock();
  }
}

}  // namespace pawl::worker
