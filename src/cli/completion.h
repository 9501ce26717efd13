#pragma once
// Completion scripts for bash, zsh and fish, written out of the command table: commands, their
// flags, the choices of a flag, files where a file is meant, and the ids of recent runs (`pawl ls
// -q`, given three tenths of a second, silent on errors) where a run is.

#include <string>
#include <string_view>

#include "cli/args.h"

namespace pawl::cli {

// REQUIRES: shell is bash, zsh or fish.
std::string completion_script(const CommandTable& table, std::string_view shell);

}  // namespace pawl::cli
