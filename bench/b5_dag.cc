// B5: giant DAGs from one document. (a) 1 -> n -> 1; (b) layers of 1,000 with two parents each.

#include "base/text.h"
#include "bench/bench.h"

namespace pawl::bench {
namespace {

std::string layered(std::size_t layers, std::size_t width) {
  std::string text = "{\"pawl\":1,\"name\":\"layers\",\"tasks\":{";
  text.reserve(layers * width * 64);
  for (std::size_t l = 0; l < layers; ++l) {
    for (std::size_t i = 0; i < width; ++i) {
      text += str(l + i ? "," : "", "\"l", l, "n", i, "\":{\"action\":\"noop\"");
      if (l > 0) {
        text += str(",\"needs\":[\"l", l - 1, "n", i, "\",\"l", l - 1, "n", (i + 1) % width, "\"]");
      }
      text += "}";
    }
  }
  return text + "}}";
}

std::string diamond(std::size_t n) {
  std::string text = "{\"pawl\":1,\"name\":\"diamond\",\"tasks\":{\"first\":{\"action\":\"noop\"}";
  std::string all;
  for (std::size_t i = 0; i < n; ++i) {
    text += str(",\"m", i, "\":{\"action\":\"noop\",\"needs\":[\"first\"]}");
    all += str(i ? "," : "", "\"m", i, "\"");
  }
  return text + ",\"last\":{\"action\":\"noop\",\"needs\":[" + all + "]}}}";
}

void wait_end(Bed& bed, RunId run, std::size_t tasks) {
  auto ended = bed.engine->wait_for_end(run, Mono::max());
  if (!ended.ok() || !*ended) fail("b5: the run did not end");
  auto s = bed.engine->inspect(run, [&](const core::Run& r) {
    if (r.state != core::RunState::completed || r.done_count() != tasks)
      fail("b5: not all completed");
  });
  if (!s.ok()) fail(s.error().message);
}

void layers_cell(Report& report, std::size_t layers, std::size_t width) {
  std::size_t n = layers * width;
  Scratch scratch("b5");
  double accept = 0, run_s = 0, reopen = 0;
  std::size_t base = 0, used = 0;
  RunId id;
  {
    std::string text = layered(layers, width);
    Bed bed(scratch.path());
    give_memory_back();
    base = resident_bytes() - text.size();
    double start = seconds();
    auto workflow = bed.workflow(text);
    auto submitted = bed.engine->submit({workflow, {}, "", "", {}, 0, ""});
    if (!submitted.ok()) fail(submitted.error().message);
    id = *submitted;
    accept = seconds() - start;
    text = std::string();
    give_memory_back();
    used = resident_bytes();
    start = seconds();
    NoopWorker worker(*bed.engine, scratch.path(), {});
    worker.wait_for(n / 2);  // then the process goes away in the middle
    run_s = seconds() - start;
    used = std::max(used, resident_bytes());
    worker.stop();
  }
  double start = seconds();
  Bed bed(scratch.path());
  NoopWorker worker(*bed.engine, scratch.path(), {});
  worker.wait_for(1);
  reopen = seconds() - start;
  std::size_t had = n / 2;
  start = seconds();
  wait_end(bed, id, n);
  worker.stop();
  double rate = static_cast<double>(had) / run_s;
  report.add({str("B5 accept a DAG of ", n, " nodes"), static_cast<double>(n) / accept, "nodes/s",
              200e3, 400e3, false, report.short_run()});
  report.add({str("B5 run a DAG of ", n, " nodes"), rate, "tasks/s", 100e3, 120e3});
  report.add({"B5 memory a node while it runs",
              static_cast<double>(used > base ? used - base : 0) / static_cast<double>(n), "B", 250,
              120, true, report.short_run()});
  report.add({"B5 reopen at 50 % to the first completion", reopen, "s", 2.0, 0.5, true});
}

}  // namespace

void bench_dag(Report& report) {
  {
    std::size_t n = report.scaled(100'000, 20'000);
    Scratch scratch("b5a");
    Bed bed(scratch.path());
    auto workflow = bed.workflow(diamond(n));
    auto id = bed.engine->submit({workflow, {}, "", "", {}, 0, ""});
    if (!id.ok()) fail(id.error().message);
    double start = seconds();
    NoopWorker worker(*bed.engine, scratch.path(), {});
    wait_end(bed, *id, n + 2);
    report.add({str("B5 1 -> ", n, " -> 1"), static_cast<double>(n + 2) / (seconds() - start),
                "tasks/s", 100e3, 120e3});
    worker.stop();
  }
  layers_cell(report, report.scaled(1'000, 50), 1'000);
}

}  // namespace pawl::bench
