// Runs the benchmarks, prints a table and writes JSON: pawl_bench [--short] [--only NAME]...
// [--json FILE]
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/fs.h"
#include "bench/bench.h"
#include "worker/spawner.h"

namespace pawl::bench {

void bench_steps(Report&);
void bench_drain(Report&);
void bench_growth(Report&);
void bench_start(Report&);
void bench_dag(Report&);
void bench_store(Report&);
void bench_timers(Report&);
void bench_crash(Report&);
void bench_processes(Report&);
void bench_footprint(Report&);
void bench_library(Report&);
void bench_stream(Report&);
void bench_network(Report&);
int child_main(int argc, char** argv);

const std::vector<Benchmark>& benchmarks() {
  static const std::vector<Benchmark> all = {
      {"drain", "B1: queue drain", bench_drain},
      {"steps", "B2: nine sequential durable steps", bench_steps},
      {"start", "B4: submit to start", bench_start},
      {"dag", "B5: giant DAGs", bench_dag},
      {"processes", "B6: processes", bench_processes},
      {"crash", "B7: kill -9", bench_crash},
      {"store", "B8: the store against raw SQLite", bench_store},
      {"footprint", "B17: footprint", bench_footprint},
      {"timers", "B16: durable timers", bench_timers},
      {"growth", "growth: B1 beside a long history", bench_growth},
      {"network", "workers over HTTP", bench_network, true},
      {"library", "the C++ library", bench_library, true},
      {"stream", "B11: the stream", bench_stream, true},
  };
  return all;
}

void Report::add(Figure f) {
  bool holds = f.measured_only || (f.lower_is_better ? f.value <= f.floor : f.value >= f.floor);
  std::printf("%-48s %14.4g %-10s", f.name.c_str(), f.value, f.unit.c_str());
  if (!f.measured_only) {
    std::printf(" floor %-10.4g moonshot %-10.4g %s", f.floor, f.moonshot, holds ? "ok" : "BELOW");
  }
  std::printf("\n");
  std::fflush(stdout);
  figures_.push_back(std::move(f));
}

Json Report::to_json() const {
  Json all = Json::array();
  for (const Figure& f : figures_) {
    Json j = Json::object();
    j.set("name", f.name).set("value", f.value).set("unit", f.unit);
    j.set("floor", f.measured_only ? Json() : Json(f.floor));
    j.set("moonshot", f.measured_only ? Json() : Json(f.moonshot));
    all.push(std::move(j));
  }
  return all;
}

}  // namespace pawl::bench

int main(int argc, char** argv) {
  using namespace pawl;
  if (argc > 4 && !std::strcmp(argv[1], "--child")) return bench::child_main(argc - 2, argv + 2);
  if (argc > 1 && !std::strcmp(argv[1], worker::kSpawnerArgument)) {
    return worker::spawner_main(argc, argv);
  }
  bool short_run = false;
  std::vector<std::string> only;
  std::string json;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--short"))
      short_run = true;
    else if (!std::strcmp(argv[i], "--only") && i + 1 < argc)
      only.push_back(argv[++i]);
    else if (!std::strcmp(argv[i], "--json") && i + 1 < argc)
      json = argv[++i];
    else
      bench::fail("usage: pawl_bench [--short] [--only NAME]... [--json FILE]");
  }
  bench::Report report(short_run);
  for (const auto& b : bench::benchmarks()) {
    bool named = std::find(only.begin(), only.end(), b.name) != only.end();
    if (only.empty() ? b.apart : !named) continue;
    std::printf("-- %s\n", b.what);
    std::fflush(stdout);
    b.run(report);
  }
  if (!json.empty()) {
    auto written = write_file_atomic(json, report.to_json().pretty() + "\n", 0644);
    if (!written.ok()) bench::fail(written.error().message);
  }
  return 0;
}
