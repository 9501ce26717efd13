#pragma once
// Arguments: what the command line of pawl-manufacturing says. Pure: text in, a struct or an error
// out; program.cc carries it out.

#include <pawl/status.h>

#include <cstdint>
#include <string>
#include <vector>

namespace manufacturing {

struct Arguments {
  std::string command;  // serve, analyze, dag, help
  std::string file;     // analyze, dag
  std::string dir;
  std::string dag;  // "" the built-in one
  std::string address = "127.0.0.1";
  std::uint16_t port = 8790;
  std::vector<std::string> hosts;
  std::string url_file;  // where serve writes its address
  std::string sensors = "all";
  std::size_t max_body = 256u << 20;
  unsigned threads = 0, keep_days = 365;
};

// Error: invalid.
pawl::Result<Arguments> read_arguments(const std::vector<std::string>& words);
const char* usage();

}  // namespace manufacturing
