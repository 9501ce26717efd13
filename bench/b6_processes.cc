// B6: ten thousand processes, four at a time, status and output kept, durable; against a bare
// posix_spawn of the same command, alternating in one run. Beside the rates stands the processor
// time of both, all processes included: on a shared machine it says more.
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "bench/bench.h"
#include "worker/worker.h"

namespace pawl::bench {
namespace {

constexpr unsigned kAtOnce = 4;

struct Cost {
  double rate = 0;
  double cpu_us = 0;  // a process
};

// Of this process and of all children it has waited for.
double cpu_seconds() {
  double sum = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    for (const timeval& t : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  }
  return sum;
}

Cost cost_of(std::size_t n, double took, double cpu) {
  return {static_cast<double>(n) / took, cpu * 1e6 / static_cast<double>(n)};
}

Cost probe(std::size_t n, const std::vector<const char*>& argv) {
  double start = seconds(), cpu = cpu_seconds();
  unsigned running = 0;
  for (std::size_t i = 0; i < n; ++i) {
    pid_t pid;
    if (posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv.data()),
                    environ)) {
      fail("b6: posix_spawn failed");
    }
    if (++running == kAtOnce) {
      waitpid(-1, nullptr, 0);
      --running;
    }
  }
  while (running-- > 0)
    waitpid(-1, nullptr, 0);
  return cost_of(n, seconds() - start, cpu_seconds() - cpu);
}

// The directory is the caller's: removing ten thousand files slows whoever makes files in the next
// seconds (ext4 looks past every inode freed of late), and that would be the next round.
Cost ours(const Scratch& scratch, std::size_t n, const std::string& task) {
  Bed bed(scratch.path());
  auto workflow =
      bed.workflow(str("pawl: 1\nname: processes\ninputs:\n  n: {type: integer}\ntasks:\n  each:\n"
                       "    for_each: \"${{ range(inputs.n) }}\"\n    action: shell\n",
                       task));
  double cpu = cpu_seconds();
  auto registry = actions::Registry::built_in();
  worker::WorkerOptions w;
  w.data_dir = scratch.path();
  // Four processes at a time; the next ones are at hand, so that an end needs no answer to start
  // one.
  w.processes = kAtOnce;
  w.slots = 4 * kAtOnce;
  auto worker = worker::Worker::start(*bed.engine, registry, w);
  if (!worker.ok()) fail(worker.error().message);
  double start = seconds();
  auto id = bed.engine->submit({workflow, Json::object().set("n", n), "", "", {}, 0, ""});
  if (!id.ok()) fail(id.error().message);
  auto ended = bed.engine->wait_for_end(*id, Mono::max());
  double took = seconds() - start;
  if (!ended.ok() || !*ended) fail("b6: the run did not end");
  auto s = bed.engine->inspect(*id, [&](const core::Run& run) {
    if (run.state != core::RunState::completed || run.done_count() != n + 1)
      fail("b6: tasks failed");
  });
  if (!s.ok()) fail(s.error().message);
  (*worker)->drain(std::chrono::seconds(5));
  worker->reset();
  while (waitpid(-1, nullptr, 0) > 0) {  // the spawner: it belongs to nobody, so to us
  }
  return cost_of(n, took, cpu_seconds() - cpu);
}

void cell(Report& report, std::vector<std::unique_ptr<Scratch>>& used, const char* what,
          const std::vector<const char*>& argv, const std::string& task) {
  std::size_t n = report.scaled(10'000, 1'000);
  std::vector<double> ratios, cpu_ratios;
  Cost cost;
  for (int i = 0; i < (report.short_run() ? 3 : 5); ++i) {
    Cost bare = probe(n / 4, argv);
    used.push_back(std::make_unique<Scratch>(str("b6-", used.size())));
    cost = ours(*used.back(), n, task);
    Cost again = probe(n / 4, argv);
    ratios.push_back(cost.rate / ((bare.rate + again.rate) / 2));
    cpu_ratios.push_back((bare.cpu_us + again.cpu_us) / 2 / cost.cpu_us);
  }
  std::sort(ratios.begin(), ratios.end());
  std::sort(cpu_ratios.begin(), cpu_ratios.end());
  report.add(
      {str("B6 ", what, ", of bare posix_spawn"), ratios[ratios.size() / 2], "ratio", 0.85, 0.97});
  report.add({str("B6 ", what), cost.rate, "tasks/s", 0, 0, false, true});
  report.add({str("B6 ", what, ", processor time"), cost.cpu_us, "us/task", 0, 0, true, true});
  report.add({str("B6 ", what, ", bare processor time of it"), cpu_ratios[cpu_ratios.size() / 2],
              "ratio", 0, 0, false, true});
}

}  // namespace

void bench_processes(Report& report) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that the spawner's time is counted
  std::vector<std::unique_ptr<Scratch>> used;
  cell(report, used, "/bin/true", {"/bin/true", nullptr}, "    args: [/bin/true]\n");
  cell(report, used, "sh -c ': > out'", {"/bin/sh", "-c", ": > /dev/null", nullptr},
       "    run: ': > out'\n");
}

}  // namespace pawl::bench
