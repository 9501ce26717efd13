// What callers and handlers may do wrong. Each ends in a clear state and message; no run is lost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "library/library_testing.h"

namespace {

using library_testing::Door;
using library_testing::Folder;
using library_testing::open;
using library_testing::text;
using pawl::Code;
using pawl::Millis;
using pawl::RunState;
using pawl::TaskState;
using pawl::Value;

bool holds(const std::string& all, const std::string& part) {
  return all.find(part) != std::string::npos;
}

template <typename F>
pawl::Workflow one_step(std::string name, F f) {
  pawl::Workflow w(std::move(name));
  w.step("only", std::move(f)).retries(0);
  return w;
}

TEST(BadHandler, Throws) {
  Folder folder;
  auto pawl = open(folder);
  (void)pawl->define(one_step("std", [] { throw std::runtime_error("no such image"); }));
  (void)pawl->define(one_step("odd", [] { throw 7; }));
  auto run = pawl->execute("std");
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_EQ(run->task("only")->error, "the handler threw: no such image");
  run = pawl->execute("odd");
  EXPECT_EQ(run->task("only")->error, "the handler threw something that is no std::exception");
}

TEST(BadHandler, GivesTooMuch) {
  Folder folder;
  pawl::Options options;
  options.max_output_bytes = 10'000;
  auto pawl = open(folder, options);
  (void)pawl->define(one_step("much", [] { return std::string(20'000, 'x'); }));
  (void)pawl->define(one_step("kept", [](pawl::Step& s) {
    auto saved = s.save(std::string(2u << 20, 'x'));
    return std::string(to_string(saved.code()));
  }));
  auto run = pawl->execute("much");
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_TRUE(holds(run->task("only")->error, "its output has")) << run->task("only")->error;
  EXPECT_EQ(pawl->execute("kept")->output.as_string(), "too_large");
}

TEST(BadHandler, GivesWhatIsNoText) {
  Folder folder;
  auto pawl = open(folder);
  (void)pawl->define(one_step("bytes", [](pawl::Step& s) {
    s.log("\xff\xfe");
    s.warn("\xff");
    s.progress(std::numeric_limits<double>::infinity(), -1, "\xff");
    s.metric("\xff", std::numeric_limits<double>::quiet_NaN());
    return std::string("a\xff") + std::string(1, '\0') + "b";
  }));
  auto run = pawl->execute("bytes");
  EXPECT_EQ(run->state, RunState::completed) << run->error;
  EXPECT_EQ(run->output.as_string().size(), 6u);
}

TEST(BadHandler, NeverReturns) {
  Folder folder;
  pawl::Options options;
  options.threads = 1;
  options.patience = Millis(30);
  auto pawl = open(folder, options);
  Door never;
  std::atomic<int> returned{0};
  pawl::Workflow w("stuck");
  w.step("only",
         [&](pawl::Step& s) {
           never.wait();
           s.log("nobody hears this");
           EXPECT_EQ(s.save(1).code(), Code::unavailable);
           ++returned;
         })
      .timeout(Millis(30))
      .retries(0);
  (void)pawl->define(w);
  (void)pawl->define(one_step("fine", [] { return 1; }));
  auto run = pawl->execute("stuck");
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_TRUE(holds(run->task("only")->error, "timed out after 30ms")) << run->error;
  EXPECT_TRUE(holds(run->task("only")->error, "its thread is lost (1 so far)")) << run->error;
  EXPECT_EQ(pawl->execute("fine")->output.as_integer(), 1);  // on the thread that replaced it
  auto cancelled = pawl->start("stuck");
  while (pawl->get(*cancelled)->task("only")->state != TaskState::running) {
  }
  EXPECT_TRUE(pawl->cancel(*cancelled).ok());
  EXPECT_EQ(pawl->wait(*cancelled)->state, RunState::cancelled);
  never.open();
  while (returned < 2) {
  }
  EXPECT_TRUE(pawl->logs(run->id)->empty());
}

TEST(BadHandler, DoesNotReturnWhenItIsClosed) {
  Folder folder;
  Door never, inside;
  std::atomic<bool> returned{false};
  pawl::RunId run = 0;
  {
    pawl::Options options;
    options.patience = Millis(30);
    auto pawl = open(folder, options);
    (void)pawl->define(one_step("stuck", [&] {
      inside.open();
      never.wait();
      returned = true;
    }));
    run = *pawl->start("stuck");
    inside.wait();
    EXPECT_EQ(text(pawl->close()), "ok");
    EXPECT_EQ(pawl->start("stuck").status().code(), Code::unavailable);
    EXPECT_EQ(pawl->get(run).status().code(), Code::unavailable);
    EXPECT_EQ(text(pawl->close()), "ok");
  }
  auto pawl = open(folder);
  (void)pawl->define(one_step("stuck", [&] {}));
  auto ended = pawl->wait(run);
  EXPECT_EQ(ended->state, RunState::completed);
  EXPECT_EQ(ended->task("only")->attempts, 2);
  never.open();
  while (!returned) {
  }
}

TEST(BadHandler, FallsSilent) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Workflow w("silent");
  w.step(
       "only",
       [](pawl::Step& s) {
         s.heartbeat();
         while (s.wait_for(std::chrono::hours(1))) {
         }
         return pawl::Status::failed(s.stop() == pawl::Stop::timeout ? "was told" : "was not told");
       })
      .heartbeat(Millis(20))
      .retries(0);
  (void)pawl->define(w);
  auto run = pawl->execute("silent");
  EXPECT_EQ(run->task("only")->error, "gave no sign of life for 20ms: was told");
}

TEST(BadHandler, CallsBackIntoTheOrchestrator) {
  Folder folder;
  pawl::Options options;
  options.threads = 1;
  auto pawl = open(folder, options);
  pawl::Orchestrator* o = pawl.get();
  (void)pawl->define(one_step("inner", [] { return 5; }));
  (void)pawl->define(one_step("outer", [o]() -> pawl::Result<pawl::RunId> {
    EXPECT_EQ(o->execute("inner").status().code(), Code::misplaced);
    EXPECT_EQ(o->wait(1).status().code(), Code::misplaced);
    EXPECT_EQ(o->close().code(), Code::misplaced);
    EXPECT_TRUE(o->get(1).ok());
    EXPECT_TRUE(o->active().ok());
    return o->start("inner");
  }));
  auto run = pawl->execute("outer");
  ASSERT_EQ(run->state, RunState::completed) << run->error;
  EXPECT_EQ(pawl->wait(run->output.as_integer())->output.as_integer(), 5);
}

TEST(BadListener, ThrowsOrCallsBack) {
  Folder folder;
  auto pawl = open(folder);
  pawl::Orchestrator* o = pawl.get();
  (void)pawl->define(one_step("w", [] { return 5; }));
  Door told;
  std::atomic<int> calls{0};
  auto subscription = pawl->subscribe(0, [&](const pawl::Event& e) {
    ++calls;
    EXPECT_EQ(o->wait(e.run).status().code(), Code::misplaced);
    EXPECT_TRUE(o->get(e.run).ok());
    if (e.kind == pawl::Event::Kind::run && is_final(e.run_state)) told.open();
    throw std::runtime_error("a bad listener");
  });
  (void)pawl->execute("w");
  told.wait();
  subscription->stop();
  int before = calls;
  (void)pawl->execute("w");
  EXPECT_EQ(calls, before);
  EXPECT_EQ(pawl->subscribe(0, nullptr).status().code(), Code::invalid);
}

TEST(BadHandler, Forks) {
  Folder folder;
  int go[2];
  ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
  std::atomic<pid_t> child{0};
  auto pawl = open(folder);
  pawl::Orchestrator* o = pawl.get();
  (void)pawl->define(one_step("forks", [&](pawl::Step& s) -> int {
    pid_t pid = ::fork();
    if (pid > 0) {
      child = pid;
      return 1;
    }
    // In the child. What goes wrong here is told by its exit code.
    if (o->start("forks").status().code() != Code::misplaced) ::_exit(1);
    if (o->close().code() != Code::misplaced) ::_exit(2);
    if (s.save(1).code() != Code::unavailable) ::_exit(3);
    s.log("from the child");
    char byte;
    if (::read(go[0], &byte, 1) != 1) ::_exit(4);
    return 2;  // as one does who forgets where he is
  }));
  auto run = pawl->execute("forks");
  ASSERT_EQ(run->state, RunState::completed) << run->error;
  EXPECT_EQ(run->output.as_integer(), 1);
  EXPECT_TRUE(pawl->logs(run->id)->empty());
  // The child lives on; the directory is its parent's to give away.
  EXPECT_EQ(text(pawl->close()), "ok");
  auto again = open(folder);
  EXPECT_EQ(again->get(run->id)->output.as_integer(), 1);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child.load());
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 121);
  ::close(go[0]);
  ::close(go[1]);
}

// -- Other processes: this binary again, with one test that is disabled by its name.
// ---------------

// Returns how it ended, as waitpid() tells.
int run_again(const std::string& test, const Folder& folder) {
  pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("PAWL_TEST_FOLDER", folder.path().c_str(), 1);
    std::string filter = "--gtest_filter=" + test;
    ::execl("/proc/self/exe", "library_test", "--gtest_also_run_disabled_tests", filter.c_str(),
            "--gtest_output=", nullptr);
    ::_exit(99);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

std::string shared_folder() {
  const char* path = std::getenv("PAWL_TEST_FOLDER");
  return path ? path : "";
}

std::unique_ptr<pawl::Orchestrator> open_shared() {
  pawl::Options options;
  options.directory = shared_folder();
  auto opened = pawl::Orchestrator::open(std::move(options));
  if (!opened.ok()) std::abort();
  return *std::move(opened);
}

pawl::Workflow crashing() {
  pawl::Workflow w("crashing");
  w.step("before", [](pawl::Step& s) { return s.attempt(); });
  w.step("crashes", [](pawl::Step& s) {
     if (s.attempt() == 1) {
       (void)s.save("half way");
       (void)s.flush();
       ::raise(SIGKILL);
     }
     return std::string(s.checkpoint().as_string());
   }).after("before");
  return w;
}

TEST(DISABLED_Child, Crashes) {
  auto pawl = open_shared();
  if (!pawl->define(crashing()).ok()) return;
  (void)pawl->execute("crashing", {}, {.job = "j", .key = "once"});
}

TEST(BadHandler, CrashesTheProcess) {
  Folder folder;
  int status = run_again("DISABLED_Child.Crashes", folder);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  auto pawl = open(folder);
  auto runs = pawl->get_by_job("j");
  ASSERT_EQ(runs->size(), 1u);
  EXPECT_EQ((*runs)[0].state, RunState::running);
  ASSERT_EQ(text(pawl->define(crashing())), "ok");
  auto ended = pawl->wait((*runs)[0].id);
  EXPECT_EQ(ended->state, RunState::completed);
  EXPECT_EQ(ended->task("before")->attempts, 1);
  EXPECT_EQ(ended->task("crashes")->attempts, 2);
  EXPECT_EQ(ended->output.as_string(), "half way");
}

TEST(DISABLED_Child, OpensTheSameDirectory) {
  pawl::Options options;
  options.directory = shared_folder();
  auto opened = pawl::Orchestrator::open(std::move(options));
  std::ofstream(shared_folder() + "/second") << opened.status().text();
  EXPECT_EQ(opened.status().code(), Code::in_use);
}

TEST(BadProcess, SecondOneInADirectory) {
  Folder folder;
  pawl::Options options;
  options.process_name = "the first";
  auto pawl = open(folder, options);
  EXPECT_EQ(run_again("DISABLED_Child.OpensTheSameDirectory", folder), 0);
  std::ifstream told(folder.path() + "/second");
  std::string message((std::istreambuf_iterator<char>(told)), {});
  EXPECT_TRUE(holds(message, "it belongs to the first, pid " + std::to_string(::getpid())))
      << message;
  pawl::Options same;
  same.directory = folder.path();
  EXPECT_EQ(pawl::Orchestrator::open(same).status().code(), Code::in_use);
}

TEST(BadOptions, AreRefused) {
  EXPECT_EQ(pawl::Orchestrator::open({}).status().code(), Code::invalid);
  Folder folder;
  pawl::Options options;
  options.directory = folder.path();
  options.threads = 1'000'000;
  EXPECT_EQ(pawl::Orchestrator::open(options).status().code(), Code::invalid);
  options.threads = 1;
  options.actions = {{"no good", [](pawl::Step&) -> pawl::Result<Value> { return Value(); }}};
  EXPECT_EQ(pawl::Orchestrator::open(options).status().code(), Code::invalid);
  options.actions = {{"x", nullptr}};
  EXPECT_EQ(pawl::Orchestrator::open(options).status().code(), Code::invalid);
  options.actions.clear();
  options.directory = "/proc/nothing/here";
  EXPECT_FALSE(pawl::Orchestrator::open(options).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path()));
}

// -- Upgrades
// --------------------------------------------------------------------------------------

pawl::Workflow greeting(int version, const std::string& word) {
  pawl::Workflow w("greeting", version);
  w.step("old", [word] { return word; });
  if (version > 1) w.step("new", [word] { return word; });
  w.step("say", [](const Value& v) { return v; }).after(0);
  return w;
}

TEST(Upgrade, RunsKeepTheVersionTheyBeganWith) {
  Folder folder;
  pawl::RunId run = 0;
  {
    auto pawl = open(folder);
    ASSERT_EQ(text(pawl->define(greeting(1, "v1"))), "ok");
    run = *pawl->create("greeting");
  }
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(greeting(2, "v2"))), "ok");
  ASSERT_EQ(text(pawl->start(run)), "ok");
  EXPECT_EQ(pawl->execute("greeting")->version, 2);
  auto waits = pawl->get(run);
  EXPECT_EQ(waits->state, RunState::running);
  EXPECT_EQ(waits->version, 1);
  EXPECT_EQ(waits->task("old")->state, TaskState::queued);
  EXPECT_EQ(waits->task("old")->waits,
            "waits for its handler: step \"old\" of workflow \"greeting\" version 1 is not defined "
            "in this process; define() it, and it goes on");
  ASSERT_EQ(text(pawl->define(greeting(1, "v1"))), "ok");
  auto ended = pawl->wait(run);
  EXPECT_EQ(ended->output.as_string(), "v1");
  EXPECT_EQ(pawl->execute("greeting")->version, 2);
  EXPECT_EQ(pawl->execute("greeting", {}, {.version = 1})->version, 1);
  EXPECT_EQ(pawl->start("greeting", {}, {.version = 3}).status().code(), Code::not_found);
}

TEST(Upgrade, OtherStepsNeedAnotherVersion) {
  Folder folder;
  {
    auto pawl = open(folder);
    ASSERT_EQ(text(pawl->define(greeting(1, "v1"))), "ok");
    ASSERT_EQ(text(pawl->define(greeting(2, "v2"))), "ok");
  }
  auto pawl = open(folder);
  ASSERT_EQ(text(pawl->define(greeting(1, "again"))), "ok");
  pawl::Workflow changed("greeting", 1);
  changed.step("other", [] {});
  auto refused = pawl->define(changed);
  EXPECT_EQ(refused.code(), Code::conflict);
  EXPECT_TRUE(holds(refused.hint(), "version 2")) << refused.hint();
}

}  // namespace
