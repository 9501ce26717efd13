#pragma once
// Session: a data directory, opened as far as a command needs it.
//
//   read     a read-only store beside whoever owns the directory; the owner is asked for what only
//   it
//            knows (live progress, what holds resources)
//   change   through the owner where there is one; else the directory is ours for a moment: an
//   engine
//            without a worker records the change, and nothing is started
//   stop     the same, with a worker that takes no work but ends what an earlier process left
//   running carry    the directory is ours until we leave: engine, worker, and a control socket for
//   others; or
//            through the owner, to be taken over when that leaves
//   serve    as carry, but takes no work: others, over the network, do it
//
// What a session answers is the same in all of these; see server/methods.h.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/ask.h"
#include "server/control.h"

namespace pawl::cli {

enum class Access : std::uint8_t { read, change, stop, carry, serve };

// --data, else $PAWL_DATA, else ./.pawl.
std::string data_directory(const Ask& ask);

class Session {
 public:
  // Errors: not_found (no directory, to read), in_use (with who, and what to do), newer_version,
  // corrupt, io, disk_full.
  static Result<std::unique_ptr<Session>> open(const Ask& ask, Access access);
  ~Session();

  const std::string& directory() const { return directory_; }
  bool owns() const;           // we, not another process
  server::Methods& methods();  // REQUIRES: owns()
  // {"pid", "command", "since"} of the other process that owns the directory, or null.
  const Json& other_owner() const { return other_owner_; }

  Result<Json> call(std::string_view method, Json params);
  Result<store::Store*> store();  // for reading; opened read-only where another process writes
  // A number, @last, @last-failed, or the name of a run or a workflow (its newest run).
  Result<RunId> find(std::string_view reference);
  Result<std::unique_ptr<server::Feed>> follow(RunId run, bool logs);
  // Calls read with the run as it is stored, or as the engine here has it.
  Status inspect(RunId run, const std::function<void(const core::Run&)>& read);

  // Waits for the end of a run that is carried here, no longer than `patience`; where it is then.
  Result<Json> await_end(RunId run, Duration patience);
  // Ends the worker: what runs has `grace` to end, then is stopped and given back; or it is left to
  // the process that takes the directory over next (`leave_running`). Blocks; hurry() from another
  // thread cuts it short with KILL. Does nothing where we own nothing.
  void drain(bool leave_running, Duration grace = Duration{0});
  void hurry();
  Status trouble() const;          // why nothing can be recorded now, where we own the directory
  bool watched_by_others() const;  // another process follows a run that is carried here

 private:
  Session();
  struct Owned;
  Status own(const Ask& ask, Access access);
  Result<Json> read_call(std::string_view method, const Json& params);
  Result<std::shared_ptr<const core::Plan>> plan(WorkflowId id);

  std::string directory_;
  Json other_owner_;
  std::unique_ptr<server::ControlClient> client_;
  std::unique_ptr<store::Store> reader_;
  std::vector<std::pair<WorkflowId, std::shared_ptr<const core::Plan>>> plans_;
  std::unique_ptr<Owned> owned_;
};

}  // namespace pawl::cli
