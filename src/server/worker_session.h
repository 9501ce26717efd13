#pragma once
// WorkerSession: what the server knows of one worker that is reached over the network, between its
// calls. To the engine it is a WorkerLink; to the worker it is what its claims and reports answer.
//
//   engine --assign, cancel, refused, recorded--> pending, news --answer--> worker
//   engine <--offer, report, log, leave---------- granted, live <--call---- worker
//
// Slots: `granted` is what the worker may still be given; while it waits in a claim, and a while
// after, all of it is lent to the engine as credit. What the engine gives and the worker does not
// fetch is given back. `live` are the attempts that are the worker's: whoever reports or logs for
// another is refused here. Each call has a number; repeated, it gives the same answer and changes
// nothing, so that an answer lost on the way costs nothing. Thread-safe; the engine is called under
// the session's lock (it only posts), a worker's answers are given outside of it.

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/worker_port.h"

namespace pawl::server {

// Rung where a claim that waits can be answered. Outlives the gateway: engines ring late.
class GatewayBell;

struct FenceHash {
  std::size_t operator()(const core::Fence& f) const;
};
using FenceSet = std::unordered_set<core::Fence, FenceHash>;

class WorkerSession final : public core::WorkerLink,
                            public std::enable_shared_from_this<WorkerSession> {
 public:
  // JSON text, or why not.
  using Answer = std::function<void(Result<std::string>)>;
  struct Terms {
    Duration lease = std::chrono::seconds(30);  // unheard so long, it is gone
    Duration linger = std::chrono::seconds(5);  // slots stay lent between two claims
  };

  WorkerSession(core::WorkerPort& port, const Clock& clock, Terms terms,
                std::shared_ptr<GatewayBell> bell);

  // Joins the engine. Called once, before anything else.
  WorkerId open(core::WorkerInfo info, std::vector<core::Fence> held, std::uint32_t slots,
                std::string secret);
  // The same worker in a new life: what it does not hold any more is lost. False: the session is
  // over.
  bool renew(const std::vector<core::Fence>& held, std::uint32_t slots, std::string secret);

  struct Claim {
    std::int64_t seq = 0;
    std::optional<std::uint32_t> slots;  // so many from now on; without: as granted
    Duration wait{0};
  };
  void claim(const Claim& claim, Answer answer);
  // Nobody waits for the answer of this claim any more.
  void hang_up(std::int64_t seq);
  struct Reports {
    std::int64_t seq = 0;
    std::vector<core::Report> reports;
    bool drain = false;       // slots granted before are taken back
    std::uint32_t slots = 0;  // ... and so many are added
  };
  void report(Reports call, Answer answer);
  void log(std::vector<core::LogBatch> batches, Answer answer);
  void leave();  // by its own will
  void close();  // the server ends; the engine keeps what it knows

  // Answers a claim that can be, or whose time is up; takes back what was not fetched. False: it
  // was not heard of for its lease, and is gone.
  bool tend();
  // The server itself stood still so long.
  void forgive(Duration time);

  bool knows(std::string_view secret) const;
  Json describe() const;

  // WorkerLink
  void assign(std::vector<core::Assignment> batch) override;
  void cancel(const core::Fence& fence) override;
  void refused(const core::Fence& fence) override;
  void recorded(std::vector<core::Fence> fences) override;

 private:
  struct Due {
    Answer answer;
    Result<std::string> text;
  };
  struct News {
    std::vector<core::Fence> cancel, refused, recorded;
    bool empty() const { return cancel.empty() && refused.empty() && recorded.empty(); }
  };
  struct Call {
    std::int64_t seq = 0;
    bool answered = false;
    std::string text;  // the answer, for a repeat
    // Of a claim:
    Answer waiting;
    std::optional<std::uint32_t> slots;
    Mono until{};
  };
  static void give(std::vector<Due>& due);
  void take_reports(Reports& call);
  void lend();
  void lend_nothing();
  void finish_claim(std::vector<Due>& due);
  void drop_claim(std::vector<Due>& due, const Error& why);
  bool can_answer() const;
  std::size_t room() const;
  void give_back();
  void lose_all();
  void end(std::vector<Due>& due, const Error& why);
  std::string take_news(std::string text);
  void ring();

  core::WorkerPort& port_;
  const Clock& clock_;
  const Terms terms_;
  const std::shared_ptr<GatewayBell> bell_;

  mutable std::mutex mutex_;  // guards all below
  WorkerId id_;
  core::WorkerInfo info_;
  std::string secret_;
  bool ended_ = false;
  Mono heard_{}, claimed_{};  // the last call; the last moment of a claim
  std::uint32_t granted_ = 0, lent_ = 0;
  FenceSet live_, cancelled_;
  std::deque<core::Assignment> pending_;  // given by the engine, not fetched
  Mono pending_since_{};
  News news_;
  Call claim_, report_;
};

}  // namespace pawl::server
