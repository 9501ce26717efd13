#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "actions/shell.h"
#include "base/codec.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

constexpr std::array kAllowed = {"PATH",  "HOME", "USER", "LOGNAME",
                                 "SHELL", "LANG", "TZ",   "TMPDIR"};
constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool allowed(std::string_view name) {
  if (name.starts_with("LC_")) return true;
  for (auto one : kAllowed) {
    if (name == one) return true;
  }
  return false;
}

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

void put_env(std::vector<std::string>& env, std::string_view name, std::string_view value) {
  for (auto& entry : env) {
    if (name_of(entry) == name) {
      entry = str(name, '=', value);
      return;
    }
  }
  env.push_back(str(name, '=', value));
}

// The short list that a task inherits from the worker's own environment.
std::vector<std::string> inherited(const std::string& program) {
  std::vector<std::string> out;
  for (char** e = environ; e && *e; ++e) {
    if (allowed(name_of(*e))) out.emplace_back(*e);
  }
  std::string path;
  for (const auto& entry : out) {
    if (name_of(entry) == "PATH") path = entry.substr(5);
  }
  if (path.empty()) path = kDefaultPath;
  // Last, so that `pawl emit` works in tasks without changing which python or sh they find.
  if (const auto slash = program.rfind('/'); slash != std::string::npos && slash > 0) {
    const auto dir = std::string_view(program).substr(0, slash);
    if (str(':', path, ':').find(str(':', dir, ':')) == std::string::npos) {
      path = str(path, ':', dir);
    }
  }
  put_env(out, "PATH", path);
  return out;
}

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Runs the recovery rule's clean-up, and then becomes the command itself.
constexpr const char* kBefore =
    "sh -c \"$1\" </dev/null || { code=$?; "
    "echo \"the clean-up before this attempt failed with exit code $code\" >&2; exit $code; }; "
    "shift; exec \"$@\"";

}  // namespace

Result<std::vector<std::string>> shell_argv(const core::Assignment& a) {
  std::vector<std::string> argv;
  if (a.args.is_array()) {
    for (const auto& item : a.args.as_array()) {
      if (!item.is_string()) {
        return Error{Errc::usage, str("args[", argv.size(), "] is ", Json::type_name(item.type()),
                                      ", expected a string")};
      }
      if (holds_nul(item.as_string())) {
        return Error{Errc::usage, str("args[", argv.size(), "] holds a NUL byte")};
      }
      argv.push_back(item.as_string());
    }
    if (argv.empty() || argv[0].empty()) {
      return Error{Errc::usage, "args is empty: its first element names the program"};
    }
  } else {
    const std::string& run = a.def->run;
    if (run.empty()) return Error{Errc::usage, "a shell task needs `run` or `args`"};
    if (holds_nul(run)) return Error{Errc::usage, "`run` holds a NUL byte"};
    const std::string_view shell = a.def->shell.empty() ? std::string_view("sh") : a.def->shell;
    for (auto word : split(shell, ' ')) {
      if (!word.empty()) argv.emplace_back(word);
    }
    argv.emplace_back("-c");
    // A text that begins with '-' would be read as an option.
    argv.push_back(run.starts_with('-') ? str('\n', run) : run);
  }
  if (!a.before.empty()) {
    std::vector<std::string> wrapped{"/bin/sh", "-c", kBefore, "pawl-before", a.before};
    wrapped.insert(wrapped.end(), argv.begin(), argv.end());
    return wrapped;
  }
  return argv;
}

Result<std::vector<std::string>> shell_env(const core::Assignment& a, const TaskFiles& files,
                                           const std::string& program) {
  static const std::vector<std::string> base = inherited(program);
  auto env = base;
  if (a.env.is_object()) {
    for (const auto& [name, value] : a.env.as_object()) {
      if (name.empty() || name.find('=') != std::string::npos || holds_nul(name)) {
        return Error{Errc::usage, str("env: '", name, "' cannot name a variable")};
      }
      if (!value.is_string() || holds_nul(value.as_string())) {
        return Error{Errc::usage, str("env.", name, " must be a text without NUL bytes")};
      }
      put_env(env, name, value.as_string());
    }
  }
  put_env(env, "PAWL_RUN_ID", str(a.fence.run.value));
  put_env(env, "PAWL_TASK", a.path);
  put_env(env, "PAWL_ATTEMPT", str(a.fence.attempt));
  put_env(env, "PAWL_INPUT", files.input());
  put_env(env, "PAWL_OUTPUT", files.output());
  put_env(env, "PAWL_CHECKPOINT", files.checkpoint());
  put_env(env, "PAWL_EVENTS", files.events());
  if (!program.empty()) put_env(env, "PAWL_BIN", program);
  return env;
}

