#include "actions/task_events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

constexpr std::size_t kReadAtOnce = 256u << 10;
constexpr std::size_t kLongestLine = 64u << 10;
constexpr std::uint64_t kMostBytes = 256u << 20;
constexpr std::size_t kMostMetrics = 1000;  // one read
constexpr std::size_t kMostWarnings = 100;
constexpr std::size_t kLongestWarning = 2000;

std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return text.size() <= kShown ? to_valid_utf8(text)
                               : to_valid_utf8(text.substr(0, kShown)) + "...";
}

void problem(TaskEvents& into, std::uint64_t number, std::string_view what, std::string_view line) {
  if (into.problems.size() >= 20) return;
  into.problems.push_back(str("PAWL_EVENTS line ", number, ": ", what, ": ", shown(line)));
}

bool read_progress(const Json& value, core::Progress& out) {
  if (!value.is_object() || !value["current"].is_number()) return false;
  out.current = value["current"].as_double();
  const auto& total = value["total"];
  if (total.is_number())
    out.total = total.as_double();
  else if (!total.is_null())
    return false;
  const auto& unit = value["unit"];
  if (unit.is_string())
    out.unit = unit.as_string().substr(0, 40);
  else if (!unit.is_null())
    return false;
  return true;
}

}  // namespace

void read_event_line(std::string_view line, std::uint64_t number, TaskEvents& into) {
  if (trim(line).empty()) return;
  auto parsed = Json::parse(line, {.max_bytes = kLongestLine, .max_depth = 8});
  if (!parsed.ok()) return problem(into, number, parsed.error().message, line);
  const Json& event = *parsed;
  if (!event.is_object()) return problem(into, number, "expected a JSON object", line);
  for (const auto& [key, value] : event.as_object()) {
    if (key == "progress") {
      core::Progress progress;
      if (read_progress(value, progress))
        into.progress = progress;
      else
        problem(into, number, "progress wants {\"current\": N, \"total\": N, \"unit\": text}",
                line);
    } else if (key == "metric") {
      if (!value.is_object()) {
        problem(into, number, "metric wants {\"name\": number}", line);
        continue;
      }
      for (const auto& [name, v] : value.as_object()) {
        if (!v.is_number())
          problem(into, number, "a metric must be a number", line);
        else if (into.metrics.size() < kMostMetrics)
          into.metrics.emplace_back(name, v.as_double());
      }
    } else if (key == "warning") {
      if (!value.is_string())
        problem(into, number, "warning wants a text", line);
      else if (into.warnings.size() < kMostWarnings) {
        into.warnings.push_back(to_valid_utf8(value.as_string().substr(0, kLongestWarning)));
      }
    } else if (key == "failure_class") {
      auto c = value.is_string() ? core::parse_failure_class(value.as_string()) : std::nullopt;
      if (c && *c != core::FailureClass::none)
        into.failure_class = c;
      else
        problem(into, number, "no such failure class", line);
    } else if (key == "checkpoint") {
      if (value.is_string() && value.as_string() == "best")
        into.best_checkpoint = true;
      else
        problem(into, number, "checkpoint knows only \"best\"", line);
    } else if (!key.starts_with("x-") && key != "time") {
      problem(into, number, str("unknown event '", shown(key), "'"), line);
    }
  }
}

TaskEvents EventsFile::read(bool at_end) {
  TaskEvents events;
  if (stopped_) return events;
  // O_NONBLOCK: a task may have made a fifo of it.
  UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat info;
  if (!fd || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return events;
  std::string buffer;
  while (true) {
    buffer.resize(kReadAtOnce);
    const auto n = pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (n <= 0) return events;
    buffer.resize(static_cast<std::size_t>(n));
    const auto end = buffer.rfind('\n');
    std::size_t used = 0;
    if (end != std::string::npos) {
      for (auto line : split(std::string_view(buffer).substr(0, end), '\n')) {
        read_event_line(line, ++lines_, events);
      }
      used = end + 1;
    } else if (buffer.size() == kReadAtOnce) {
      problem(events, lines_ + 1, "the line is longer than 64 KiB; its start was dropped", buffer);
      used = buffer.size();
    } else if (at_end) {
      read_event_line(buffer, ++lines_, events);
      used = buffer.size();
    } else {
      return events;
    }
    offset_ += used;
    if (offset_ > kMostBytes) {
      stopped_ = true;
      events.problems.push_back("PAWL_EVENTS is longer than 256 MiB; the rest is not read");
      return events;
    }
    if (at_end ? used == 0 : static_cast<std::size_t>(n) < kReadAtOnce) return events;
  }
}

}  // namespace pawl::actions
