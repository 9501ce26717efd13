#include "dataset/program.h"

#include <pawl/orchestrator.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "common/exit_code.h"
#include "dataset/arguments.h"
#include "dataset/build_steps.h"
#include "dataset/progress.h"
#include "dataset/sha256.h"

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::RunInfo;
using pawl::RunState;
using pawl::Status;
using pawl::Value;

namespace {

using apps::exit_code_of;

volatile sig_atomic_t interrupted = 0;
void on_signal(int) { interrupted = 1; }

int exit_code_of(RunState state) {
  switch (state) {
    case RunState::completed:
      return 0;
    case RunState::cancelled:
      return 5;
    default:
      return 3;
  }
}

std::string whole_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

bool is_beneath(const std::string& path, const std::string& folder) {
  auto a = whole_path(path) + "/", b = whole_path(folder) + "/";
  return a.starts_with(b);
}

class Program {
 public:
  Program(Arguments arguments, Labelers labelers)
      : arguments_(std::move(arguments)),
        labelers_(std::make_shared<const Labelers>(std::move(labelers))) {}

  int run() {
    if (arguments_.command == "build") return build();
    Layout layout{whole_path(arguments_.dir.empty() ? "." : arguments_.dir), ""};
    if (!std::filesystem::exists(layout.state())) {
      return fail(Status(Code::not_found, "there is no build in " + layout.output,
                         "say which folder with --dir, or begin one with build"));
    }
    return arguments_.command == "resume" ? resume(layout) : status(layout);
  }

 private:
  int fail(const Status& s) {
    int code = exit_code_of(s);
    if (arguments_.json) {
      auto answer = Value::object({{"error", s.text()}, {"exit_code", code}});
      std::printf("%s\n", answer.json().c_str());
    } else {
      std::fprintf(stderr, "pawl-dataset: %s\n", s.text().c_str());
    }
    return code;
  }

  void say(const std::string& text) {
    if (!arguments_.json && !text.empty()) std::fputs(text.c_str(), stderr);
  }

  Status open(const Layout& layout) {
    if (auto s = make_folders(folder_of(layout.status_file())); !s.ok()) return s;
    pawl::Options options;
    options.directory = layout.state();
    options.threads = arguments_.threads;
    options.process_name = "pawl-dataset " + std::to_string(::getpid());
    auto opened = pawl::Orchestrator::open(std::move(options));
    if (!opened.ok()) return opened.status();
    pawl_ = *std::move(opened);
    return {};
  }

  // What the config says that only its labelers and the disk know.
  Status check(const Config& config, const Layout& layout) {
    for (const LabelerConfig& l : config.label)
      if (auto made = labelers_->make(l.by, l.options); !made.ok()) return made.status();
    for (const Source& s : config.sources) {
      if (!std::filesystem::exists(s.path))
        return {Code::not_found, "the source " + s.path + " is not there"};
      if (s.kind == Source::Kind::folder && is_beneath(layout.output, s.path)) {
        return {Code::invalid, "the output " + layout.output + " is in the source " + s.path,
                "say another folder with --dir"};
      }
    }
    return {};
  }

  int build() {
    auto config = load_config(arguments_.config, labelers_->names());
    if (!config.ok()) return fail(config.status());
    std::string output = !arguments_.dir.empty() ? arguments_.dir
                         : !config->output.empty()
                             ? config->output
                             : join_path(folder_of(arguments_.config), config->name);
    Layout layout{whole_path(output), config->job()};
    if (auto s = check(*config, layout); !s.ok()) return fail(s);
    if (auto s = open(layout); !s.ok()) return fail(s);
    auto run = find_run(*config, layout);
    if (!run.ok()) return fail(run.status());
    if (auto s = pawl_->define(build_workflow(labelers_)); !s.ok()) return fail(s);
    if (*run == 0) run = begin(*config, layout);
    if (!run.ok()) return fail(run.status());
    return follow(*run, layout);
  }

  // The run to go on with; 0 where there is none.
  Result<pawl::RunId> find_run(const Config& config, const Layout& layout) {
    auto open_runs = pawl_->active();
    if (!open_runs.ok()) return open_runs.status();
    for (const RunInfo& info : *open_runs) {
      if (info.job == config.job()) continue;
      say("dropping the unfinished build of another config, " + info.job + "\n");
      if (auto s = pawl_->cancel(info.id); !s.ok()) return s;
    }
    auto runs = pawl_->get_by_job(config.job());
    if (!runs.ok()) return runs.status();
    if (runs->empty()) return pawl::RunId{0};
    const RunInfo& last = runs->front();
    if (last.state == RunState::completed) {
      bool there = !arguments_.again && results_are_there(last, layout);
      return there ? last.id : pawl::RunId{0};
    }
    say("going on with run " + std::to_string(last.id) + "\n");
    return go_on(last);
  }

  // A run that is open goes on by itself once its workflow is defined.
  Result<pawl::RunId> go_on(const RunInfo& last) {
    if (last.state == RunState::paused) {
      if (auto s = pawl_->resume(last.id); !s.ok()) return s;
    }
    if (!pawl::is_final(last.state)) return last.id;
    auto again = pawl_->recover(last.id);
    if (!again.ok() && again.status().code() == Code::exhausted) return pawl::RunId{0};
    return again;
  }

  bool results_are_there(const RunInfo& done, const Layout& layout) {
    auto manifest = read_file(layout.result("manifest.jsonl"));
    return manifest.ok() && file_exists(layout.result("summary.json")) &&
           sha256_hex(*manifest) == done.output.get("manifest_sha256").as_string();
  }

