// B7: kill -9 with a million queued and ten thousand running, again and again; and B17: the
// footprint.
//
// A child process owns the store and drains; it is killed at random instants. A ledger in shared
// memory outlives it: a handler notes its entry, a subscriber notes each durable end. A handler
// entered for a run whose end was durable would be work done twice; a submitted run without an end
// would be lost.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/random.h"
#include "base/text.h"
#include "bench/bench.h"

namespace pawl::bench {
namespace {

constexpr const char* kJob = "pawl: 1\nname: job\ntasks:\n  work:\n    action: noop\n";

struct Cell {
  std::atomic<std::uint8_t> entered, durable, doubled;
};

std::size_t number(std::string_view text) {
  std::size_t n = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), n).ec != std::errc{}) {
    fail(str("expected a number, found ", text));
  }
  return n;
}

Cell* map_ledger(const std::string& path, std::size_t n) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(n * sizeof(Cell))) != 0)
    fail("cannot make the ledger");
  void* p = mmap(nullptr, n * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (p == MAP_FAILED) fail("cannot map the ledger");
  return static_cast<Cell*>(p);
}

struct Ends : engine::Subscriber {
  Cell* ledger;
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    for (const auto& e : events) {
      if (e.kind == core::EventKind::run_state && is_final(e.run_state)) {
        ledger[run.value].durable = 1;
      }
    }
  }
  void on_log(const core::LogBatch&) override {}
  void on_progress(RunId, TaskId, const core::Progress&) override {}
};

void submit_many(Bed& bed, std::size_t n) {
  auto workflow = bed.workflow(kJob);
  std::atomic<std::size_t> answered{0};
  std::size_t sent = 0;
  while (sent < n) {
    while (sent < n && sent - answered < 8192) {
      ++sent;
      bed.engine->submit_async({workflow, {}, "", "", {}, 0, ""}, [&](Result<RunId> r) {
        if (!r.ok()) fail(r.error().message);
        ++answered;
      });
    }
    (void)bed.engine->statistics();
  }
  while (answered < n)
    (void)bed.engine->statistics();
}

struct Child {
  pid_t pid = 0;
  std::FILE* out = nullptr;
  double started = 0;
};

Child start_child(const std::vector<std::string>& args) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) fail("pipe failed");
  Child c;
  c.started = seconds();
  c.pid = fork();
  if (c.pid == 0) {
    dup2(fds[1], 1);
    std::vector<char*> argv;
    for (const auto& a : args)
      argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  close(fds[1]);
  c.out = fdopen(fds[0], "r");
  return c;
}

// The next number the child prints; it prints one when something has happened.
double read_number(Child& c) {
  double v = 0;
  if (std::fscanf(c.out, "%lf", &v) != 1) fail("the child ended before it said anything");
  return v;
}

