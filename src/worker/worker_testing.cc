#include "worker/worker_testing.h"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::worker {

using core::Assignment;
using core::Fence;
using core::Report;
using core::ReportKind;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

bool is_final(const Report& report) {
  return report.kind != ReportKind::started && report.kind != ReportKind::progress;
}

// For what no event of ours announces: another process's state.
bool poll_until(const std::function<bool()>& holds) {
  const Mono until = system_clock().mono() + kPatience;
  while (!holds()) {
    if (system_clock().mono() > until) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace

std::string Seen::text(core::Stream stream) const {
  std::string out;
  for (const auto& line : log) {
    if (line.stream == stream) out += line.text + '\n';
  }
  return out;
}

WorkerId RecordingPort::join(core::WorkerInfo, std::shared_ptr<core::WorkerLink> link,
                             std::vector<Fence> held_now) {
  std::lock_guard lock(mutex_);
  link_ = std::move(link);
  held = std::move(held_now);
  left = false;
  credit = 0;
  return WorkerId(1);
}

void RecordingPort::push() {
  std::vector<Assignment> batch;
  while (!queue_.empty() && credit > 0) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
    --credit;
  }
  if (!batch.empty()) link_->assign(std::move(batch));
}

void RecordingPort::offer(WorkerId, std::uint32_t slots) {
  std::lock_guard lock(mutex_);
  credit = slots == 0 ? 0 : credit + slots;
  push();
  changed_.notify_all();
}

void RecordingPort::report(WorkerId, std::vector<Report> reports, std::uint32_t slots) {
  std::lock_guard lock(mutex_);
  std::vector<Fence> recorded;
  for (auto& one : reports) {
    Seen& seen = seen_[key(one.fence)];
    PAWL_ASSERT(!seen.ended);
    if (!is_final(one)) {
      seen.reports.push_back(std::move(one));
      continue;
    }
    if (one.receipt && give_receipts) recorded.push_back(one.fence);
    seen.ended = true;
    seen.last = std::move(one);
    ++ended_;
  }
  if (!recorded.empty()) link_->recorded(std::move(recorded));
  credit += slots;
  push();
  changed_.notify_all();
}

void RecordingPort::log(WorkerId, core::LogBatch batch) {
  std::lock_guard lock(mutex_);
  auto& next = next_line_[key(batch.fence)];
  PAWL_ASSERT(batch.first_line <= next);  // a gap
  Seen& seen = seen_[key(batch.fence)];
  PAWL_ASSERT(!seen.ended);
  std::uint64_t number = batch.first_line;
  for (auto& line : batch.lines) {
    if (number++ < next) continue;  // a repeat
    ++next;
    ++log_lines;
    log_bytes += line.text.size() + 1;
    if (keep_logs) seen.log.push_back(std::move(line));
  }
  changed_.notify_all();
}

void RecordingPort::leave(WorkerId) {
  std::lock_guard lock(mutex_);
  left = true;
  changed_.notify_all();
}

void RecordingPort::submit(Assignment assignment) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(assignment));
  push();
}

void RecordingPort::submit(std::vector<Assignment> batch) {
  std::lock_guard lock(mutex_);
  for (auto& one : batch)
    queue_.push_back(std::move(one));
  push();
}

void RecordingPort::cancel(const Fence& fence) {
  std::lock_guard lock(mutex_);
  link_->cancel(fence);
}

void RecordingPort::refuse(const Fence& fence) {
  std::lock_guard lock(mutex_);
  link_->refused(fence);
}

void RecordingPort::wait(const std::function<bool()>& predicate) {
  std::unique_lock lock(mutex_);
  const bool held_true = changed_.wait_for(lock, kPatience, predicate);
  PAWL_ASSERT(held_true);
}

const Seen& RecordingPort::wait_for_end(const Fence& fence) {
  wait([&] { return seen_[key(fence)].ended; });
  return seen(fence);
}

void RecordingPort::wait_for_line(const Fence& fence, std::string_view text) {
  wait([&] {
    for (const auto& line : seen_[key(fence)].log) {
      if (line.text.find(text) != std::string::npos) return true;
    }
    return false;
  });
}

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  std::string pattern = str(base ? base : "/tmp", "/pawl-test-XXXXXX");
  PAWL_ASSERT(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() { (void)remove_tree(path_).ok(); }

std::string TempDir::operator/(std::string_view name) const { return str(path_, '/', name); }

Fence fence_of(std::int64_t run, TaskId task, Attempt attempt, Lease lease) {
  return {RunId(run), task, attempt, lease};
}

Assignment task_with(const Fence& fence, std::string action, Json with,
                     const std::function<void(core::TaskDef&)>& change) {
  auto workflow = std::make_shared<core::Workflow>();
  auto& def = workflow->defs.emplace_back();
  def.action = std::move(action);
  if (change) change(def);
  Assignment a;
  a.fence = fence;
  a.def = &def;
  a.path = str("t", fence.task);
  a.with = std::move(with);
  a.workflow = std::move(workflow);
  return a;
}

Assignment shell_task(const Fence& fence, std::string run,
                      const std::function<void(core::TaskDef&)>& change) {
  return task_with(fence, "shell", {}, [&](core::TaskDef& def) {
    def.run = std::move(run);
    if (change) change(def);
  });
}

long number(std::string_view text) {
  long out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

bool alive(long pid) {
  auto stat = read_file(str("/proc/", pid, "/stat"));
  if (!stat.ok()) return false;
  const auto paren = stat->rfind(')');
  return paren != std::string::npos && (*stat)[paren + 2] != 'Z';
}

bool gone(long pid) {
  return poll_until([&] { return !alive(pid); });
}

std::string wait_for_file(const std::string& path) {
  std::string line;
  poll_until([&] {
    auto text = read_file(path);
    if (!text.ok() || text->find('\n') == std::string::npos) return false;
    line = text->substr(0, text->find('\n'));
    return true;
  });
  return line;
}

std::vector<long> spawners_of(const std::string& data_dir) {
  std::vector<long> out;
  DIR* proc = ::opendir("/proc");
  if (!proc) return out;
  while (const dirent* entry = ::readdir(proc)) {
    const std::string_view name = entry->d_name;
    long pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid <= 0 || !alive(pid)) continue;
    auto command = read_file(str("/proc/", pid, "/cmdline"));
    if (command.ok() &&
        command->find(str(std::string_view("__spawner\0", 10), data_dir)) != std::string::npos) {
      out.push_back(pid);
    }
  }
  ::closedir(proc);
  return out;
}

}  // namespace pawl::worker
