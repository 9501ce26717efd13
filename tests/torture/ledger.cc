#include "tests/torture/ledger.h"

#include <sys/stat.h>

#include <charconv>

#include "base/fs.h"

namespace pawl::torture {

namespace {

std::int64_t number(std::string_view text) {
  std::int64_t n = -1;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

std::string words(const Line& line) {
  return str("run ", line.task.first, ", task ", line.task.second, ", attempt ", line.attempt,
             ", pid ", line.pid);
}

}  // namespace

std::string noted(std::string_view body) {
  return str("l=\"$PAWL_RUN_ID $PAWL_TASK $PAWL_ATTEMPT $$\"; echo \"S $l\" >> \"$LEDGER\"; ", body,
             "; echo \"E $l\" >> \"$LEDGER\"");
}

std::vector<Line> read_ledger(const std::string& path) {
  std::vector<Line> out;
  auto text = read_file(path, std::size_t{4} << 30);
  if (!text.ok()) return out;
  std::size_t at = 0;
  for (auto line : split(*text, '\n')) {
    const auto here = at;
    at += line.size() + 1;
    auto parts = split(line, ' ');
    if (parts.size() != 5) continue;
    Line one;
    one.start = parts[0] == "S";
    one.task = {number(parts[1]), std::string(parts[2])};
    one.attempt = static_cast<std::uint32_t>(number(parts[3]));
    one.pid = number(parts[4]);
    one.at = here;
    out.push_back(std::move(one));
  }
  return out;
}

std::size_t ledger_size(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
}

LedgerFigures check_ledger(const std::vector<Line>& lines, Violations& violations) {
  struct Latest {
    std::uint32_t attempt = 0;
    std::int64_t pid = 0;
    bool ended = false;
  };
  std::map<TaskName, Latest> latest;
  LedgerFigures figures;
  for (const auto& line : lines) {
    auto& l = latest[line.task];
    if (!line.start) {
      ++figures.ends;
      if (line.attempt != l.attempt || line.pid != l.pid) {
        violations.add(
            str(words(line), " ended while attempt ", l.attempt, ", pid ", l.pid, " was at work"));
      } else if (l.ended) {
        violations.add(str(words(line), " ended twice"));
      }
      l.ended = true;
      continue;
    }
    ++figures.starts;
    if (l.attempt != 0) ++figures.again;
    if (line.attempt <= l.attempt) {
      violations.add(str(words(line), " began after attempt ", l.attempt, ", pid ", l.pid, " had"));
    }
    l = {line.attempt, line.pid, false};
  }
  return figures;
}

void Completions::told(std::int64_t run, const std::string& task, std::uint32_t attempt,
                       std::size_t at) {
  std::lock_guard lock(mutex_);
  told_.try_emplace({run, task}, Told{attempt, at});
}

std::size_t Completions::count() const {
  std::lock_guard lock(mutex_);
  return told_.size();
}

void Completions::check(const std::vector<Line>& lines, Violations& violations) const {
  std::lock_guard lock(mutex_);
  std::set<TaskName> ended;
  for (const auto& line : lines) {
    auto it = told_.find(line.task);
    if (it == told_.end()) continue;
    if (line.start && line.at >= it->second.at) {
      violations.add(str(words(line), " began after the completion of attempt ", it->second.attempt,
                         " was told"));
    }
    if (!line.start && line.attempt == it->second.attempt) ended.insert(line.task);
  }
  for (const auto& [task, told] : told_) {
    if (!ended.contains(task)) {
      violations.add(str("run ", task.first, ", task ", task.second, ", attempt ", told.attempt,
                         " was told as completed and never reached its end"));
    }
  }
}

}  // namespace pawl::torture