void end_child(Child& c, int how) {
  if (how) kill(c.pid, how);
  int status = 0;
  waitpid(c.pid, &status, 0);
  std::fclose(c.out);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

// --child drain DIR RUNS SLOTS: prints the moment of the first dispatch, drains, prints when all is
// done.
// --child idle DIR N: submits N runs, prints resident bytes, waits to be killed.
int child_main(int argc, char** argv) {
  std::string mode = argv[0], directory = argv[1];
  auto n = number(argv[2]);
  Bed bed(directory);
  if (mode == "idle") {
    std::unique_ptr<NoopWorker> worker;
    if (n == 0)
      worker =
          std::make_unique<NoopWorker>(*bed.engine, directory, NoopWorker::Options{.slots = 4});
    (void)bed.engine->statistics();
    std::printf("%.6f\n", seconds());
    std::fflush(stdout);
    if (n > 0) submit_many(bed, n);
    give_memory_back();
    std::printf("%zu\n", resident_bytes());
    std::fflush(stdout);
    pause();
    return 0;
  }
  Cell* ledger = map_ledger(directory + "/../ledger", n + 1);
  auto ends = std::make_shared<Ends>();
  ends->ledger = ledger;
  bed.engine->subscribe({}, ends);
  std::atomic<bool> first{true};
  auto slots = static_cast<std::uint32_t>(number(argv[3]));
  NoopWorker worker(*bed.engine, directory, {slots, {}, [&](const core::Assignment& a) {
                                               if (first.exchange(false)) {
                                                 std::printf("%.6f\n", seconds());
                                                 std::fflush(stdout);
                                               }
                                               Cell& c = ledger[a.fence.run.value];
                                               if (c.durable) c.doubled = 1;
                                               c.entered = 1;
                                             }});
  for (;;) {
    auto s = bed.engine->statistics();
    if (!s.scanning && s.open_runs == 0) break;
    usleep(20'000);
  }
  worker.stop();
  std::printf("%.6f\n", seconds());
  std::fflush(stdout);
  return argc > 0 ? 0 : 1;
}

void bench_crash(Report& report) {
  std::size_t n = report.scaled(1'000'000, 100'000);
  int kills = report.short_run() ? 5 : 30;
  Scratch scratch("b7");
  std::string directory = scratch.path() + "/data";
  Cell* ledger = map_ledger(scratch.path() + "/ledger", n + 1);
  {
    Bed bed(directory);
    submit_many(bed, n);
  }
  Random random(entropy());
  std::vector<double> firsts;
  std::vector<std::string> args = {"pawl_bench", "--child", "drain", directory, str(n), "10000"};
  for (int i = 0; i < kills; ++i) {
    Child c = start_child(args);
    firsts.push_back(read_number(c) - c.started);
    usleep(static_cast<useconds_t>(random.below(report.short_run() ? 50'000 : 200'000)));
    end_child(c, SIGKILL);
  }
  Child c = start_child(args);
  double at = read_number(c);
  (void)at;
  read_number(c);
  end_child(c, 0);
  std::size_t lost = 0, doubled = 0;
  for (std::size_t i = 1; i <= n; ++i) {
    lost += !ledger[i].entered;
    doubled += ledger[i].doubled;
  }
  {
    Bed bed(directory);
    auto open = bed.store->scan_open(RunId{}, 1, false);
    if (!open.ok() || !open->empty()) fail("b7: runs are open at the end");
    store::RunFilter filter;
    filter.states = ~(1u << static_cast<unsigned>(core::RunState::completed));
    auto others = bed.store->list_runs(filter);
    if (!others.ok() || !others->empty()) ++lost;
  }
  munmap(ledger, (n + 1) * sizeof(Cell));
  report.add(
      {str("B7 lost after ", kills, " kills"), static_cast<double>(lost), "runs", 0, 0, true});
  report.add({str("B7 done twice after ", kills, " kills"), static_cast<double>(doubled), "runs", 0,
              0, true});
  report.add({str("B7 kill -9 to first dispatch, ", n, " runs open"), median(firsts), "s", 0.5, 0.1,
              true});
}

void bench_footprint(Report& report) {
  std::vector<double> ready;
  double idle = 0;
  for (int i = 0; i < 5; ++i) {
    Scratch scratch("b17");
    Child c = start_child({"pawl_bench", "--child", "idle", scratch.path() + "/data", "0"});
    ready.push_back((read_number(c) - c.started) * 1e3);
    idle = read_number(c) / 1e6;
    end_child(c, SIGKILL);
  }
  report.add({"B17 idle memory", idle, "MB", 15, 10, true});
  report.add({"B17 start to ready", median(ready), "ms", 50, 25, true});
  std::size_t n = report.scaled(1'000'000, 100'000);
  Scratch scratch("b17q");
  Child c = start_child({"pawl_bench", "--child", "idle", scratch.path() + "/data", str(n)});
  read_number(c);
  report.add(
      {str("B17 memory with ", n, " runs queued"), read_number(c) / 1e6, "MB", 250, 150, true});
  end_child(c, SIGKILL);
}

}  // namespace pawl::bench