  Result<pawl::RunId> begin(const Config& config, const Layout& layout) {
    // Of an earlier run with the same config: sources may have changed since. Files stay.
    std::error_code error;
    std::filesystem::remove_all(layout.work(), error);
    if (error) return Status(Code::io, "removing " + layout.work() + ": " + error.message());
    Order order{config.to_value(), layout.output};
    return pawl_->start(kWorkflow, pawl::Codec<Order>::encode(order),
                        {.job = config.job(), .name = config.name});
  }

  int resume(Layout layout) {
    if (auto s = open(layout); !s.ok()) return fail(s);
    auto runs = pawl_->list({.workflow = kWorkflow, .limit = 1});
    if (!runs.ok()) return fail(runs.status());
    if (runs->empty())
      return fail(Status(Code::not_found, "there is no build in " + layout.output));
    const RunInfo& last = runs->front();
    layout.job = last.job;
    if (auto s = pawl_->define(build_workflow(labelers_)); !s.ok()) return fail(s);
    if (last.state == RunState::completed) return follow(last.id, layout);
    auto run = go_on(last);
    if (run.ok() && *run == 0) {
      run = Status(Code::conflict, "run " + std::to_string(last.id) + " was recovered too often",
                   "begin anew with build");
    }
    return run.ok() ? follow(*run, layout) : fail(run.status());
  }

  int status(const Layout& layout) {
    Value value;
    auto s = open(layout);
    if (s.ok()) {
      auto runs = pawl_->list({.workflow = kWorkflow, .limit = 1});
      if (!runs.ok()) return fail(runs.status());
      if (runs->empty())
        return fail(Status(Code::not_found, "there is no build in " + layout.output));
      value = status_value(runs->front());
    } else if (s.code() == Code::in_use) {
      auto text = read_file(layout.status_file());
      auto parsed = text.ok() ? Value::parse(*text) : Result<Value>(text.status());
      if (!parsed.ok()) return fail(s);
      value = *parsed;
    } else {
      return fail(s);
    }
    std::string text = arguments_.json ? value.json() + "\n" : status_text(value);
    std::fputs(text.c_str(), stdout);
    return 0;
  }

  // Waits for the end, and tells of the way there.
  int follow(pawl::RunId run, const Layout& layout) {
    Progress progress(::isatty(2) && !arguments_.json);
    std::string told;
    if (auto now = pawl_->get(run); now.ok()) tell(layout, told = status_value(*now).json());
    while (true) {
      auto info = pawl_->wait(run, pawl::Millis(200));
      bool ended = info.ok();
      if (!ended && info.status().code() != Code::timeout) return fail(info.status());
      if (!ended) info = pawl_->get(run);
      if (!info.ok()) return fail(info.status());
      say(progress.show(*info));
      auto status = status_value(*info).json();
      if (status != told) tell(layout, told = status);
      if (ended) {
        say(progress.clear());
        return finish(*info, layout);
      }
      if (interrupted) {
        say(progress.clear() + "stopped; the same command goes on\n");
        if (auto s = pawl_->close(); !s.ok()) return fail(s);
        return 130;
      }
    }
  }

  // For `status` while this process has the folder: a hint, not synced.
  static void tell(const Layout& layout, const std::string& status) {
    std::string path = layout.status_file(), part = path + ".part";
    if (FILE* file = std::fopen(part.c_str(), "we")) {
      std::fputs(status.c_str(), file);
      if (std::fclose(file) == 0) std::rename(part.c_str(), path.c_str());
    }
  }

  int finish(const RunInfo& info, const Layout& layout) {
    int code = exit_code_of(info.state);
    Value summary = info.output;
    if (arguments_.json) {
      Value answer = status_value(info);
      answer.set("output", layout.output).set("exit_code", code);
      std::printf("%s\n", answer.json().c_str());
      return code;
    }
    if (code != 0) {
      std::fprintf(stderr, "pawl-dataset: the build %s: %s\nthe same command goes on from there\n",
                   pawl::to_string(info.state), info.error.c_str());
      return code;
    }
    auto count = [](const Value& v) { return std::to_string(v.as_integer()); };
    auto list = [&](const Value& counts) {
      std::string text;
      for (std::size_t i = 0; i < counts.size(); ++i)
        text += (i ? ", " : "") + std::string(counts.key(i)) + " " + count(counts.at(i));
      return text;
    };
    Value copies = summary.get("duplicates"), rejected = summary.get("rejected");
    std::printf("built  %s images of %s files in %s\n", count(summary.get("images")).c_str(),
                count(summary.get("files")).c_str(), layout.result("manifest.jsonl").c_str());
    std::printf("  left out as duplicates: exact %s, near %s\n", count(copies.get("exact")).c_str(),
                count(copies.get("near")).c_str());
    std::printf("  rejected: %s\n", rejected.get("files").as_integer() == 0
                                        ? "none"
                                        : list(rejected.get("reasons")).c_str());
    std::printf("  split: %s\n", list(summary.get("split")).c_str());
    return code;
  }

  Arguments arguments_;
  std::shared_ptr<const Labelers> labelers_;
  std::unique_ptr<pawl::Orchestrator> pawl_;
};

}  // namespace

int run_program(int argc, char** argv, Labelers labelers) {
  Arguments arguments = read_arguments({argv + 1, argv + argc});
  if (!arguments.error.empty()) {
    std::fprintf(stderr, "pawl-dataset: %s; see pawl-dataset --help\n", arguments.error.c_str());
    return 2;
  }
  if (arguments.command == "help") {
    std::fputs(help_text(), stdout);
    return 0;
  }
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a server that hangs up, a reader that leaves
  return Program(std::move(arguments), std::move(labelers)).run();
}

}  // namespace dataset
