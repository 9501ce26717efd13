#pragma once
// History: what an outside observer of one simulated world saw. Written while the world runs, read
// by the checkers (check.h) when it has ended. Nothing here comes out of the engine's own memory.
//
// The world: nodes (an engine process with its store; a process's life ends in a crash, the next
// one opens the same store), agents (remote workers; each belongs to one node for good and has
// lives of its own), clients. A gateway inside the node's process carries WorkerPort calls over the
// network: what is recorded as a PortCall happened at the port itself, on the engine's side.
//
// Runs, tasks and workers are numbered per node: a key of an attempt is (node, run, task, attempt).
// Order: every At has a number `n`, drawn from one counter, so any two records can be ordered, also
// those of the same instant. All times are monotonic and common; a node's wall clock is
// kEpoch + t + the `offset` of its last WallClock record.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "core/event.h"
#include "core/worker_port.h"
#include "store/store.h"

namespace pawl::sim {

inline constexpr Time kEpoch{Duration{1'700'000'000'000'000}};

struct At {
  Duration t{0};        // since the world began
  std::uint64_t n = 0;  // place in the order of everything; 0: it did not happen
  explicit operator bool() const { return n != 0; }
};

enum class RequestKind : std::uint8_t {
  define,  // registers a workflow; repeated until answered
  submit,  // with a key: repeated until answered; without one: sent once
  pause,
  resume,
  cancel,
  retry,
  recover,
  approve,
  reject,
};
inline constexpr int kRequestKindCount = 9;
const char* to_string(RequestKind k);

// One answer to a request. A request that is sent twice, or delivered twice, may have several.
struct Answer {
  At given;    // the engine said it (after the commit that holds it)
  At arrived;  // the client got it; n = 0: lost on the way
  std::uint32_t life = 0;
  bool ok = false;
  Errc code = Errc::internal;  // where not ok
  std::string message;
  RunId run;            // submit, recover: the run that goes on; else the run asked about
  WorkflowId workflow;  // define
};

struct Request {
  std::uint32_t number = 0;  // = its index
  std::uint32_t client = 0, node = 0;
  RequestKind kind = RequestKind::submit;
  At asked;                // first sent
  std::uint32_t sent = 0;  // how often
  bool person = true;      // false: the operator, who resumes what is paused and opens gates
  // What was asked.
  std::string name;  // define, submit: the workflow's
  std::string text;  // define: the file
  WorkflowId workflow;
  std::string key;   // submit: idempotency key; "" none
  RunId run;         // all others
  std::string task;  // retry, recover, approve, reject; "" where none is named
  Json inputs;       // submit, recover; approve: the data that goes with it
  Json set;          // retry, recover
  std::vector<Answer> answers;
  // The first answer that arrived, or nullptr: the client never learned the outcome.
  const Answer* known() const {
    const Answer* first = nullptr;
    for (const Answer& a : answers) {
      if (a.arrived && (!first || a.arrived.n < first->arrived.n)) first = &a;
    }
    return first;
  }
};

// A life of a node's process.
struct Life {
  std::uint32_t node = 0, number = 1;
  At started;  // its engine has opened the store
  At ended;    // it crashed; n = 0: it lives
};

struct Commit {
  std::uint32_t node = 0, life = 0;
  At begun;    // handed to the store
  At applied;  // durable; n = 0: never
  At told;     // the engine learned the outcome; n = 0: it crashed before
  bool told_ok = false;
  Errc told_code = Errc::internal;  // where told and not ok; `applied` may be set all the same
  std::shared_ptr<const store::Batch> batch;
};

// A call at the WorkerPort (join ... leave: worker to engine) or WorkerLink (assign ... recorded:
// engine to worker). One record a fence: a call with several is several records.
struct PortCall {
  enum class Kind : std::uint8_t {
    join,    // fences: what it says it holds; one record with fence.run = 0 first, then one a fence
    offer,   // slots
    report,  // report; slots: on the first record of a call
    log,     // lines
    leave,
    assign,
    cancel,
    refused,
    recorded,
  };
  At at;
  std::uint32_t node = 0, life = 0;
  std::uint32_t agent = 0, agent_life = 0;
  WorkerId worker;
  Kind kind = Kind::offer;
  core::Fence fence;
  std::uint32_t slots = 0;
  std::shared_ptr<const core::Report> report;
  std::shared_ptr<const core::LogBatch> lines;
};
const char* to_string(PortCall::Kind k);

// The effect ledger: one attempt as it was at one agent. Delivered once per agent life at most.
struct Execution {
  enum class End : std::uint8_t {
    none,       // still there when the world ended
    completed,  // its body ran to its end: the effect happened, exactly here
    failed,     // the body ran and failed, or a timeout of its own killed it
    released,   // given back unharmed; where `started` is not set the body never began
    cancelled,  // killed because the engine asked
    refused,    // killed because the engine said its lease is no longer the live one
    fenced,     // killed by the agent itself: it had not heard of its node for too long
    crashed,    // died with its agent
  };
  std::uint32_t node = 0, agent = 0, agent_life = 0;
  WorkerId worker;  // under which it was given out
  core::Fence fence;
  std::string workflow, path;
  core::Resume resume = core::Resume::checkpoint;
  std::string checkpoint, before;  // what the assignment brought
  Json with, input;
  At delivered;  // to the agent
  At started;    // its body began; n = 0: never
  At ended;      // its body ended. Frozen agents do not execute: an attempt whose agent froze and
                 // then fenced it ended when the agent froze
  End end = End::none;
  Json outputs;                                           // completed
  core::FailureClass failure = core::FailureClass::none;  // failed
  std::string last_checkpoint, best_checkpoint;           // what the body left
  std::uint64_t lines = 0;                                // it printed so many
  At recorded;                                            // the receipt reached the agent
};
const char* to_string(Execution::End e);

// What a subscriber to everything was told. A new life's subscriber hears from its start on.
struct Told {
  At at;
  std::uint32_t node = 0, life = 0;
  RunId run;
  std::vector<core::Event> events;
};
struct ToldLines {
  At at;
  std::uint32_t node = 0, life = 0;
  core::LogBatch lines;
};

struct WallClock {
  At at;
  std::uint32_t node = 0;
  Duration offset{0};
};

enum class FaultKind : std::uint8_t {
  node_crash,       // at any moment; its agents live on
  node_crash_all,   // ... the machine: its agents and their tasks die too
  crash_decided,    // a crash right after decide()
  crash_taken,      // ... after take_flight()
  crash_committed,  // ... after the commit, before its outcome is known
  crash_landed,     // ... after settle()
  commit_fails,     // not done, and reported so
  commit_unknown,   // done, and reported as failed
  commit_slow,      // takes seconds
  disk_full,        // every commit fails for a while
  read_fails,       // every read may fail for a while
  message_lost,     // on the network
  message_doubled,
  message_late,  // delayed, and so reordered
  cut_one_way,   // a partition between two machines in one direction for a while
  cut_both_ways,
  agent_crash,     // dies with what it carried
  agent_restart,   // its process is killed and started again; its tasks outlive it
  agent_freeze,    // stops for a while (SIGSTOP, a paused machine)
  agent_leaves,    // drains in an orderly way and comes back later
  report_doubled,  // a final report is reported again, as another message
  report_stale,    // ... again much later, under its old fence
  clock_forward,   // a node's wall clock jumps
  clock_back,
  second_engine,  // another engine tries to open a store in use
};
inline constexpr int kFaultKindCount = 25;
const char* to_string(FaultKind k);

struct Fault {
  At at;
  FaultKind kind = FaultKind::node_crash;
  std::uint32_t number = 0;  // of its kind, from 0: what the shrinker leaves out
  std::uint32_t node = 0;
  std::uint32_t agent = 0;  // where it concerns one
  bool effective = false;   // it overlapped work in flight at its node
  std::string what;         // for people
};

struct History {
  std::uint64_t seed = 0;
  std::uint32_t nodes = 0;
  std::vector<std::pair<std::string, std::uint32_t>> resources;  // how much there is, at each node
  std::vector<Life> lives;
  std::vector<Request> requests;
  std::vector<Commit> commits;  // by `begun`
  std::vector<PortCall> calls;
  std::vector<Execution> executions;  // by `delivered`
  std::vector<Told> told;
  std::vector<ToldLines> lines;
  std::vector<WallClock> clocks;
  std::vector<Fault> faults;
  At healed;  // no fault begins after this; what lasted was ended here
  At ended;   // the world was stopped: everything had come to rest, or the bound had passed
  bool rested = false;  // ... the former
  // Breaches of a contract that a part of the world noticed on the spot: more assignments than were
  // offered, one given out twice, an answer given twice.
  std::vector<std::string> breaches;
};

}  // namespace pawl::sim