std::string shell_cwd(const core::Assignment& a, const TaskFiles& files) {
  const std::string& base = a.base_dir.empty() ? files.run_dir() : a.base_dir;
  if (a.cwd.empty()) return base;
  return a.cwd.starts_with('/') ? a.cwd : str(base, '/', a.cwd);
}

std::string describe_status(int status) {
  if (WIFEXITED(status)) return str("exited with code ", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* name = sigabbrev_np(signal);
  return str("killed by ", name ? str("SIG", name) : std::string("an unknown signal"), " (signal ",
             signal, WCOREDUMP(status) ? ", core dumped)" : ")");
}

std::string describe_launch_error(const LaunchError& e, std::string_view program,
                                  std::string_view cwd) {
  const std::string why = std::strerror(e.error);
  switch (e.stage) {
    case LaunchStage::cwd:
      return str("cannot start in directory '", cwd, "': ", why,
                 ". Create it in an earlier task, or correct `cwd`");
    case LaunchStage::exec:
      if (e.error == ENOENT && program.find('/') == std::string_view::npos) {
        return str("command '", program, "' not found in PATH");
      }
      if (e.error == ENOENT) {
        return str("cannot run '", program, "': no such file, or its #! line names none");
      }
      if (e.error == EACCES) return str("cannot run '", program, "': not executable (chmod +x?)");
      if (e.error == ENOEXEC) {
        return str("cannot run '", program, "': not a program, and it has no #! line");
      }
      if (e.error == E2BIG) {
        return "arguments and environment are too large for the system (one string may have "
               "128 KiB). Pass large values by PAWL_INPUT or a file";
      }
      return str("cannot run '", program, "': ", why);
    default:
      return str("cannot start a process: ", why);
  }
}

std::string encode(const ShellState& s) {
  std::string out;
  Writer w(out);
  w.u8(1);
  w.bytes(s.run_dir);
  w.bytes(s.checkpoint_stamp);
  w.bytes(s.program);
  w.bytes(s.cwd);
  w.zigzag(s.kill_after.count());
  w.zigzag(s.attempt_timeout.count());
  w.zigzag(s.heartbeat_timeout.count());
  return out;
}

std::optional<ShellState> decode_shell_state(std::string_view bytes) {
  Reader r(bytes);
  if (r.u8() != 1) return std::nullopt;
  ShellState s;
  s.run_dir = r.bytes();
  s.checkpoint_stamp = r.bytes();
  s.program = r.bytes();
  s.cwd = r.bytes();
  s.kill_after = Duration(r.zigzag());
  s.attempt_timeout = Duration(r.zigzag());
  s.heartbeat_timeout = Duration(r.zigzag());
  if (!r.ok()) return std::nullopt;
  return s;
}

void Tail::add(const std::vector<core::LogLine>& lines, core::Stream stream) {
  constexpr std::size_t kLines = 20;
  constexpr std::size_t kLongest = 4096;
  std::vector<const std::string*> last;
  for (auto it = lines.rbegin(); it != lines.rend() && last.size() < kLines; ++it) {
    if (it->stream == stream) last.push_back(&it->text);
  }
  for (auto it = last.rbegin(); it != last.rend(); ++it) {
    lines_.push_back((*it)->size() <= kLongest ? **it : to_valid_utf8((*it)->substr(0, kLongest)));
    if (lines_.size() > kLines) lines_.pop_front();
  }
}

std::string Tail::text() const {
  constexpr std::size_t kBytes = 4096;
  std::size_t from = lines_.size(), bytes = 0;
  while (from > 0 && (bytes == 0 || bytes + lines_[from - 1].size() + 1 <= kBytes)) {
    bytes += lines_[--from].size() + 1;
  }
  std::string out;
  for (; from < lines_.size(); ++from) {
    if (!out.empty()) out.push_back('\n');
    out += lines_[from];
  }
  return out;
}

}  // namespace pawl::actions
