#pragma once
// The part of the command table that is about servers: up, serve, token. Apart from commands.cc
// for its length only; commands() has all of it.

#include <vector>

#include "cli/args.h"

namespace pawl::cli {

std::vector<CommandSpec> serving_commands();

}  // namespace pawl::cli
