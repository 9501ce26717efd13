// The real program: served over a socket, killed at exact points and started again, its numbers
// against an independent computation, exit codes.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pawl/value.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <future>
#include <map>
#include <set>
#include <sstream>

#include "manufacturing/batch_testing.h"
#include "manufacturing/dag.h"
#include "manufacturing/files.h"

namespace manufacturing {
namespace {

using pawl::Value;
using testing::HasSubstr;

// Sends a request, and reads until the other side closes the connection. "" where it died.
std::string converse(std::uint16_t port, const std::string& bytes) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "";
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto n = ::send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n <= 0) return "";
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string answer;
  char buffer[65536];
  for (ssize_t n; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  auto head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "" : answer.substr(head + 4);
}

// One process of the program, its output read through a pipe.
class Process {
 public:
  Process(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
    std::vector<char*> argv, env;
    for (const std::string& w : words)
      argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    for (const std::string& v : variables)
      env.push_back(const_cast<char*>(v.c_str()));
    for (char** e = environ; *e; ++e)
      env.push_back(*e);
    env.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_adddup2(&files, ends[1], 2);
    EXPECT_EQ(::posix_spawnp(&pid_, argv[0], &files, nullptr, argv.data(), env.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    output_ = Fd(ends[0]);
  }
  ~Process() {
    if (pid_ > 0) stop(SIGKILL);
  }
  // Reads what it prints until this is in it, or it has ended.
  const std::string& read_until(const std::string& text) {
    char buffer[4096];
    while (text.empty() || printed_.find(text) == std::string::npos) {
      const auto n = ::read(output_.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      printed_.append(buffer, static_cast<std::size_t>(n));
    }
    return printed_;
  }
  // 0 where it does not get that far.
  std::uint16_t port() {
    const std::string_view line = read_until("\n");
    std::uint16_t n = 0;
    if (!line.starts_with("listening on http://127.0.0.1:")) {
      ADD_FAILURE() << line;
      return n;
    }
    std::from_chars(line.data() + line.rfind(':') + 1, line.data() + line.size(), n);
    return n;
  }
  // 128 + the signal that ended it.
  int wait() {
    read_until("");
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int stop(int signal) {
    ::kill(pid_, signal);
    return wait();
  }
  const std::string& printed() const { return printed_; }

 private:
  pid_t pid_ = -1;
  Fd output_;
  std::string printed_;
};

constexpr int kSensors = 1000;

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    // A checkpoint every twenty sensors.
    std::string dag = default_dag();
    for (const char* before : {"\"listed\": 20", "\"points\": 5"}) {
      auto at = dag.find(before);
      ASSERT_NE(at, std::string::npos);
      dag.insert(at, "\"checkpoint_readings\": 2000, ");
    }
    ASSERT_TRUE(write_file(folder_.at("dag.json"), dag).ok());
    Value sensors = Value::object();
    for (int s = 0; s < kSensors; ++s) {
      Value values = Value::array();
      for (int i = 0; i < 100; ++i)
        values.push((s * 31 + i * 17) % 101 + (i == s % 100 ? 500 : 0));
      sensors.set("s" + std::to_string(s), values);
    }
    batch_ = Value::object({{"batch_id", "B"}, {"sensors", sensors}}).json();
  }

  std::unique_ptr<Process> serve(const std::string& dir, const std::string& strike = "") {
    std::vector<std::string> variables = {"PAWL_APP_TRACE=" + folder_.at("trace")};
    if (!strike.empty()) variables.push_back("PAWL_APP_STRIKE=" + strike);
    return std::make_unique<Process>(
        std::vector<std::string>{program_, "serve", "--dir", folder_.at(dir), "--listen",
                                 "127.0.0.1:0", "--dag", folder_.at("dag.json")},
        variables);
  }
  static std::string get(std::uint16_t port, const std::string& path) {
    return converse(port, "GET " + path + " HTTP/1.0\r\n\r\n");
  }
  static std::string post(std::uint16_t port, const std::string& body) {
    return converse(port, "POST /workflow HTTP/1.0\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static Value json(const std::string& text) { return Value::parse(text).value_or({}); }
  // Asks until the run has ended. Each time is a round trip, so this is no spinning.
  static Value ended(std::uint16_t port, int run) {
    const std::string path = "/status/" + std::to_string(run);
    for (int i = 0; i < 1'000'000; ++i) {
      Value status = json(get(port, path));
      const auto state = status.get("status").as_string();
      if (state != "pending" && state != "running" && state != "recovering") return status;
    }
    ADD_FAILURE() << "the run does not end";
    return {};
  }
  // How often each line stands in the trace.
  std::map<std::string, int> trace() const {
    std::map<std::string, int> lines;
    std::istringstream text(read_file(folder_.at("trace")).value_or(""));
    for (std::string line; std::getline(text, line);)
      ++lines[line];
    return lines;
  }
  int again(const std::string& what) const {
    int n = 0;
    for (const auto& [line, times] : trace())
      if (line.starts_with(what)) n += times - 1;
    return n;
  }
  Process run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program_);
    return Process(arguments, {});
  }

  TestFolder folder_;
  std::string program_ = PAWL_BUILD_DIR "/pawl-manufacturing";
  std::string batch_;
};

TEST_F(ProgramTest, KilledHalfWayItSaysTheSame) {
  Value expected;
  {
    auto whole = serve("whole");
    const auto port = whole->port();
    EXPECT_EQ(post(port, batch_), R"({"workflow_id":1})");
    EXPECT_EQ(ended(port, 1).get("status").as_string(), "completed");
    expected = json(get(port, "/results/1"));
    EXPECT_EQ(expected.get("sensors").size(), static_cast<std::size_t>(kSensors));
    EXPECT_EQ(whole->stop(SIGTERM), 0);
  }
  for (const auto& [what, after] : std::map<std::string, int>{
           {"detect_outliers", 700}, {"analyze_trends", 700}, {"merged", 1}}) {
    SCOPED_TRACE(what);
    remove_folder(folder_.at("trace"));
    const std::string dir = "killed-" + what;
    {
      auto struck = serve(dir, what + " " + std::to_string(after));
      post(struck->port(), batch_);
      ASSERT_EQ(struck->wait(), 128 + SIGKILL);
    }
    auto next = serve(dir);
    const auto port = next->port();
    Value status = ended(port, 1);
    EXPECT_EQ(status.get("status").as_string(), "completed") << status.json();
    Value result = json(get(port, "/results/1"));
    for (const char* key : {"verdict", "reasons", "figures", "sensors", "batch_id"})
      EXPECT_TRUE(result.get(key) == expected.get(key)) << key;
    // Of 700 sensors those behind the last checkpoint are done again.
    if (after > 1) {
      EXPECT_LE(again(what), 20);
      EXPECT_GE(status.get("tasks").at(what == "analyze_trends").get("attempts").as_integer(), 2);
    }
    EXPECT_EQ(next->stop(SIGTERM), 0);
  }
}

TEST_F(ProgramTest, KilledWhileABatchIsPostedNothingIsLeft) {
  {
    auto struck = serve("d", "stored 1");
    EXPECT_EQ(post(struck->port(), batch_), "") << "it was not acknowledged";
    ASSERT_EQ(struck->wait(), 128 + SIGKILL);
  }
  EXPECT_EQ(list_folder(folder_.at("d/batches")).value().size(), 1u);
  auto next = serve("d");
  const auto port = next->port();
  EXPECT_EQ(get(port, "/workflows"), R"({"workflows":[]})");
  EXPECT_EQ(list_folder(folder_.at("d/batches")).value().size(), 0u);
  EXPECT_EQ(post(port, batch_), R"({"workflow_id":1})");
}

TEST_F(ProgramTest, ManyAtOnceAreKeptApart) {
  auto server = serve("d");
  const auto port = server->port();
  std::vector<std::future<int>> posted;
  for (int i = 0; i < 12; ++i) {
    posted.push_back(std::async(std::launch::async, [port, i] {
      // Above the size from which a body is kept in a file, every other time.
      std::string values;
      for (int k = 0; k < (i % 2 ? 100'000 : 50); ++k)
        values += (k ? ", " : "") + std::to_string(i * 10 + k % 3);
      const auto answer =
          post(port, "{\"batch_id\": \"b" + std::to_string(i) + "\", \"sensors\": {\"s" +
                         std::to_string(i) + "\": [" + values + "]}}");
      return static_cast<int>(json(answer).get("workflow_id").as_integer());
    }));
  }
  std::set<int> runs;
  for (int i = 0; i < 12; ++i) {
    const int run = posted[static_cast<std::size_t>(i)].get();
    ASSERT_GT(run, 0);
    runs.insert(run);
    EXPECT_EQ(ended(port, run).get("status").as_string(), "completed");
    Value result = json(get(port, "/results/" + std::to_string(run)));
    EXPECT_EQ(result.get("batch_id").as_string(), "b" + std::to_string(i));
    ASSERT_EQ(result.get("sensors").size(), 1u);
    Value sensor = result.get("sensors").at(0);
    EXPECT_EQ(sensor.get("sensor").as_string(), "s" + std::to_string(i));
    EXPECT_EQ(sensor.get("statistics").get("min").as_double(), i * 10);
    EXPECT_EQ(sensor.get("statistics").get("readings").as_integer(), i % 2 ? 100'000 : 50);
  }
  EXPECT_EQ(runs.size(), 12u);
}

TEST_F(ProgramTest, AgreesWithAnIndependentComputation) {
  Process python({"python3", PAWL_SOURCE_DIR "/apps/manufacturing/independent.py", program_}, {});
  EXPECT_EQ(python.wait(), 0);
  EXPECT_THAT(python.printed(), HasSubstr("wide: 591 sensors"));
  EXPECT_THAT(python.printed(), testing::Not(HasSubstr("differ")));
}

TEST_F(ProgramTest, ExitCodes) {
  auto expect = [&](const std::vector<std::string>& arguments, int code, const std::string& says) {
    auto p = run(arguments);
    EXPECT_EQ(p.wait(), code) << p.printed();
    EXPECT_THAT(p.printed(), HasSubstr(says));
  };
  ASSERT_TRUE(write_file(folder_.at("bad.json"), "{\"sensors\": {\"a\": [1,\n 2 3]}}").ok());
  ASSERT_TRUE(write_file(folder_.at("bad-dag.json"), "{\"name\": 1, \"tasks\": 2}").ok());
  expect({}, 0, "usage:");
  expect({"serve"}, 2, "serve needs --dir");
  expect({"serve", "--dir", "x", "--port", "1"}, 2, "serve has no option --port");
  expect({"serve", "--dir", "x", "--listen", "here"}, 2, "here is no value for --listen");
  expect({"analyze"}, 2, "analyze needs a file");
  expect({"analyze", folder_.at("bad.json")}, 6, "bad.json:2:4: expected , or ], found '3'");
  expect({"analyze", folder_.at("none.json")}, 7, "none.json: No such file");
  expect({"dag", folder_.at("bad-dag.json")}, 6, "bad-dag.json:1:22: \"tasks\" must be");
  expect({"dag", folder_.at("bad-dag.json")}, 6, "bad-dag.json:1:10: \"name\" must be");
  expect({"dag", folder_.at("dag.json")}, 0, "manufacturing, version 1, 4 tasks");
  expect({"serve", "--dir", folder_.at("w"), "--listen", "0.0.0.0:0"}, 6, "loopback");
  auto first = serve("d");
  const auto port = first->port();
  expect({"serve", "--dir", folder_.at("d"), "--dag", folder_.at("dag.json")}, 9, "");
  expect({"serve", "--dir", folder_.at("e"), "--listen", "127.0.0.1:" + std::to_string(port)}, 9,
         "");
}

}  // namespace
}  // namespace manufacturing
