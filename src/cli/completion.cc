#include "cli/completion.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::cli {

namespace {

std::string words_of(std::string_view choices) { return join(choices_of(choices), " "); }

std::string command_names(const CommandTable& table) {
  std::vector<std::string> names;
  for (const auto& command : table.commands)
    names.emplace_back(command.name);
  return join(names, " ");
}

std::string help_names(const CommandTable& table) {
  auto names = command_names(table);
  for (const auto& topic : table.topics)
    names += str(' ', topic.name);
  return names;
}

bool takes_value(const FlagSpec& flag) { return flag.kind != FlagKind::toggle; }

bool takes_path(const FlagSpec& flag) {
  return flag.value == "FILE" || flag.value == "DIR" || flag.value == "FILE|-";
}

// 'text' for a shell; ours has no quotes in it but in summaries.
std::string quote(std::string_view text) {
  std::string out = "'";
  for (auto c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

// -- bash

// "--flag -f" of each flag.
std::string bash_flags(const std::vector<FlagSpec>& flags) {
  std::string out;
  for (const auto& flag : flags) {
    out += str(out.empty() ? "" : " ", "--", flag.name);
    if (flag.letter) out += str(" -", flag.letter);
  }
  return out;
}

// "prefix--flag"|"prefix-f", for a `case`.
std::string bash_pattern(const FlagSpec& flag, std::string_view prefix) {
  auto out = str('"', prefix, "--", flag.name, '"');
  if (flag.letter) out += str("|\"", prefix, '-', flag.letter, '"');
  return out;
}

// Sets COMPREPLY to those of `words` (compgen's arguments) that the word begins.
std::string bash_reply(std::string_view words) {
  return str("mapfile -t COMPREPLY < <(compgen ", words, " -- \"$word\")");
}

// A `case` branch for each flag with a value. Where nothing can be offered the branch still stands:
// after `--limit` no file name is meant.
std::string bash_values(const std::vector<FlagSpec>& flags, std::string_view prefix) {
  std::string out, silent;
  for (const auto& flag : flags) {
    if (!takes_value(flag)) continue;
    if (!takes_path(flag) && flag.choices.empty()) {
      silent += str(silent.empty() ? "" : "|", bash_pattern(flag, prefix));
      continue;
    }
    auto words = takes_path(flag) ? std::string("-f") : "-W " + quote(words_of(flag.choices));
    out += str("    ", bash_pattern(flag, prefix), ")\n      ", bash_reply(words),
               "\n      return ;;\n");
  }
  if (!silent.empty()) out += str("    ", silent, ") return ;;\n");
  return out;
}

// Every flag of the program that takes a value: the word after it is no argument.
std::string bash_flags_with_value(const CommandTable& table) {
  std::vector<std::string> patterns;
  auto add = [&](const std::vector<FlagSpec>& flags) {
    for (const auto& flag : flags) {
      auto pattern = bash_pattern(flag, "");
      if (!takes_value(flag) ||
          std::find(patterns.begin(), patterns.end(), pattern) != patterns.end()) {
        continue;
      }
      patterns.push_back(pattern);
    }
  };
  add(table.flags);
  for (const auto& command : table.commands)
    add(command.flags);
  return join(patterns, "|");
}

// compgen's arguments for an argument of a command.
std::string bash_arg(const CommandTable& table, const ArgSpec& arg) {
  switch (arg.complete) {
    case Complete::nothing:
      return "";
    case Complete::file:
      return "-f";
    case Complete::run:
      return str("-W \"$(_", table.program, "_runs)\"");
    case Complete::command:
      return "-W " + quote(help_names(table));
    case Complete::choice:
      return "-W " + quote(words_of(arg.choices));
  }
  return "";
}

std::string bash_script(const CommandTable& table) {
  auto p = table.program;
  auto globals = bash_flags(table.flags);
  auto out = str("# bash completion for ", p, "; made by: ", p, " completion bash\n_", p,
                 "_runs() { timeout 0.3 ", p, " ls -q --limit 50 2>/dev/null; }\n_", p, "() {\n",
                 R"(  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command='' place=0 i
  COMPREPLY=()
  # Bash makes three words of --flag=value.
  if [ "$word" = = ]; then
    word=''
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  # The command is the first word that is neither a flag nor a flag's value; arguments follow.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      =) ((i++)) ;;
      )",
                 bash_flags_with_value(table), R"()
        [ "${COMP_WORDS[i+1]}" = = ] || ((i++)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((place++)); fi ;;
    esac
  done
  case "$command $before" in
)");
  for (const auto& command : table.commands) {
    out += bash_values(command.flags, str(command.name, ' '));
  }
  out += "  esac\n  case $before in\n" + bash_values(table.flags, "");
  out +=
      str("  esac\n  if [ -z \"$command\" ]; then\n    ",
          bash_reply("-W " + quote(str(command_names(table), ' ', globals, " --help --version"))),
          "\n    return\n  fi\n  case $word in -*)\n    local flags=''\n    case $command in\n");
  for (const auto& command : table.commands) {
    if (command.flags.empty()) continue;
    out += str("      ", command.name, ") flags=", quote(bash_flags(command.flags)), " ;;\n");
  }
  out += str("    esac\n    ", bash_reply(str("-W \"$flags ", globals, " --help\"")),
             "\n    return ;;\n  esac\n  case $command in\n");
  for (const auto& command : table.commands) {
    auto offer = command.args.empty() ? "" : bash_arg(table, command.args[0]);
    if (offer.empty()) continue;
    // Only the first argument can be offered; a task's name, say, would take a look into the run.
    auto guard = command.args[0].many ? "" : "[ $place -eq 0 ] && ";
    out += str("    ", command.name, ") ", guard, bash_reply(offer), " ;;\n");
  }
  return out + str("  esac\n}\ncomplete -o filenames -F _", p, ' ', p, '\n');
}

// -- zsh

// In an _arguments specification brackets and colons carry meaning.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (auto c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_flag(const FlagSpec& flag) {
  auto many = flag.repeat ? "*" : "";
  std::string value;
  if (takes_value(flag)) {
    value = str(':', zsh_text(lower(flag.value)), ':');
    if (takes_path(flag)) value += "_files";
    if (!flag.choices.empty()) value += str('(', words_of(flag.choices), ')');
  }
  std::string out;
  for (const auto& shown : {str("--", flag.name), flag.letter ? str('-', flag.letter) : ""}) {
    if (shown.empty()) continue;
    out += str(" \\\n        ",
               quote(str(many, shown, takes_value(flag) && shown.size() > 2 ? "=" : "", '[',
                         zsh_text(flag.help), ']', value)));
  }
  return out;
}

std::string zsh_arg(const CommandTable& table, const ArgSpec& arg) {
  std::string action;
  switch (arg.complete) {
    case Complete::nothing:
      action = " ";
      break;
    case Complete::file:
      action = "_files";
      break;
    case Complete::run:
      action = str('_', table.program, "_runs");
      break;
    case Complete::command:
      action = str('(', help_names(table), ')');
      break;
    case Complete::choice:
      action = str('(', words_of(arg.choices), ')');
      break;
  }
  auto place = arg.many ? "*" : arg.optional ? ":" : "";
  return str(" \\\n        ", quote(str(place, ':', lower(arg.name), ':', action)));
}

std::string zsh_script(const CommandTable& table) {
  auto p = table.program;
  auto out =
      str("#compdef ", p, "\n# zsh completion for ", p, "; made by: ", p, " completion zsh\n_", p,
          "_runs() {\n  local -a runs\n  runs=(${(f)\"$(timeout 0.3 ", p,
          " ls -q --limit 50 2>/dev/null)\"})\n  compadd -a runs\n}\n_", p,
          "() {\n  local curcontext=$curcontext state line\n  typeset -A opt_args\n"
          "  _arguments -C");
  for (const auto& flag : table.flags)
    out += zsh_flag(flag);
  out +=
      str(" \\\n        '(- *)--help[show help]' \\\n        '(- *)--version[print the version]'"
          " \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n"
          "  case $state in\n    command)\n      local -a commands=(\n");
  for (const auto& command : table.commands) {
    out += str("        ", quote(str(command.name, ':', zsh_text(command.summary))), '\n');
  }
  out += "      )\n      _describe command commands ;;\n    argument)\n      case $words[1] in\n";
  for (const auto& command : table.commands) {
    out += str("        ", command.name, ") _arguments");
    for (const auto& flag : command.flags)
      out += zsh_flag(flag);
    for (const auto& flag : table.flags)
      out += zsh_flag(flag);
    for (const auto& arg : command.args)
      out += zsh_arg(table, arg);
    out += " ;;\n";
  }
  return out + str("      esac ;;\n  esac\n}\n_", p, " \"$@\"\n");
}

// -- fish

std::string fish_flag(std::string_view program, const FlagSpec& flag, std::string_view condition) {
  auto out = str("complete -c ", program, condition, " -l ", flag.name);
  if (flag.letter) out += str(" -s ", flag.letter);
  if (takes_value(flag)) out += takes_path(flag) ? " -rF" : " -x";
  if (!flag.choices.empty()) out += str(" -a ", quote(words_of(flag.choices)));
  return out + str(" -d ", quote(flag.help), '\n');
}

std::string fish_script(const CommandTable& table) {
  auto p = table.program;
  auto out = str("# fish completion for ", p, "; made by: ", p, " completion fish\ncomplete -c ", p,
                 " -f\n");
  for (const auto& flag : table.flags)
    out += fish_flag(p, flag, "");
  out += str("complete -c ", p, " -l help -s h -d 'show help'\ncomplete -c ", p,
             " -l version -s V -d 'print the version'\n");
  for (const auto& command : table.commands) {
    out += str("complete -c ", p, " -n __fish_use_subcommand -a ", command.name, " -d ",
               quote(command.summary), '\n');
  }
  for (const auto& command : table.commands) {
    auto condition = str(" -n '__fish_seen_subcommand_from ", command.name, '\'');
    for (const auto& flag : command.flags)
      out += fish_flag(p, flag, condition);
    if (command.args.empty()) continue;
    const auto& arg = command.args[0];
    std::string offer;
    if (arg.complete == Complete::file) offer = " -F";
    if (arg.complete == Complete::choice) offer = str(" -a ", quote(words_of(arg.choices)));
    if (arg.complete == Complete::command) offer = str(" -a ", quote(help_names(table)));
    if (arg.complete == Complete::run) {
      offer = str(" -a ", quote(str("(timeout 0.3 ", p, " ls -q --limit 50 2>/dev/null)")));
    }
    if (!offer.empty()) out += str("complete -c ", p, condition, offer, '\n');
  }
  return out;
}

}  // namespace

std::string completion_script(const CommandTable& table, std::string_view shell) {
  if (shell == "bash") return bash_script(table);
  if (shell == "zsh") return zsh_script(table);
  PAWL_ASSERT(shell == "fish");
  return fish_script(table);
}

}  // namespace pawl::cli
