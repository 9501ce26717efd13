#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "base/fs.h"
#include "base/text.h"
#include "bench/bench.h"
#include "store/sqlite/sqlite_store.h"
#include "worker/worker.h"

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

// jemalloc's, where it is linked.
extern "C" int mallctl(const char* name, void* old, std::size_t* old_size, void* value,
                       std::size_t size) __attribute__((weak));

void give_memory_back() {
  if (mallctl == nullptr || mallctl("arena.0.purge", nullptr, nullptr, nullptr, 0) != 0) {
    malloc_trim(0);
  }
}

void fail(const std::string& message) {
  std::fprintf(stderr, "bench: %s\n", message.c_str());
  std::exit(1);
}

Scratch::Scratch(const std::string& name)
    : path_(str("build/bench/scratch-", name, "-", getpid())) {
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

struct NoopWorker::Impl {
  actions::Registry registry;
  std::unique_ptr<worker::Worker> worker;
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<std::uint64_t> entered{0};
  std::atomic<std::uint64_t> wanted{~0ull};
};

NoopWorker::NoopWorker(core::WorkerPort& port, const std::string& directory, Options options)
    : impl_(std::make_unique<Impl>()) {
  Impl& i = *impl_;
  i.registry.add_inline(
      "noop", [&i, on_start = std::move(options.on_start), output = std::move(options.output)](
                  const core::Assignment& a, core::Report& report) {
        if (on_start) on_start(a);
        report.outputs = output;
        if (i.entered.fetch_add(1) + 1 < i.wanted.load()) return;
        std::lock_guard lock(i.mutex);
        i.changed.notify_all();
      });
  worker::WorkerOptions w;
  w.data_dir = directory;
  w.slots = options.slots;
  auto started = worker::Worker::start(port, i.registry, w);
  if (!started.ok()) fail(started.error().message);
  i.worker = std::move(*started);
}

NoopWorker::~NoopWorker() { stop(); }

void NoopWorker::stop() {
  if (!impl_->worker) return;
  impl_->worker->drain(std::chrono::seconds(10));
  impl_->worker.reset();
}

void NoopWorker::wait_for(std::uint64_t entered) {
  std::unique_lock lock(impl_->mutex);
  impl_->wanted = entered;
  impl_->changed.wait(lock, [&] { return impl_->entered >= entered; });
}

std::uint64_t NoopWorker::entered() const { return impl_->entered; }

}  // namespace pawl::bench
