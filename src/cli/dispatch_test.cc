// The command line end to end, in process: help, errors, completions, held by golden files.
#include "cli/dispatch.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/golden_testing.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"

namespace pawl::cli {
namespace {

struct Outcome {
  int exit;
  std::string out;
  std::string err;
};

int print_args(const Invocation& invocation, Io& io) {
  io.out(join(invocation.args(), ",") + '\n');
  return 3;
}

Outcome run(const std::vector<std::string>& words, const char* events = nullptr) {
  TempDir dir;
  UniqueFd out(open((dir / "out").c_str(), O_WRONLY | O_CREAT, 0600));
  UniqueFd err(open((dir / "err").c_str(), O_WRONLY | O_CREAT, 0600));
  Io io(out.get(), err.get(), [&](const char* name) -> const char* {
    return std::string_view(name) == "PAWL_EVENTS" ? events : nullptr;
  });
  auto code = run_command_line(words, {{"show", print_args}}, io);
  return {code, *read_file(dir / "out"), *read_file(dir / "err")};
}

TEST(CommandTable, IsConsistent) {
  std::vector<std::string_view> names;
  for (const auto& command : commands().commands) {
    EXPECT_EQ(std::count(names.begin(), names.end(), command.name), 0) << command.name;
    names.push_back(command.name);
    EXPECT_FALSE(command.summary.empty() || command.summary.ends_with('.')) << command.name;
    EXPECT_GE(command.examples.size(), 1u) << command.name;
    std::vector<std::string> seen;
    auto flags = command.flags;
    flags.insert(flags.end(), commands().flags.begin(), commands().flags.end());
    for (const auto& flag : flags) {
      for (const auto& spelling :
           {std::string(flag.name), std::string(flag.letter ? 1 : 0, flag.letter)}) {
        if (spelling.empty()) continue;
        EXPECT_EQ(std::count(seen.begin(), seen.end(), spelling), 0)
            << command.name << " has two of " << spelling;
        EXPECT_NE(spelling, "h");
        EXPECT_NE(spelling, "V");
        seen.push_back(spelling);
      }
      EXPECT_FALSE(flag.help.empty()) << flag.name;
      EXPECT_EQ(flag.value.empty(), flag.kind == FlagKind::toggle) << flag.name;
      EXPECT_EQ(flag.choices.empty(), flag.kind != FlagKind::choice) << flag.name;
    }
    for (std::size_t i = 0; i + 1 < command.args.size(); i++)
      EXPECT_FALSE(command.args[i].many);
  }
}

// An example that does not parse would teach a mistake.
TEST(CommandTable, EveryExampleParses) {
  auto check = [](const Example& example) {
    std::vector<std::string> words;
    std::string word;
    bool quoted = false;
    auto line = std::string(example.line.substr(0, example.line.find_first_of("|>")));
    if (line.starts_with("source <(")) line = line.substr(9, line.size() - 10);
    for (char c : line + ' ') {
      if (c == '\'') {
        quoted = !quoted;
      } else if (c == ' ' && !quoted) {
        if (!word.empty()) words.push_back(word);
        word.clear();
      } else {
        word += c;
      }
    }
    ASSERT_GE(words.size(), 2u) << example.line;
    EXPECT_EQ(words[0], "pawl") << example.line;
    words.erase(words.begin());
    auto parsed = parse_args(commands(), words);
    EXPECT_TRUE(parsed.ok()) << example.line << "\n" << (parsed.ok() ? "" : parsed.error().message);
  };
  for (const auto& example : commands().examples)
    check(example);
  for (const auto& command : commands().commands) {
    for (const auto& example : command.examples) {
      if (example.line != "source <(pawl completion bash)") check(example);
    }
  }
}

TEST(Help, LooksLikeThis) {
  for (int width : {80, 40}) {
    Term term{.tty = true, .width = width, .utf8 = true};
    auto golden = [&](std::string_view name, std::string_view text) {
      expect_golden(str("cli/help-", name, '-', width, ".txt"), text);
    };
    golden("overview", overview(commands(), term, false));
    golden("overview-full", overview(commands(), term, true));
    for (const char* topic : {"exit-codes", "environment"}) {
      golden(topic, *help_on(commands(), topic, term));
    }
    for (const char* name : {"run", "ls", "recover", "emit", "doctor"}) {
      const auto& command = *commands().find(name);
      golden(name, command_help(commands(), command, term, false));
      golden(str(name, "-full"), command_help(commands(), command, term, true));
    }
  }
  expect_golden("cli/help-color.txt",
                command_help(commands(), *commands().find("logs"), {.color = true}, false));
  expect_golden("cli/man.txt", man_page(commands(), "0.0.0"));
}

TEST(Help, FitsEightyColumnsButForExamples) {
  for (const auto& command : commands().commands) {
    auto text = command_help(commands(), command, {}, true);
    for (auto line : split(text, '\n')) {
      if (line.starts_with("  pawl ")) continue;
      EXPECT_LE(display_width(line), 80u) << line;
    }
  }
}

TEST(Completion, ScriptsComeFromTheTable) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    auto script = run({"completion", shell});
    EXPECT_EQ(script.exit, 0);
    expect_golden(str("cli/completion.", shell), script.out);
    for (const auto& command : commands().commands) {
      EXPECT_NE(script.out.find(command.name), std::string::npos) << shell << ' ' << command.name;
    }
  }
}

