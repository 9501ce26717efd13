#pragma once
// Help from the table: the overview, a command's short and full help, topics, the man page. Text
// only; its width and colour are the terminal's, so that golden files can hold it at 80 and at 40
// columns.

#include <optional>
#include <string>
#include <string_view>

#include "cli/args.h"
#include "cli/term.h"

namespace pawl::cli {

// What the program is, three examples, every command. `full` adds the global flags and the topics.
std::string overview(const CommandTable& table, const Term& term, bool full);
// Examples first, then usage and flags: the common ones, or all of them, with details.
std::string command_help(const CommandTable& table, const CommandSpec& command, const Term& term,
                         bool full);
// `pawl help NAME`: a topic or a command. Error: usage, with the nearest name.
Result<std::string> help_on(const CommandTable& table, std::string_view name, const Term& term);
// roff for man(1).
std::string man_page(const CommandTable& table, std::string_view version);

}  // namespace pawl::cli
