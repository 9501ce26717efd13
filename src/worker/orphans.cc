#include "worker/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::worker {
namespace {

constexpr std::string_view kVariable = "PAWL_LEASE=";

// glibc 2.36 declares these without extern "C".
int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_kill(int fd) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0));
}

bool carries(pid_t pid, std::string_view lease) {
  auto environ_text = read_file(str("/proc/", pid, "/environ"), 4u << 20);
  if (!environ_text.ok()) return false;
  for (auto entry : split(*environ_text, '\0')) {
    if (!entry.starts_with(kVariable)) continue;
    entry.remove_prefix(kVariable.size());
    // A whole lease must not match a longer number that begins alike.
    return lease.ends_with(':') ? entry.starts_with(lease) : entry == lease;
  }
  return false;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> out;
  DIR* proc = ::opendir("/proc");
  if (!proc) return out;
  while (const dirent* entry = ::readdir(proc)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) out.push_back(pid);
  }
  ::closedir(proc);
  return out;
}

// Held, checked, killed. Returns its pidfd, readable once it is gone.
UniqueFd kill_if(pid_t pid, std::string_view lease) {
  if (pid == ::getpid() || !carries(pid, lease)) return UniqueFd();
  UniqueFd fd(pidfd_open(pid));
  if (!fd || !carries(pid, lease)) return UniqueFd();
  pidfd_kill(fd.get());
  return fd;
}

}  // namespace

std::string store_identity(const std::string& data_dir) {
  struct stat info;
  if (::stat(data_dir.c_str(), &info) != 0) return {};
  return str(info.st_dev, '-', info.st_ino);
}

std::string lease_of(std::string_view store, const core::Fence& f) {
  return str(store, ':', f.run.value, '.', f.task, '.', f.attempt, '.', f.lease);
}

int kill_by_lease(std::string_view lease, Duration patience, const Clock& clock) {
  const Mono until = clock.mono() + patience;
  // Again until a pass finds none: one may have forked while we looked.
  while (true) {
    std::vector<UniqueFd> killed;
    for (pid_t pid : all_pids()) {
      if (auto fd = kill_if(pid, lease)) killed.push_back(std::move(fd));
    }
    if (killed.empty()) return 0;
    int left = 0;
    for (const auto& fd : killed) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock.mono());
      pollfd one{fd.get(), POLLIN, 0};
      if (::poll(&one, 1, static_cast<int>(std::max<long long>(0, ms.count()))) <= 0) ++left;
    }
    if (left > 0 || clock.mono() >= until) return left;
  }
}

bool has_other_children(const std::vector<pid_t>& known) {
  auto text = read_file(str("/proc/self/task/", ::getpid(), "/children"), 4u << 20);
  if (!text.ok()) return true;  // the kernel does not say: look everywhere
  for (auto word : split(*text, ' ')) {
    pid_t pid = 0;
    std::from_chars(word.data(), word.data() + word.size(), pid);
    if (pid > 0 && std::find(known.begin(), known.end(), pid) == known.end()) return true;
  }
  return false;
}

unsigned long long start_ticks(pid_t pid) {
  auto text = read_file(str("/proc/", pid, "/stat"), 64u << 10);
  if (!text.ok()) return 0;
  const auto paren = text->rfind(')');
  if (paren == std::string::npos) return 0;
  const auto fields = split(std::string_view(*text).substr(paren + 2), ' ');
  unsigned long long ticks = 0;
  if (fields.size() > 19) {
    std::from_chars(fields[19].data(), fields[19].data() + fields[19].size(), ticks);
  }
  return ticks;
}

}  // namespace pawl::worker
