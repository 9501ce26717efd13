#pragma once
// Trace: a line for each thing that costs (a sensor analysed), appended to the file that
// PAWL_MANUFACTURING_TRACE names. It outlives a kill, and so shows what was done twice.
// Thread-safe.
//
// PAWL_MANUFACTURING_STRIKE, such as "detect_outliers 90", kills this process (SIGKILL) as soon as
// it has written so many lines of a kind: tests of what a kill leaves behind strike exactly there.

#include <string_view>

namespace manufacturing {

void trace(std::string_view what, std::string_view name);

}  // namespace manufacturing
