#include "base/failpoint.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/fs.h"
#include "base/text.h"

namespace pawl {

namespace {

enum class Action : std::uint8_t { kill, stop, error, fail };

struct Wanted {
  std::string name;
  std::uint64_t at = 1;
  Action action = Action::kill;
  std::atomic<std::uint64_t> passes{0};
};

// A table of open addressing in a mapped file. A slot is claimed by its hash, its name follows.
struct Slot {
  std::atomic<std::uint64_t> hash, passes;
  char name[48];
};
constexpr std::size_t kSlots = 512;
struct Table {
  Slot slots[kSlots];
};

std::vector<std::unique_ptr<Wanted>>& wanted() {
  static std::vector<std::unique_ptr<Wanted>> list;
  return list;
}
Table* counts = nullptr;

std::uint64_t hash_of(std::string_view name) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (char c : name)
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h | 1;
}

Slot* slot_of(Table& table, std::string_view name, bool claim) {
  const auto hash = hash_of(name);
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = table.slots[(hash + i) % kSlots];
    std::uint64_t found = slot.hash.load(std::memory_order_acquire);
    if (found == hash) return &slot;
    if (found != 0) continue;
    if (!claim) return nullptr;
    if (slot.hash.compare_exchange_strong(found, hash)) {
      std::memcpy(slot.name, name.data(), std::min(name.size(), sizeof slot.name - 1));
      return &slot;
    }
    if (found == hash) return &slot;
  }
  return nullptr;
}

Result<Table*> map_table(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error("open", path, errno);
  if (::ftruncate(fd.get(), sizeof(Table)) != 0) return errno_error("size", path, errno);
  void* at = ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return errno_error("map", path, errno);
  return static_cast<Table*>(at);
}

Result<std::unique_ptr<Wanted>> parse(std::string_view text) {
  auto out = std::make_unique<Wanted>();
  auto parts = split(text, ':');
  const Error bad{Errc::usage, str("PAWL_FAILPOINT: '", text, "', expected NAME:N[:ACTION]")};
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return bad;
  out->name = parts[0];
  auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), out->at);
  if (error != std::errc{} || end != parts[1].data() + parts[1].size() || out->at == 0) return bad;
  if (parts.size() == 2 || parts[2] == "kill") return out;
  if (parts[2] == "stop") {
    out->action = Action::stop;
  } else if (parts[2] == "error") {
    out->action = Action::error;
  } else if (parts[2] == "fail") {
    out->action = Action::fail;
  } else {
    return bad;
  }
  return out;
}

}  // namespace

bool detail::pass_failpoint(const char* name) {
  if (counts) {
    if (auto* slot = slot_of(*counts, name, true)) ++slot->passes;
  }
  for (const auto& one : wanted()) {
    if (one->name != name) continue;
    const auto pass = ++one->passes;
    if (one->action == Action::fail && pass >= one->at) return true;
    if (pass != one->at) continue;
    if (one->action == Action::error) return true;
    if (counts) {
      auto* fired = slot_of(*counts, kFailpointFired, true);
      if (fired && fired->passes.fetch_add(1) > 0) continue;
    }
    // Not raise(): the whole process, whichever thread this is.
    ::kill(::getpid(), one->action == Action::stop ? SIGSTOP : SIGKILL);
  }
  return false;
}

Status arm_failpoints(const std::string& text, const std::string& counts_file) {
  detail::failpoints_armed = false;
  wanted().clear();
  if (counts) ::munmap(std::exchange(counts, nullptr), sizeof(Table));
  if (!text.empty()) {
    for (auto one : split(text, ','))
      wanted().push_back(TRY(parse(one)));
  }
  if (!counts_file.empty()) counts = TRY(map_table(counts_file));
  detail::failpoints_armed = !wanted().empty() || counts;
  return {};
}

Result<FailpointCounts> FailpointCounts::create(const std::string& path) {
  auto* table = TRY(map_table(path));
  // Not O_TRUNC: a process that has it mapped would be killed by its next pass.
  std::memset(static_cast<void*>(table), 0, sizeof(Table));
  return FailpointCounts(table);
}

FailpointCounts::FailpointCounts(FailpointCounts&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)) {}

FailpointCounts::~FailpointCounts() {
  if (table_) ::munmap(table_, sizeof(Table));
}

std::uint64_t FailpointCounts::of(const char* name) const {
  auto* slot = slot_of(*static_cast<Table*>(table_), name, false);
  return slot ? slot->passes.load() : 0;
}

std::vector<FailpointCount> FailpointCounts::all() const {
  std::vector<FailpointCount> out;
  for (const auto& slot : static_cast<const Table*>(table_)->slots) {
    if (slot.passes.load() > 0) out.push_back({slot.name, slot.passes.load()});
  }
  return out;
}

}  // namespace pawl
