#pragma once
// WorkerClient: the engine as a worker on another machine sees it. A WorkerPort whose calls travel
// to a server by the workers' protocol; the Worker above it is the same as in one process.
//
//   Worker --report, log, offer--> outbox --sender thread---> POST .../reports, .../logs
//   Worker <--assign, cancel, ...--------- claimer thread <-- POST .../claim, a long poll
//
// While the server is away the worker goes on: what it has to say waits here, in order. Final
// reports are kept until the server says that they are recorded, whatever happens in between; log
// lines are bounded, and the oldest go first. A server that does not know the worker any more (it
// was started again, or gave the worker up) is told anew what the worker holds.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "core/worker_port.h"
#include "server/http_client.h"
#include "server/worker_session.h"

namespace pawl::server {

class WorkerClient final : public core::WorkerPort {
 public:
  struct Options {
    HttpClient::Options http;
    std::string key;  // drawn once, kept with the worker's data
    // A line for people: the server is away, is back, refuses.
    std::function<void(const std::string&)> note;
    Duration wait = std::chrono::seconds(30);  // of one claim
    Duration first_pause = std::chrono::milliseconds(100);
    Duration longest_pause = std::chrono::seconds(10);
    std::size_t log_bytes = std::size_t{32} << 20;  // that wait, at most
    std::uint64_t seed = 0;                         // of pauses; 0: from the kernel
  };
  explicit WorkerClient(Options options);
  // Ends at once; what was not delivered is lost, save where the worker has it on disk.
  ~WorkerClient() override;

  // WorkerPort. One worker joins, once.
  WorkerId join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                std::vector<core::Fence> held) override;
  void offer(WorkerId worker, std::uint32_t slots) override;
  void report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) override;
  void log(WorkerId worker, core::LogBatch lines) override;
  void leave(WorkerId worker) override;

  // After leave(): whether all was delivered, which is waited for so long.
  bool finish(Duration patience);

 private:
  struct Outgoing {
    core::Report report;
    bool receipt = false;  // the worker asked for one
  };
  struct Session {
    std::string id, secret;
    Duration heartbeat{0};
    std::uint64_t epoch = 0;
  };
  struct Flight {  // a call until it is answered; repeated word for word
    const char* path = "";
    std::shared_ptr<const std::string> body;
    std::size_t count = 0;  // of what it carries
    std::uint32_t slots = 0;
    bool drain = false;
  };
  enum class Reply { done, again, gone, refused };

  void run_sender();
  void run_claimer();
  Result<HttpAnswer> call(HttpClient& http, const Session& session, const Flight& flight,
                          Duration patience);
  Reply judge(const Result<HttpAnswer>& answer, Json& body);
  void pause();
  void enrol();
  Json registration() const;
  void welcome(const Json& answer);
  void lose_session(std::uint64_t epoch);
  bool something_to_send() const;
  bool may_leave() const;
  void send_something(std::unique_lock<std::mutex>& lock);
  void make_log_flight();
  void make_report_flight();
  void logs_sent();
  void reports_sent();
  void drop_refused(bool logs, const std::string& why);
  void refuse_report(const std::string& why);
  void take_answer(const Json& body, std::uint64_t epoch);
  core::Assignment* read_assignment(const Json& json, std::vector<core::Assignment>& into);
  void forget(const core::Fence& fence);
  void bound_logs();
  void say(const std::string& line) const;
  void unreachable(const std::string& why);
  void reachable();
  void say_goodbye(std::unique_lock<std::mutex>& lock);

  const Options options_;
  const Clock& clock_;
  HttpClient sending_, claiming_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  Random random_;
  core::WorkerInfo info_;
  std::shared_ptr<core::WorkerLink> link_;
  std::optional<Session> session_;
  std::uint64_t epochs_ = 0;
  std::int64_t report_seq_ = 0;
  std::deque<core::LogBatch> logs_, sent_logs_;  // to be sent; sent, and not known to be recorded
  std::size_t log_bytes_ = 0, sent_log_bytes_ = 0;
  std::deque<Outgoing> reports_;
  std::unordered_map<core::Fence, Outgoing, FenceHash> unrecorded_;  // final, sent
  FenceSet carried_;                // given to the worker, no final report yet
  FenceSet early_cancels_;          // heard of before the assignment, on the other connection
  std::uint32_t free_ = 0;          // slots offered and not used
  std::uint32_t unsaid_slots_ = 0;  // of them, not told yet
  bool unsaid_drain_ = false;
  std::optional<Flight> log_flight_, report_flight_;
  bool one_by_one_ = false;  // the last call was refused for what was in it
  Mono said_{};              // the last call that was answered
  bool away_ = false, away_said_ = false;
  std::uint32_t failures_ = 0;
  bool lines_dropped_ = false;
  Mono leave_by_{};
  bool leaving_ = false, finished_ = false, stopping_ = false;
  std::thread sender_, claimer_;
};

}  // namespace pawl::server
