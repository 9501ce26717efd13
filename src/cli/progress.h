#pragma once
// How a run that is followed is shown on stderr.
//
//   tty    the live view: lines at the foot of the terminal, at most ten times a second
//   plain  a line a state change, what tasks print behind their names, a sign of life each 30 s
//   json   a feed item a line
//   none   nothing

#include <memory>
#include <string_view>
#include <vector>

#include "cli/ask.h"
#include "cli/run_view.h"

namespace pawl::cli {

class Progress {
 public:
  virtual ~Progress() = default;
  // After the view took the items in.
  virtual void show(const std::vector<server::FeedItem>& items, RunView& view, Time now) = 0;
  // Nothing happened, but time passes.
  virtual void tick(const RunView& view, Time now) { (void)view, (void)now; }
  // How long it can do without tick().
  virtual Duration patience() const { return std::chrono::hours(1); }
  virtual bool wants_logs() const { return false; }
  virtual void resized() {}
  // A line of ours, above whatever is live.
  virtual void note(std::string_view line) = 0;
  virtual void finish() {}  // the end, or a pause of the process: the terminal is as it was
};

// --progress, and what stderr is: auto is tty on a terminal, plain elsewhere and where CI is set.
// `expected`: median duration of earlier runs, or negative.
std::unique_ptr<Progress> make_progress(const Ask& ask, Duration expected);

// "a gate waits" in whole lines: question, preview, and what to type.
std::string gate_text(const RunView::Task& gate, RunId run, const Term& term);
std::string clock_time(Time t);  // "12:00:03", local

std::unique_ptr<Progress> make_live_progress(const Ask& ask, Duration expected);
std::unique_ptr<Progress> make_plain_progress(const Ask& ask);

}  // namespace pawl::cli
