#pragma once
// shell: a command of the user's, as a process of its own. What a task sees and promises stands in
// the documentation ("What a shell task sees"); this turns an Assignment into a ProcessSpec and a
// process's end into a Report. It spawns nothing itself: ProcessHost does.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actions/action.h"
#include "actions/mask.h"
#include "actions/task_events.h"
#include "actions/task_files.h"

namespace pawl::actions {

std::unique_ptr<Action> make_shell(Sink& sink, const Services& services);

// What an attempt needs to be gone on with in a later life of the worker: no secrets.
struct ShellState {
  std::string run_dir;
  std::string checkpoint_stamp;
  std::string program;  // what was started, for messages
  std::string cwd;
  Duration kill_after{0};
  Duration attempt_timeout{0};
  Duration heartbeat_timeout{0};
};
std::string encode(const ShellState& state);
std::optional<ShellState> decode_shell_state(std::string_view bytes);

// argv and environment of an assignment. Error: what in it cannot be passed to a process.
Result<std::vector<std::string>> shell_argv(const core::Assignment& assignment);
Result<std::vector<std::string>> shell_env(const core::Assignment& assignment,
                                           const TaskFiles& files, const std::string& program);
std::string shell_cwd(const core::Assignment& assignment, const TaskFiles& files);

// "exited with code 3", "killed by SIGSEGV (signal 11)".
std::string describe_status(int status);
// Why a program could not be started, and what to do.
std::string describe_launch_error(const LaunchError& error, std::string_view program,
                                  std::string_view cwd);

// The last lines of a stream: 20 lines, 4 KiB.
class Tail {
 public:
  void add(const std::vector<core::LogLine>& lines, core::Stream stream);
  std::string text() const;
  bool empty() const { return lines_.empty(); }

 private:
  std::deque<std::string> lines_;
};

}  // namespace pawl::actions