TEST(Dispatch, AnswersHelpAndVersionItself) {
  EXPECT_EQ(run({}).out, overview(commands(), {}, false));
  EXPECT_EQ(run({}).exit, 0);
  EXPECT_EQ(run({"--help"}).out, overview(commands(), {}, true));
  EXPECT_EQ(run({"help"}).out, overview(commands(), {}, true));
  EXPECT_EQ(run({"run", "-h"}).out, command_help(commands(), *commands().find("run"), {}, false));
  EXPECT_EQ(run({"help", "run"}).out, command_help(commands(), *commands().find("run"), {}, true));
  EXPECT_EQ(run({"help", "--man"}).out, man_page(commands(), PAWL_VERSION));
  EXPECT_EQ(run({"--version"}).out, str("pawl ", PAWL_VERSION, '\n'));
  EXPECT_EQ(Json::parse(run({"version", "--json"}).out)->dump(),
            str("{\"name\":\"pawl\",\"version\":\"", PAWL_VERSION, "\"}"));
  auto coloured = run({"--color", "always", "run", "-h"});
  EXPECT_NE(coloured.out.find("\x1b[1mExamples\x1b[0m"), std::string::npos);
}

TEST(Dispatch, UsageErrorsExitTwo) {
  auto outcome = run({"rnu"});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "error: there is no command 'rnu'\n  did you mean: pawl run?\n  help: pawl -h\n");
  auto json = run({"recover", "41", "--json"});
  EXPECT_EQ(json.exit, 2);
  EXPECT_EQ(json.err,
            "{\"error\":{\"code\":\"usage\",\"message\":\"pawl recover needs --from TASK\\n  "
            "help: pawl recover -h\",\"exit_code\":2}}\n");
  EXPECT_EQ(
      run({"help", "exit-code"}).err,
      "error: there is no help on 'exit-code'\n  did you mean: pawl help exit-codes?\n  help: any "
      "command, or exit-codes, environment\n");
  EXPECT_EQ(run({"\x1b[2Jrun"}).err.find('\x1b'), std::string::npos);
}

TEST(Dispatch, CallsTheHandler) {
  auto outcome = run({"show", "41"});
  EXPECT_EQ(outcome.exit, 3);
  EXPECT_EQ(outcome.out, "41\n");
  auto missing = run({"ls"});
  EXPECT_EQ(missing.exit, 70);
  EXPECT_EQ(missing.err, "error: this build has no code for `pawl ls`\n");
}

TEST(Dispatch, EmitWritesWhereTheTaskReads) {
  TempDir dir;
  auto path = dir / "events";
  EXPECT_EQ(run({"emit", "metric", "loss=0.31"}, path.c_str()).exit, 0);
  EXPECT_EQ(run({"emit", "progress", "3/10", "--unit", "epoch"}, path.c_str()).exit, 0);
  EXPECT_EQ(*read_file(path),
            "{\"metric\":{\"loss\":0.31}}\n"
            "{\"progress\":{\"current\":3,\"total\":10,\"unit\":\"epoch\"}}\n");
  auto outside = run({"emit", "metric", "loss=0.31"});
  EXPECT_EQ(outside.exit, 2);
  EXPECT_EQ(outside.err,
            "error: PAWL_EVENTS is not set: `pawl emit` reports from inside a task\n"
            "  to try it: PAWL_EVENTS=/dev/stdout pawl emit ...\n");
  EXPECT_EQ(run({"emit", "metrics", "a=1"}, path.c_str()).err,
            "error: pawl emit KIND: found 'metrics', expected one of progress, metric, warning, "
            "failure-class, checkpoint\n  did you mean: metric?\n  help: pawl emit -h\n");
}

}  // namespace
}  // namespace pawl::cli
