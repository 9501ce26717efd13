#pragma once
// What the `pawl` command can do: the table that its parser, help, man page and completions read.
// A command is added here, and its code in the table of handlers; nowhere else.

#include "cli/args.h"

namespace pawl::cli {

const CommandTable& commands();

}  // namespace pawl::cli
