#pragma once
// Arguments: the command line of pawl-dataset, read and checked, and its help. Pure, so that tests
// need no process.

#include <string>
#include <vector>

namespace dataset {

struct Arguments {
  std::string command;  // build, resume, status, help
  std::string config;   // of build
  std::string dir;      // "" not said
  unsigned threads = 0;
  bool json = false;
  bool again = false;
  std::string error;  // not empty: what is wrong with it
};

Arguments read_arguments(const std::vector<std::string>& words);
const char* help_text();

}  // namespace dataset
