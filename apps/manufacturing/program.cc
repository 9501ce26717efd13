#include "manufacturing/program.h"

#include <pawl/serve.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "common/exit_code.h"
#include "manufacturing/arguments.h"
#include "manufacturing/service.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::RunState;
using pawl::Status;

namespace {

using apps::exit_code_of;

int fail(const Status& s) {
  std::fprintf(stderr, "pawl-manufacturing: %s\n", s.text().c_str());
  return exit_code_of(s);
}

// A folder that goes when the program ends.
class Scratch {
 public:
  Result<std::string> make() {
    const char* base = ::getenv("TMPDIR");
    auto made = make_unique_folder(std::string(base && *base ? base : "/tmp") + "/pawl-manu-");
    if (made.ok()) path_ = *made;
    return made;
  }
  ~Scratch() {
    if (!path_.empty()) remove_folder(path_);
  }

 private:
  std::string path_;
};

class Program {
 public:
  explicit Program(Arguments arguments) : arguments_(std::move(arguments)) {}

  int run() {
    if (arguments_.command == "help") {
      std::fputs(usage(), stdout);
      return 0;
    }
    if (arguments_.command == "dag") return dag();
    return arguments_.command == "serve" ? serve() : analyze();
  }

 private:
  static Result<Dag> load_dag(const std::string& path) {
    if (path.empty()) return read_dag("built-in", default_dag());
    auto text = read_file(path, 1u << 20);
    if (!text.ok()) return text.status();
    return read_dag(path, *std::move(text));
  }

  int dag() {
    auto dag = load_dag(arguments_.file);
    if (!dag.ok()) return fail(dag.status());
    if (arguments_.file.empty()) {
      std::fputs(dag->text.c_str(), stdout);
      return 0;
    }
    std::printf("%s: %s, version %d, %zu tasks\n", arguments_.file.c_str(), dag->name.c_str(),
                dag->version, dag->tasks.size());
    return 0;
  }

  Status open(const std::string& directory) {
    auto dag = load_dag(arguments_.dag);
    if (!dag.ok()) return dag.status();
    std::error_code error;
    auto whole = std::filesystem::absolute(directory, error).lexically_normal().string();
    auto service = Service::open(whole, *std::move(dag));
    if (!service.ok()) return service.status();
    service_ = *std::move(service);
    pawl::Options options;
    options.directory = service_->state();
    options.threads = arguments_.threads;
    options.keep = std::chrono::hours(24) * arguments_.keep_days;
    options.process_name = "pawl-manufacturing " + std::to_string(::getpid());
    auto opened = pawl::Orchestrator::open(std::move(options));
    if (!opened.ok()) return opened.status();
    pawl_ = *std::move(opened);
    return service_->sweep(*pawl_);
  }

  int serve() {
    // Blocked before the first thread starts, so that none of them is interrupted.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    Fd stop(::signalfd(-1, &signals, SFD_CLOEXEC));
    if (!stop.ok()) return fail(file_error("waiting for", "signals"));
    if (auto s = open(arguments_.dir); !s.ok()) return fail(s);
    auto app = service_->app();
    pawl::ServeOptions options;
    options.address = arguments_.address;
    options.port = arguments_.port;
    options.max_body_bytes = arguments_.max_body;
    options.body_folder = service_->batches();
    options.hosts = arguments_.hosts;
    options.stop_fd = stop.get();
    const bool v6 = options.address.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + options.address + "]" : options.address;
    Status told;
    options.on_ready = [&](std::uint16_t port) {
      const std::string url = "http://" + host + ":" + std::to_string(port);
      std::printf("listening on %s\n", url.c_str());
      std::fflush(stdout);
      if (!arguments_.url_file.empty()) told = write_file(arguments_.url_file, url + "\n");
      if (!told.ok()) ::kill(::getpid(), SIGTERM);
    };
    if (auto s = pawl::serve(app, *pawl_, options); !s.ok()) return fail(s);
    if (!told.ok()) return fail(told);
    if (auto s = pawl_->close(); !s.ok()) return fail(s);
    return 0;
  }

  int analyze() {
    Scratch scratch;
    auto fd = open_to_read(arguments_.file);
    if (!fd.ok()) return fail(fd.status());
    auto directory = arguments_.dir.empty() ? scratch.make() : Result<std::string>(arguments_.dir);
    if (!directory.ok()) return fail(directory.status());
    if (auto s = open(*directory); !s.ok()) return fail(s);
    auto app = service_->app();
    if (auto s = app.attach(*pawl_); !s.ok()) return fail(s);
    auto run =
        service_->submit(*pawl_, arguments_.file, file_source(fd->get(), arguments_.file), "");
    if (!run.ok()) return fail(run.status());
    auto done = pawl_->wait(*run);
    if (!done.ok()) return fail(done.status());
    if (done->state != RunState::completed) {
      fail(Status(Code::failed, "the analysis " + std::string(pawl::to_string(done->state)) + ": " +
                                    done->error));
      return 3;
    }
    const Listed listed = arguments_.sensors == "none"      ? Listed::none
                          : arguments_.sensors == "flagged" ? Listed::flagged
                                                            : Listed::all;
    auto text = service_->result_of(*done, listed);
    if (!text.ok()) return fail(text.status());
    const bool written = std::fwrite(text->data(), 1, text->size(), stdout) == text->size() &&
                         std::fputc('\n', stdout) == '\n' && std::fflush(stdout) == 0;
    pawl_.reset();
    return written ? 0 : fail(file_error("writing", "the result"));
  }

  Arguments arguments_;
  std::unique_ptr<Service> service_;  // outlives what its workflows run in
  std::unique_ptr<pawl::Orchestrator> pawl_;
};

}  // namespace

int run_program(int argc, char** argv) {
  auto arguments = read_arguments({argv + 1, argv + argc});
  if (!arguments.ok()) {
    std::fprintf(stderr, "pawl-manufacturing: %s\n\n%s", arguments.status().text().c_str(),
                 usage());
    return 2;
  }
  return Program(*std::move(arguments)).run();
}

}  // namespace manufacturing
