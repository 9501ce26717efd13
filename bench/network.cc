// Workers on the network, over loopback sockets with the server in the same process: how long from
// submit to start, and how many tasks a second go out and come back in batches of a hundred. The
// second one's client reads no more than it must, so that it is the server that is measured.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "bench/bench.h"
#include "server/worker_client.h"
#include "server/worker_routes.h"

namespace pawl::bench {
namespace {

// Everybody is a worker.
struct OpenDoor final : server::Doorkeeper {
  Status check_source(const server::HttpRequest&) override { return {}; }
  server::Caller identify(const server::HttpRequest&) override {
    return {"bench", server::Role::worker, {}};
  }
};

struct Server {
  OpenDoor door;
  std::unique_ptr<server::WorkerGateway> gateway;
  std::unique_ptr<server::Router> router;
  std::unique_ptr<server::HttpServer> http;
  explicit Server(engine::Engine& engine) {
    server::WorkerGateway::Options g;
    g.port = &engine;
    gateway = std::make_unique<server::WorkerGateway>(std::move(g));
    router = std::make_unique<server::Router>(server::Router::Options{&door, 1, 16, nullptr});
    add_worker_routes(*router, *gateway);
    auto opened = server::HttpServer::open({}, *router);
    if (!opened.ok()) fail(opened.error().message);
    http = std::move(*opened);
  }
  ~Server() {
    http.reset();
    router.reset();
    gateway.reset();
  }
  server::HttpClient::Options client() const {
    server::HttpClient::Options o;
    o.server = *server::parse_server(str("http://127.0.0.1:", http->port()));
    return o;
  }
};

void submit_to_start(Report& report) {
  Scratch scratch("network");
  Bed bed(scratch.path());
  auto workflow = bed.workflow("pawl: 1\nname: job\ntasks: {work: {action: noop}}\n");
  Server server(*bed.engine);
  std::mutex mutex;
  std::condition_variable changed;
  double entered = 0;
  server::WorkerClient::Options o;
  o.http = server.client();
  o.key = "bench-0123456789";
  server::WorkerClient client(std::move(o));
  NoopWorker worker(client, scratch.path(), {64, {}, [&](const core::Assignment&) {
                                               std::lock_guard lock(mutex);
                                               entered = seconds();
                                               changed.notify_one();
                                             }});
  std::vector<double> took;
  for (std::size_t i = 0, n = report.scaled(3000, 300); i < n; ++i) {
    std::unique_lock lock(mutex);
    entered = 0;
    const double sent = seconds();
    bed.engine->submit_async({workflow, {}, "", "", {}, 0, ""}, {});
    changed.wait(lock, [&] { return entered > 0; });
    took.push_back((entered - sent) * 1e3);
  }
  std::sort(took.begin(), took.end());
  report.add({"network: submit to start, p50", took[took.size() / 2], "ms", 1, 0.3, true});
  report.add({"network: submit to start, p99", took[took.size() * 99 / 100], "ms", 5, 1, true});
  worker.stop();
  (void)client.finish(std::chrono::seconds(5));
}

// One worker that claims and completes, with as many batches under way as make no call wait.
class Hand {
 public:
  Hand(const Server& server, int number, std::size_t batch)
      : claims_(server.client()), reports_(server.client()) {
    const auto body = str("{\"key\":\"bench-", number,
                          "-0123456789\",\"name\":\"bench\",\"slots\":", 2 * batch, "}");
    auto answer = call(claims_, "POST", "", body);
    auto json = Json::parse(answer);
    if (!json.ok()) fail(answer);
    path_ = str('/', (*json)["worker_id"].as_string());
    session_ = (*json)["session"].as_string();
  }
  // Until `left` tasks were completed, by whomever.
  void work(std::atomic<std::int64_t>& left) {
    for (std::int64_t seq = 1; left > 0; ++seq) {
      const auto answer =
          call(claims_, "POST", "/claim", str("{\"seq\":", seq, ",\"wait_s\":0.05}"));
      std::string body = str("{\"seq\":", seq, ",\"reports\":[");
      std::int64_t n = 0;
      constexpr std::string_view kFence = "{\"fence\":\"";
      for (auto at = answer.find(kFence); at != std::string::npos; at = answer.find(kFence, at)) {
        at += kFence.size();
        const auto end = answer.find('"', at);
        body += str(n++ > 0 ? "," : "", "{\"fence\":\"",
                    std::string_view(answer).substr(at, end - at), "\",\"kind\":\"completed\"}");
      }
      body += str("],\"slots\":", n, "}");
      call(reports_, "POST", "/reports", body);
      left -= n;
    }
  }

 private:
  std::string call(server::HttpClient& http, std::string_view method, std::string_view path,
                   const std::string& body) {
    const auto whole = str("/api/v1/workers", path_, path);
    auto answer =
        http.ask({method, whole, body, session_}, system_clock().mono() + std::chrono::seconds(30));
    if (!answer.ok()) fail(answer.error().message);
    if (answer->status != 200) fail(answer->body);
    return std::move(answer->body);
  }
  server::HttpClient claims_, reports_;
  std::string path_, session_;
};

void batches(Report& report) {
  const auto tasks = static_cast<std::int64_t>(report.scaled(400'000, 20'000));
  Scratch scratch("network");
  Bed bed(scratch.path());
  auto workflow =
      bed.workflow(str("pawl: 1\nname: many\ntasks: {work: {action: noop, for_each: \"${{ range(",
                       tasks, ") }}\"}}\n"));
  Server server(*bed.engine);
  auto run = bed.engine->submit({.workflow = workflow});
  if (!run.ok()) fail(run.error().message);
  std::vector<std::unique_ptr<Hand>> hands;
  std::atomic<std::int64_t> left = tasks;
  constexpr int kHands = 4;
  for (int i = 0; i < kHands; ++i)
    hands.push_back(std::make_unique<Hand>(server, i, 100));
  const double start = seconds();
  std::vector<std::thread> threads;
  for (auto& hand : hands)
    threads.emplace_back([&hand, &left] { hand->work(left); });
  for (auto& thread : threads)
    thread.join();
  auto ended = bed.engine->wait_for_end(*run, system_clock().mono() + std::chrono::seconds(60));
  const double took = seconds() - start;
  if (!ended.ok() || !*ended) fail("network: the run did not end");
  report.add({"network: claim and complete, batches of 100", static_cast<double>(tasks) / took,
              "tasks/s", 300e3, 500e3});
}

}  // namespace

void bench_network(Report& report) {
  set_log({.level = LogLevel::error});
  submit_to_start(report);
  batches(report);
}

}  // namespace pawl::bench
