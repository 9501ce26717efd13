#include <malloc.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "tests/torture/memory.h"
#include "tests/torture/torture.h"

namespace pawl::torture {

namespace {

constexpr std::size_t kShown = 5;
std::mutex violations_mutex;

}  // namespace

void Violations::add(std::string what) {
  std::lock_guard lock(violations_mutex);
  ++count_;
  if (first_.size() < kShown) first_.push_back(std::move(what));
}

Report::Report(std::string name) : name_(std::move(name)) {
  std::printf("== %s\n", name_.c_str());
  std::fflush(stdout);
}

void Report::print(std::string_view line) {
  std::printf("     %.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

void Report::verdict(bool ok, std::string_view what) {
  ++(ok ? passed : failed);
  std::printf("%s %s: %.*s\n", ok ? "ok  " : "FAIL", name_.c_str(), static_cast<int>(what.size()),
              what.data());
  std::fflush(stdout);
}

void Report::holds(std::string_view promise, const Violations& violations) {
  verdict(violations.count() == 0, promise);
  if (violations.count() == 0) return;
  print(str(violations.count(), " times; the first:"));
  for (const auto& one : violations.first())
    print(str("- ", one));
}

void Report::at_least(std::string_view what, std::uint64_t value, std::uint64_t wanted) {
  verdict(value >= wanted, str(what, ": ", value, " (at least ", wanted, ")"));
}

void Report::at_most(std::string_view what, double value, double limit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g (at most %.3g)", value, limit);
  verdict(value <= limit, str(what, ": ", text));
}

void Report::skip(std::string_view what, std::string_view why) {
  std::printf("skip %s: %.*s: %.*s\n", name_.c_str(), static_cast<int>(what.size()), what.data(),
              static_cast<int>(why.size()), why.data());
}

std::string scratch_root() {
  const char* chosen = std::getenv("PAWL_TORTURE_DIR");
  std::string root = chosen && *chosen ? chosen : str(PAWL_BUILD_DIR, "/torture");
  (void)make_dirs(root, 0700).ok();
  return root;
}

namespace {

struct Row {
  const char* name;
  void (*run)(const Options&, Report&);
};
constexpr Row kRows[] = {
    {"powerloss", torture_powerloss},   {"faults", torture_faults},
    {"damage", torture_damage},         {"kill", torture_kill},
    {"failpoints", torture_failpoints}, {"full", torture_full},
    {"signals", torture_signals},       {"clock", torture_clock},
};

std::uint64_t number(std::string_view text) {
  std::uint64_t n = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), n).ec != std::errc{}) {
    std::fprintf(stderr, "expected a number, found %.*s\n", static_cast<int>(text.size()),
                 text.data());
    std::exit(2);
  }
  return n;
}

int usage() {
  std::string names;
  for (const auto& row : kRows)
    names += str('|', row.name);
  std::fprintf(stderr,
               "usage: pawl_torture [all%s]... [--long] [--cycles N] [--seed S] [--keep] "
               "[--only NAME] [--verbose]\n",
               names.c_str());
  return 2;
}

int run(int argc, char** argv) {
  Options options;
  std::vector<const Row*> rows;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--long") {
      options.long_dose = true;
    } else if (word == "--keep") {
      options.keep = true;
    } else if (word == "--verbose") {
      options.verbose = true;
    } else if (word == "--only" && i + 1 < argc) {
      options.only = argv[++i];
    } else if ((word == "--cycles" || word == "--seed") && i + 1 < argc) {
      (word == "--seed" ? options.seed : options.cycles) = number(argv[++i]);
    } else if (word != "all") {
      const auto before = rows.size();
      for (const auto& row : kRows) {
        if (word == row.name) rows.push_back(&row);
      }
      if (rows.size() == before) return usage();
    }
  }
  if (rows.empty()) {
    for (const auto& row : kRows)
      rows.push_back(&row);
  }
  int passed = 0, failed = 0;
  for (const auto* row : rows) {
    Report report(row->name);
    const auto began = system_clock().mono();
    row->run(options, report);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().mono() - began);
    report.figure("seed ", options.seed, ", ", took.count() / 1000, ".", took.count() / 100 % 10,
                  " s");
    passed += report.passed;
    failed += report.failed;
  }
  std::printf("pawl-check: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

}  // namespace pawl::torture

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  pawl::torture::memory::hook_sqlite();
  pawl::set_log({.level = pawl::LogLevel::error});
  return pawl::torture::run(argc, argv);
}
