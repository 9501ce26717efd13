// The control socket with a real engine behind it, and callers of every kind in front.
#include "server/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::server {
namespace {

using testing::HasSubstr;

constexpr const char* kGate =
    "pawl: 1\nname: gated\ntasks:\n  g: {action: gate, with: {question: Really?}}\n";

class Control : public testing::Test {
 protected:
  Control() {
    char path[] = "/tmp/pawl-control-XXXXXX";
    directory_ = ::mkdtemp(path);
    store_ = store::open_memory();
    engine::Options options;
    options.store = store_.get();
    engine_ = std::move(engine::Engine::open(std::move(options)).value());
    methods_.reset(new Methods{*engine_, *store_, system_clock(), Json::object({{"pid", 1}})});
    server_ = std::move(ControlServer::open(directory_, *methods_).value());
  }
  ~Control() override {
    server_.reset();
    engine_->stop();
    engine_.reset();
    (void)remove_tree(directory_);
  }
  std::unique_ptr<ControlClient> connect() {
    return std::move(ControlClient::connect(directory_).value());
  }
  static Json submission() {
    Bundle bundle{{{"", kGate, {}}}};
    return Json::object({{"bundle", bundle_to_json(bundle)}, {"inputs", Json::object()}});
  }
  static Json of_run(std::int64_t run) { return Json::object({{"run_id", run}}); }
  // Items until one of this kind of event, or a minute.
  static bool wait_for(Feed& feed, const std::function<bool(const FeedItem&)>& wanted) {
    while (true) {
      for (const auto& item : feed.take()) {
        if (wanted(item)) return true;
      }
      pollfd ready{feed.fd(), POLLIN, 0};
      if (::poll(&ready, 1, 60'000) != 1) return false;
    }
  }

  std::string directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Methods> methods_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(Control, AnswersWhatTheEngineSays) {
  auto client = connect();
  EXPECT_EQ((*client->call("ping", Json::object()))["pid"].as_integer(), 1);
  auto run = client->call("submit", submission());
  ASSERT_TRUE(run.ok()) << run.error().message;
  auto id = (*run)["run_id"].as_integer();
  EXPECT_EQ((*client->call("pause", of_run(id)))["state"].as_string(), "paused");
  auto again = client->call("pause", of_run(id));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_TRUE(client->call("resume", of_run(id)).ok());
  EXPECT_EQ(client->call("show", of_run(99)).error().code, Errc::not_found);
  EXPECT_EQ(client->call("dance", of_run(id)).error().code, Errc::not_found);
  EXPECT_EQ(client->call("pause", Json::object({{"run_id", "x"}})).error().code, Errc::usage);
}

TEST_F(Control, AFeedTellsAllUntilTheEnd) {
  auto client = connect();
  auto id = (*client->call("submit", submission()))["run_id"].as_integer();
  auto feed = std::move(ControlClient::watch(directory_, RunId{id}, true).value());
  EXPECT_TRUE(wait_for(*feed, [](const FeedItem& i) { return i.kind == FeedKind::snapshot; }));
  EXPECT_TRUE(client->call("approve", of_run(id)).ok());
  std::uint64_t last = 0;
  EXPECT_TRUE(wait_for(*feed, [&](const FeedItem& item) {
    if (item.kind != FeedKind::event) return false;
    EXPECT_GT(item.event.seq, last);
    last = item.event.seq;
    return item.event.kind == core::EventKind::run_state &&
           item.event.run_state == core::RunState::completed;
  }));
  server_.reset();
  EXPECT_TRUE(wait_for(*feed, [](const FeedItem& i) { return i.kind == FeedKind::closed; }));
}

TEST_F(Control, OnlyTheOwnerOfTheDirectoryMayConnect) {
  struct stat info {};
  ASSERT_EQ(::stat(str(directory_, "/", kControlSocket).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Control, RubbishIsAnsweredAndHarmsNobody) {
  LineSocket socket(std::move(connect_at(directory_, kControlSocket).value()));
  for (const char* line :
       {"", "{", "[]", "null", "{\"method\": 3}", "{\"method\": \"watch\"}",
        "{\"method\": \"submit\", \"params\": {\"bundle\": [{\"children\": {\"x\": 5}}]}}"}) {
    socket.send(line);
    ASSERT_TRUE(socket.flush().ok());
    auto answer = socket.receive();
    ASSERT_TRUE(answer.ok()) << line;
    EXPECT_THAT(*answer, HasSubstr("error")) << line;
  }
  EXPECT_TRUE(connect()->call("ping", Json::object()).ok());
}

TEST_F(Control, ManyCallersAtOnce) {
  std::vector<std::unique_ptr<ControlClient>> clients;
  for (int i = 0; i < 40; ++i)
    clients.push_back(connect());
  for (auto& client : clients)
    EXPECT_TRUE(client->call("ping", Json::object()).ok());
}

TEST(LineSocketAt, DirectoriesMayLieDeep) {
  char path[] = "/tmp/pawl-deep-XXXXXX";
  std::string top = ::mkdtemp(path), directory = top;
  for (int i = 0; i < 10; ++i)
    directory += "/a-directory-of-thirty-letters-x";
  ASSERT_TRUE(make_dirs(directory).ok());
  auto listener = listen_at(directory, "s");
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  EXPECT_TRUE(connect_at(directory, "s").ok());
  EXPECT_EQ(connect_at(directory, "none").error().code, Errc::unavailable);
  (void)remove_tree(top);
}

}  // namespace
}  // namespace pawl::server
