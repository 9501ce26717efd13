#pragma once
// The part of the command table that is about servers: up, serve, token, api. Apart from
// commands.cc for its length only; commands() has all of it.

#include <vector>

#include "cli/args.h"

namespace pawl::cli {

std::vector<CommandSpec> serving_commands();
// --server and --token-file, of commands that can ask a server.
std::vector<FlagSpec> server_access_flags();

}  // namespace pawl::cli
