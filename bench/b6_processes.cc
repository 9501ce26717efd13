// B6: ten thousand processes, four at a time, status and output kept, durable; against a bare
// posix_spawn of the same command, alternating in one run.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "bench.h"
#include "worker/worker.h"

namespace pawl::bench {
namespace {

constexpr unsigned kAtOnce = 4;

double probe(std::size_t n, const std::vector<const char*>& argv) {
  double start = seconds();
  unsigned running = 0;
  for (std::size_t i = 0; i < n; ++i) {
    pid_t pid;
    if (posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv.data()), environ)) {
      fail("b6: posix_spawn failed");
    }
    if (++running == kAtOnce) {
      waitpid(-1, nullptr, 0);
      --running;
    }
  }
  while (running-- > 0) waitpid(-1, nullptr, 0);
  return static_cast<double>(n) / (seconds() - start);
}

double ours(std::size_t n, const std::string& task) {
  Scratch scratch("b6");
  Bed bed(scratch.path());
  auto workflow = bed.workflow(
      str("pawl: 1\nname: processes\ninputs:\n  n: {type: integer}\ntasks:\n  each:\n"
          "    for_each: \"${{ range(inputs.n) }}\"\n    action: shell\n", task));
  auto registry = actions::Registry::built_in();
  worker::WorkerOptions w;
  w.data_dir = scratch.path();
  // Four processes at a time; the next ones are at hand, so that an end needs no answer to start one.
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
    if (run.state != core::RunState::completed || run.done_count() != n + 1) fail("b6: tasks failed");
  });
  if (!s.ok()) fail(s.error().message);
  (*worker)->drain(std::chrono::seconds(5));
  return static_cast<double>(n) / took;
}

void cell(Report& report, const char* what, const std::vector<const char*>& argv,
          const std::string& task) {
  std::size_t n = report.scaled(10'000, 1'000);
  std::vector<double> ratios;
  double rate = 0;
  for (int i = 0; i < (report.short_run() ? 3 : 5); ++i) {
    double bare = probe(n / 4, argv);
    rate = ours(n, task);
    double again = probe(n / 4, argv);
    ratios.push_back(rate / ((bare + again) / 2));
  }
  std::sort(ratios.begin(), ratios.end());
  report.add({str("B6 ", what, ", of bare posix_spawn"), ratios[ratios.size() / 2], "ratio", 0.85, 0.97});
  report.add({str("B6 ", what), rate, "tasks/s", 0, 0, false, true});
}

}  // namespace

void bench_processes(Report& report) {
  cell(report, "/bin/true", {"/bin/true", nullptr}, "    args: [/bin/true]\n");
  cell(report, "sh -c ': > out'", {"/bin/sh", "-c", ": > /dev/null", nullptr},
       "    run: ': > out'\n");
}

}  // namespace pawl::bench
