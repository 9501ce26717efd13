// The bash script in a real bash: what it offers for a line. (Golden files hold all three scripts.)
#include "cli/completion.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"
#include "cli/commands.h"

extern char** environ;

namespace pawl::cli {
namespace {

// What bash offers behind each line's last word.
std::string offers(const std::vector<std::string>& lines) {
  TempDir dir;
  auto script = completion_script(commands(), "bash");
  script +=
      "_pawl_runs() { echo 41; echo 42; }\n"
      "t() { COMP_WORDS=(pawl \"$@\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pawl\n"
      "  echo \"${COMPREPLY[*]}\"; }\n";
  for (const auto& line : lines)
    script += str("t ", line, '\n');
  EXPECT_TRUE(write_file_atomic(dir / "script", script).ok());
  auto out = dir / "out", file = dir / "script";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  std::string name = "bash", plain = "--norc";
  char* argv[] = {name.data(), plain.data(), file.data(), nullptr};
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, "/bin/bash", &actions, nullptr, argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status & ~0x100, 0);  // the last line's answer may be 1: nothing to offer
  return *read_file(out);
}

TEST(Completion, BashOffersWhatFits) {
  if (!file_exists("/bin/bash")) GTEST_SKIP() << "no bash here";
  const std::pair<std::string, std::string> kCases[] = {
      {"ru", "run"},
      {"--col", "--color"},
      {"--color ''", "auto always never"},
      {"--color always l", "ls logs"},
      {"run --pro", "--progress"},
      {"run --progress p", "plain"},
      {"run --progress = p", "plain"},  // as bash cuts --progress=p
      {"run --name ''", ""},
      {"ls --limit ''", ""},
      {"-q ls --state f", "failed"},
      {"show ''", "41 42"},
      {"logs --tail 5 4", "41 42"},
      {"logs 41 ''", ""},
      {"wait 41 4", "41 42"},
      {"graph -o d", "dot"},
      {"completion ''", "bash zsh fish"},
      {"help exit", "exit-codes"},
      {"emit p", "progress"},
      {"validate READ", "README.md"},
  };
  std::vector<std::string> lines;
  std::string expected;
  for (const auto& [line, offer] : kCases) {
    lines.push_back(line);
    expected += offer + '\n';
  }
  EXPECT_EQ(offers(lines), expected);
}

}  // namespace
}  // namespace pawl::cli
