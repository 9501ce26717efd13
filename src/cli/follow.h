#pragma once
// Following a run to its end, from wherever it is carried.
//
// One poll() waits for the run, for signals and for the deadline. When the process that carries the
// run leaves before its end, this one takes the directory over and goes on. Leaving early stops
// cleanly: what runs is given back (or left running for a process that watches it), and a second
// signal cuts that short.

#include <memory>
#include <optional>

#include "cli/ask.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/signals.h"

namespace pawl::cli {

enum class FollowEnd : std::uint8_t { ended, timeout, interrupted };

struct Followed {
  FollowEnd end = FollowEnd::ended;
  int signal = 0;  // interrupted: by which
};

class Follower {
 public:
  // `session` may be replaced by one that owns the directory. Follows quietly where `progress` is
  // null.
  Follower(const Ask& ask, Signals& signals, std::unique_ptr<Session>& session, RunId run);
  // `take_over`: carry the run on where its owner leaves; else that is an error.
  Result<Followed> follow(Progress& progress, std::optional<Mono> until, bool take_over);
  // After follow(): ends our part in the work, says what that means. Returns the exit code for a
  // run that is not at its end.
  int leave(const Followed& how);

 private:
  Result<bool> reopen(Progress& progress);
  Result<std::unique_ptr<server::Feed>> open_feed(Progress& progress, bool take_over);
  void tell_trouble(Progress& progress);
  std::optional<Followed> take_signals(Progress& progress);

  const Ask& ask_;
  Signals& signals_;
  std::unique_ptr<Session>& session_;
  RunId run_;
  RunView view_;
  Mono trouble_at_{};  // when the store was last asked
  bool in_trouble_ = false;
};

// --timeout as a moment.
std::optional<Mono> deadline(const Ask& ask);
// Median duration of the last completed runs of the workflow; negative where there are none.
Duration usual_duration(Session& session, const std::string& workflow);

}  // namespace pawl::cli
