#pragma once
// Ask: one command as its code sees it: what was asked, where to write, and the few ways to answer.
//
// stdout carries the result and nothing else; progress and notices go to stderr, and errors are
// returned: whoever runs the command prints them. With --json the result is one document.

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cli/args.h"
#include "cli/dispatch.h"

namespace pawl::cli {

// Exit codes that are no error's own; `pawl help exit-codes` has the table.
inline constexpr int kExitProblems = 1;
inline constexpr int kExitFailed = 3;
inline constexpr int kExitInvalid = 6;
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitInterrupted = 130;

struct Ask {
  const Invocation& args;
  Io& io;

  bool json() const { return args.on("json"); }
  bool quiet() const { return args.on("quiet"); }
  void print(std::string_view text) const { io.out(text); }
  // One document, indented where people look at it.
  void print_json(const Json& value) const;
  void note(std::string_view line) const;  // stderr; nothing under --quiet
  std::string run() const { return args.args().front(); }
  bool takes(std::string_view flag) const;  // the command has that flag
  // The flag's value, or "".
  std::string text(std::string_view flag) const { return args.text(flag).value_or(""); }
};

// `hint` stands in a line of its own below the message, and apart in JSON.
Error with_hint(Error error, std::string_view hint);

// Runs a command and prints its error.
template <Result<int> (*Command)(const Ask&)>
int entry(const Invocation& invocation, Io& io) {
  auto code = Command(Ask{invocation, io});
  return code.ok() ? *code : report(code.error(), invocation.on("json"), io);
}

}  // namespace pawl::cli
