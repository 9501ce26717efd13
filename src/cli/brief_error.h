#pragma once
// A task's error in one line. Messages of processes begin "exited with code 1; last lines of
// stderr:" and go on with those lines: of them the last says most, and the announcement says
// nothing.

#include <string>
#include <string_view>

namespace pawl::cli {

std::string brief_error(std::string_view message);  // cleaned
// The part that is not the task's own output.
std::string cause_of(std::string_view message);  // cleaned

}  // namespace pawl::cli
