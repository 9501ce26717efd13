#pragma once
// The command line as one table. A command says its name, arguments, flags and examples once;
// parsing,
// `-h`, `--help`, "did you mean", the man page and the shells' completions all read that table, so
// none of them can drift from the others (docs/decisions/ has the record, with what was rejected).
//
// Values are checked while parsing: a command that gets an Invocation can trust what it asks for.
// Flags are `--flag value`, `--flag=value`, `-f value`, `-fvalue`, and single letters in a bunch
// (`-qv`); arguments and flags mix freely, `--` ends the flags, a lone `-` is an argument (stdin).
// Where a flag that takes one value is given twice, the last one holds.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace pawl::cli {

enum class FlagKind {
  toggle,    // there or not
  text,      //
  integer,   // 0 or more
  duration,  // 30s, 10m, 1h30m
  choice,    // one of `choices`
  pair,      // KEY=VALUE
};

struct FlagSpec {
  std::string_view name;  // without its dashes
  char letter = 0;        // the short form, if any
  FlagKind kind = FlagKind::toggle;
  std::string_view value = {};     // what help calls its value: FILE, N, KEY=VALUE
  std::string_view help = {};      // begins in lower case, no full stop
  std::string_view fallback = {};  // the value where the flag is absent
  std::string_view choices = {};   // "auto|always|never"
  bool repeat = false;             // may be given many times, every value counts
  bool common = false;             // `-h` shows it, not only `--help`
  bool required = false;
};

// What a shell offers when it completes a value.
enum class Complete { nothing, file, run, command, choice };

struct ArgSpec {
  std::string_view name;  // upper case: RUN, FILE
  bool optional = false;
  bool many = false;  // takes all that follow; only the last argument can
  Complete complete = Complete::nothing;
  std::string_view choices = {};  // of Complete::choice
};

struct Example {
  std::string_view line;
  std::string_view what;
};

struct CommandSpec {
  std::string_view name;
  std::string_view summary;  // begins in lower case, no full stop
  std::string_view group;    // the heading of the overview that it stands under
  std::vector<ArgSpec> args = {};
  std::vector<FlagSpec> flags = {};
  std::vector<Example> examples = {};
  std::string_view details = {};  // paragraphs for `--help`, parted by an empty line
};

struct Topic {
  std::string_view name;  // pawl help NAME
  std::string_view summary;
  std::string_view text;  // lines "term  meaning" are set as a list, others as paragraphs
};

struct CommandTable {
  std::string_view program;
  std::string_view summary;
  std::vector<Example> examples;
  std::vector<CommandSpec> commands;
  std::vector<FlagSpec> flags;  // global: before or after the command
  std::vector<Topic> topics;

  const CommandSpec* find(std::string_view command) const;
};

// What was asked for.
class Invocation {
 public:
  enum class Want { command, short_help, full_help, version };
  Want want = Want::command;
  const CommandSpec* command = nullptr;  // nullptr: help or version of the whole program

  // Everything that is no flag, in order.
  const std::vector<std::string>& args() const { return args_; }
  // The argument of that name, or nullopt where it was left out. Of a `many`, the first.
  std::optional<std::string> arg(std::string_view name) const;

  // Flags by long name. REQUIRES (each): the command, or the program, has that flag, of that kind.
  bool given(std::string_view flag) const;
  bool on(std::string_view flag) const { return given(flag); }
  // The value, else the fallback, else nullopt.
  std::optional<std::string> text(std::string_view flag) const;
  std::optional<std::int64_t> integer(std::string_view flag) const;
  std::optional<Duration> duration(std::string_view flag) const;
  std::vector<std::string> all(std::string_view flag) const;
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view flag) const;

 private:
  friend class ArgParser;
  const FlagSpec& spec(std::string_view flag) const;

  const CommandTable* table_ = nullptr;
  std::vector<std::string> args_;
  std::vector<std::pair<const FlagSpec*, std::string>> values_;
};

// REQUIRES: the table outlives the invocation. Error: Errc::usage; the message's first line says
// what is wrong, the lines after it how to put it right.
Result<Invocation> parse_args(const CommandTable& table, const std::vector<std::string>& words);

// "run FILE [flags]"
std::string usage_line(const CommandSpec& command);
// The choices of "a|b|c".
std::vector<std::string> choices_of(std::string_view choices);

}  // namespace pawl::cli
