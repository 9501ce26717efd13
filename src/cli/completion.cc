#include "cli/completion.h"

#include "base/text.h"

namespace pawl::cli {

namespace {

std::string words_of(std::string_view choices) { return join(choices_of(choices), " "); }

std::string command_names(const CommandTable& table) {
  std::vector<std::string> names;
  for (const auto& command : table.commands) names.emplace_back(command.name);
  return join(names, " ");
}

std::string help_names(const CommandTable& table) {
  auto names = command_names(table);
  for (const auto& topic : table.topics) names += str(' ', topic.name);
  return names;
}

bool takes_value(const FlagSpec& flag) { return flag.kind != FlagKind::toggle; }

bool takes_path(const FlagSpec& flag) {
  return flag.value == "FILE" || flag.value == "DIR" || flag.value == "FILE|-";
}

// 'text' for a shell; ours has no quotes in it but in summaries.
std::string quote(std::string_view text) {
  std::string out = "'";
  for (auto c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
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

// A `case` branch a flag whose value can be offered.
std::string bash_values(const std::vector<FlagSpec>& flags, std::string_view command) {
  std::string out;
  for (const auto& flag : flags) {
    if (!takes_value(flag)) continue;
    std::string pattern;
    for (const auto& shown : {str("--", flag.name), flag.letter ? str('-', flag.letter) : ""}) {
      if (!shown.empty()) pattern += str(pattern.empty() ? "" : "|", command, ' ', shown);
    }
    auto reply = takes_path(flag)        ? std::string("compgen -f -- \"$word\"")
                 : flag.choices.empty() ? std::string("")
                                        : str("compgen -W ", quote(words_of(flag.choices)),
                                              " -- \"$word\"");
    // Without an offer the branch still stands: after `--limit` no file name is meant.
    auto body = reply.empty() ? "COMPREPLY=()" : str("mapfile -t COMPREPLY < <(", reply, ")");
    for (std::size_t at = 0; (at = pattern.find(str(command, ' '), at)) != std::string::npos;) {
      pattern.replace(at, command.size() + 1, str(quote(command), "\\ "));
      at += command.size() + 4;
    }
    out += str("    ", pattern, ") ", body, "; return ;;\n");
  }
  return out;
}

std::string bash_arg(const CommandTable& table, const ArgSpec& arg) {
  switch (arg.complete) {
    case Complete::nothing: return "";
    case Complete::file: return "compgen -f -- \"$word\"";
    case Complete::run: return str("compgen -W \"$(_", table.program, "_runs)\" -- \"$word\"");
    case Complete::command:
      return str("compgen -W ", quote(help_names(table)), " -- \"$word\"");
    case Complete::choice:
      return str("compgen -W ", quote(words_of(arg.choices)), " -- \"$word\"");
  }
  return "";
}

std::string bash_script(const CommandTable& table) {
  auto p = table.program;
  auto out = str("# bash completion for ", p, "; made by: ", p, " completion bash\n_", p,
                 "_runs() { timeout 0.3 ", p, " ls -q --limit 50 2>/dev/null; }\n_", p,
                 "() {\n  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "  local command='' place=0 i\n  COMPREPLY=()\n"
                 "  # The command is the first word that is no flag, and no value of a global flag.\n"
                 "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n");
  std::string with_value;
  for (const auto& flag : table.flags) {
    if (takes_value(flag)) with_value += str(with_value.empty() ? "" : "|", "--", flag.name);
  }
  out += str("      ", with_value, ") ((i++)) ;;\n      -*) ;;\n"
             "      *) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; else ((place++)); fi ;;\n"
             "    esac\n  done\n  case \"$command $before\" in\n");
  for (const auto& command : table.commands) out += bash_values(command.flags, command.name);
  for (const auto& flag : table.flags) {
    if (!takes_value(flag)) continue;
    auto body = takes_path(flag)        ? std::string("mapfile -t COMPREPLY < <(compgen -f -- \"$word\")")
                : flag.choices.empty() ? std::string("COMPREPLY=()")
                                       : str("mapfile -t COMPREPLY < <(compgen -W ",
                                             quote(words_of(flag.choices)), " -- \"$word\")");
    out += str("    *\\ --", flag.name, ") ", body, "; return ;;\n");
  }
  out += str("  esac\n  if [ -z \"$command\" ]; then\n    mapfile -t COMPREPLY < <(compgen -W ",
             quote(str(command_names(table), ' ', bash_flags(table.flags), " --help --version")),
             " -- \"$word\")\n    return\n  fi\n  case $word in -*)\n    local flags=''\n"
             "    case $command in\n");
  for (const auto& command : table.commands) {
    if (!command.flags.empty()) {
      out += str("      ", command.name, ") flags=", quote(bash_flags(command.flags)), " ;;\n");
    }
  }
  out += str("    esac\n    mapfile -t COMPREPLY < <(compgen -W \"$flags ", bash_flags(table.flags),
             " --help\" -- \"$word\")\n    return ;;\n  esac\n  case $command in\n");
  for (const auto& command : table.commands) {
    if (command.args.empty()) continue;
    // Arguments differ by place only where the first is a run and the second its task.
    auto offer = bash_arg(table, command.args[0]);
    if (offer.empty()) continue;
    auto many = command.args.back().many || command.args.size() > 1;
    auto guard = many && command.args.size() == 1 ? "" : "[ $place -eq 0 ] && ";
    out += str("    ", command.name, ") ", guard, "mapfile -t COMPREPLY < <(", offer, ") ;;\n");
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
    case Complete::nothing: action = " "; break;
    case Complete::file: action = "_files"; break;
    case Complete::run: action = str('_', table.program, "_runs"); break;
    case Complete::command: action = str('(', help_names(table), ')'); break;
    case Complete::choice: action = str('(', words_of(arg.choices), ')'); break;
  }
  auto place = arg.many ? "*" : arg.optional ? ":" : "";
  return str(" \\\n        ", quote(str(place, ':', lower(arg.name), ':', action)));
}

std::string zsh_script(const CommandTable& table) {
  auto p = table.program;
  auto out = str("#compdef ", p, "\n# zsh completion for ", p, "; made by: ", p, " completion zsh\n_", p,
                 "_runs() {\n  local -a runs\n  runs=(${(f)\"$(timeout 0.3 ", p,
                 " ls -q --limit 50 2>/dev/null)\"})\n  compadd -a runs\n}\n_", p,
                 "() {\n  local curcontext=$curcontext state line\n  typeset -A opt_args\n"
                 "  _arguments -C");
  for (const auto& flag : table.flags) out += zsh_flag(flag);
  out += str(" \\\n        '(- *)--help[show help]' \\\n        '(- *)--version[print the version]'"
             " \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n"
             "  case $state in\n    command)\n      local -a commands=(\n");
  for (const auto& command : table.commands) {
    out += str("        ", quote(str(command.name, ':', zsh_text(command.summary))), '\n');
  }
  out += "      )\n      _describe command commands ;;\n    argument)\n      case $words[1] in\n";
  for (const auto& command : table.commands) {
    out += str("        ", command.name, ") _arguments");
    for (const auto& flag : command.flags) out += zsh_flag(flag);
    for (const auto& flag : table.flags) out += zsh_flag(flag);
    for (const auto& arg : command.args) out += zsh_arg(table, arg);
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
  for (const auto& flag : table.flags) out += fish_flag(p, flag, "");
  out += str("complete -c ", p, " -l help -s h -d 'show help'\ncomplete -c ", p,
             " -l version -s V -d 'print the version'\n");
  for (const auto& command : table.commands) {
    out += str("complete -c ", p, " -n __fish_use_subcommand -a ", command.name, " -d ",
               quote(command.summary), '\n');
  }
  for (const auto& command : table.commands) {
    auto condition = str(" -n '__fish_seen_subcommand_from ", command.name, '\'');
    for (const auto& flag : command.flags) out += fish_flag(p, flag, condition);
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
