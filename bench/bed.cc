#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/fs.h"
#include "base/text.h"
#include "bench.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::bench {

double seconds() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::size_t resident_bytes() {
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  unsigned long total = 0, resident = 0;
  if (!f || std::fscanf(f, "%lu %lu", &total, &resident) != 2) fail("cannot read /proc/self/statm");
  std::fclose(f);
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void fail(const std::string& message) {
  std::fprintf(stderr, "bench: %s\n", message.c_str());
  std::exit(1);
}

Scratch::Scratch(const std::string& name) : path_(str("build/bench/scratch-", name, "-", getpid())) {
  (void)remove_tree(path_);
  if (auto made = make_dirs(path_); !made.ok()) fail(made.error().message);
}
Scratch::~Scratch() { (void)remove_tree(path_); }

Bed::Bed(const std::string& directory, engine::Options options) {
  store::SqliteOptions s;
  s.directory = directory;
  s.owner = "{\"what\": \"bench\"}";
  auto opened = store::open_sqlite(s);
  if (!opened.ok()) fail(opened.error().message);
  store = std::move(*opened);
  options.store = store.get();
  auto e = engine::Engine::open(std::move(options));
  if (!e.ok()) fail(e.error().message);
  engine = std::move(*e);
}
Bed::~Bed() { close(); }
void Bed::close() {
  engine.reset();
  store.reset();
}

WorkflowId Bed::workflow(const std::string& text) {
  auto id = engine->register_workflow({text, "", {}});
  if (!id.ok()) fail(id.error().message);
  return *id;
}

struct NoopWorker::Impl : core::WorkerLink {
  std::mutex mutex;
  std::condition_variable wake, done_wake;
  std::vector<core::Assignment> inbox;
  bool stopping = false;
  WorkerId id;
  core::WorkerPort* port = nullptr;
  std::uint64_t completed = 0, waited = ~0ull;

  void assign(std::vector<core::Assignment> batch) override {
    std::lock_guard lock(mutex);
    if (inbox.empty()) {
      inbox = std::move(batch);
    } else {
      for (auto& a : batch) inbox.push_back(std::move(a));
    }
    wake.notify_one();
  }
  void cancel(const core::Fence&) override {}
  void refused(const core::Fence&) override {}
};

NoopWorker::NoopWorker(core::WorkerPort& port, std::uint32_t slots, Json output)
    : impl_(std::make_shared<Impl>()) {
  std::thread([this, impl = impl_, &port, slots, output] {
    pthread_setname_np(pthread_self(), "bench-worker");
    WorkerId id = port.join({"bench", {}, {}, {}}, impl, {});
    {
      std::lock_guard lock(impl->mutex);
      impl->id = id;
      impl->port = &port;
      impl->done_wake.notify_all();
    }
    port.offer(id, slots);
    std::vector<core::Assignment> work;
    for (;;) {
      {
        std::unique_lock lock(impl->mutex);
        impl->wake.wait(lock, [&] { return impl->stopping || !impl->inbox.empty(); });
        if (impl->stopping && impl->inbox.empty()) break;
        work.swap(impl->inbox);
      }
      std::vector<core::Report> reports;
      reports.reserve(work.size());
      for (const auto& a : work) {
        if (on_start) on_start(a);
        core::Report r;
        r.fence = a.fence;
        r.kind = core::ReportKind::completed;
        r.outputs = output;
        reports.push_back(std::move(r));
      }
      auto n = static_cast<std::uint32_t>(work.size());
      work.clear();
      port.report(id, std::move(reports), n);
      std::lock_guard lock(impl->mutex);
      impl->completed += n;
      if (impl->completed >= impl->waited) impl->done_wake.notify_all();
    }
    port.leave(id);
    std::lock_guard lock(impl->mutex);
    impl->waited = 0;
    impl->stopping = false;
    impl->done_wake.notify_all();
  }).detach();
}

NoopWorker::~NoopWorker() { stop(); }

void NoopWorker::stop() {
  if (!impl_) return;
  std::unique_lock lock(impl_->mutex);
  impl_->stopping = true;
  impl_->wake.notify_one();
  impl_->done_wake.wait(lock, [&] { return !impl_->stopping; });
  lock.unlock();
  impl_.reset();
}

void NoopWorker::offer(std::uint32_t slots) {
  std::unique_lock lock(impl_->mutex);
  impl_->done_wake.wait(lock, [&] { return static_cast<bool>(impl_->id); });
  impl_->port->offer(impl_->id, slots);
}

void NoopWorker::wait_for(std::uint64_t completed) {
  std::unique_lock lock(impl_->mutex);
  impl_->waited = completed;
  impl_->done_wake.wait(lock, [&] { return impl_->completed >= completed; });
}

std::uint64_t NoopWorker::completed() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->completed;
}

}  // namespace pawl::bench
