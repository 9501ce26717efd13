// B11: the stream. Ten thousand idle WebSockets, by the memory that each costs; a thousand readers
// of one run, by messages a second; and how long a line takes from its worker to a reader, through
// the commit. Readers are a process of their own on the same machine.
#include <algorithm>
#include <memory>
#include <thread>

#include "base/text.h"
#include "bench/bench.h"
#include "bench/stream_readers.h"
#include "server/stream_session.h"

namespace pawl::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

class Handler final : public server::HttpHandler {
 public:
  explicit Handler(server::StreamHub& hub) : hub_(hub) {}
  std::size_t body_limit(const server::HttpRequest&) override { return 0; }
  void handle(server::HttpRequest request, server::HttpReply reply) override {
    server::open_websocket(hub_, request, std::move(reply), {true, {}});
  }
  server::HttpResponse refused(const server::HttpRefusal& r) override {
    return {r.status, "", "", {}};
  }

 private:
  server::StreamHub& hub_;
};

// Takes the one task there is and keeps it.
class Keeper final : public core::WorkerLink {
 public:
  void assign(std::vector<core::Assignment> batch) override {
    if (!batch.empty()) fence = batch.front().fence;
    given = true;
  }
  void cancel(const core::Fence&) override {}
  void refused(const core::Fence&) override {}
  core::Fence fence;
  std::atomic<bool> given{false};
};

struct Server {
  // Forked before there are threads, and ended before the server is.
  std::unique_ptr<StreamReaders> readers = std::make_unique<StreamReaders>();
  Scratch scratch{"stream"};
  Bed bed{scratch.path()};
  server::StreamHub hub{*bed.engine, *bed.store, system_clock()};
  Handler handler{hub};
  std::unique_ptr<server::HttpServer> http;
  std::shared_ptr<Keeper> keeper = std::make_shared<Keeper>();
  WorkerId worker;
  RunId run;
  std::uint64_t line = 0;

  Server() {
    if (!hub.start().ok()) fail("b11: the hub does not start");
    server::HttpServer::Options options;
    options.idle_time = std::chrono::hours(1);
    http = std::move(server::HttpServer::open(options, handler).value());
    worker = bed.engine->join({"bench", {}, {}, {}}, keeper, {});
    bed.engine->offer(worker, 1);
    engine::SubmitRequest request;
    request.workflow = bed.workflow("pawl: 1\nname: b11\ntasks:\n  t: {run: x}\n");
    request.inputs = Json::object();
    run = bed.engine->submit(std::move(request)).value();
    while (!keeper->given)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    core::Report started;
    started.fence = keeper->fence;
    started.kind = core::ReportKind::started;
    bed.engine->report(worker, {started}, 0);
  }
  ~Server() {
    readers.reset();
    http.reset();
    bed.engine->leave(worker);
  }
  std::string topic() const { return str("run/", run.value, "/logs/t/1"); }
  // An event, and so a message of its own, of about 200 bytes.
  void warn() {
    core::Report r;
    r.fence = keeper->fence;
    r.warnings.push_back(std::string(60, 'w'));
    bed.engine->report(worker, {std::move(r)}, 0);
  }
  void say() {
    auto now = std::chrono::duration_cast<microseconds>(steady_clock::now().time_since_epoch());
    core::LogBatch batch{keeper->fence, line++, {}};
    batch.lines.push_back(
        {system_clock().now(), core::Stream::out, str(now.count(), ' ', std::string(40, 'x'))});
    bed.engine->log(worker, std::move(batch));
  }
};

double percentile(std::vector<double> values, double p) {
  if (values.empty()) fail("b11: no reader was reached");
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(p * static_cast<double>(values.size())))];
}

void idle(Report& report) {
  Server s;
  StreamReaders& readers = *s.readers;
  auto count = report.scaled(10'000, 1'000);
  readers.connect(s.http->port(), 10);
  give_memory_back();
  auto before = resident_bytes();
  readers.connect(s.http->port(), count);
  give_memory_back();
  auto each = static_cast<double>(resident_bytes() - before) / static_cast<double>(count);
  report.add({str("B11 an idle WebSocket, of ", count), each, "B", 4096, 2048, true});
}

void fan_out(Report& report) {
  constexpr std::size_t kReaders = 1'000;
  Server s;
  StreamReaders& readers = *s.readers;
  readers.connect(s.http->port(), kReaders, str("run/", s.run.value));
  readers.wait_for(kReaders);  // a snapshot each
  auto begun = readers.messages();
  auto events = report.scaled(4'000, 400);
  double start = seconds();
  for (std::size_t i = 0; i < events; ++i) {
    // As much under way as a reader may leave waiting, by far.
    while (begun + i * kReaders > readers.messages() + 200 * kReaders)
      std::this_thread::sleep_for(microseconds(100));
    s.warn();
  }
  readers.wait_for(begun + events * kReaders);
  double took = seconds() - start;
  report.add({str("B11 messages to ", kReaders, " readers"),
              static_cast<double>(readers.messages() - begun) / took, "messages/s", 400'000,
              1'000'000});
}

void delay(Report& report) {
  constexpr std::size_t kReaders = 16;
  constexpr auto kEach = microseconds(100);  // 10,000 lines a second
  Server s;
  StreamReaders& readers = *s.readers;
  readers.connect(s.http->port(), kReaders, s.topic());
  s.say();
  readers.wait_for(kReaders);
  (void)readers.take_delays();
  auto lines = report.scaled(30'000, 3'000);
  auto due = steady_clock::now();
  for (std::size_t i = 0; i < lines; ++i) {
    std::this_thread::sleep_until(due += kEach);
    s.say();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  auto delays = readers.take_delays();
  report.add({"B11 worker to reader at 10,000 lines/s, p50", percentile(delays, 0.5) / 1000, "ms",
              0, 0, true, true});
  report.add({"B11 worker to reader at 10,000 lines/s, p99", percentile(delays, 0.99) / 1000, "ms",
              5, 2, true});
}

}  // namespace

void bench_stream(Report& report) {
  idle(report);
  fan_out(report);
  delay(report);
}

}  // namespace pawl::bench
