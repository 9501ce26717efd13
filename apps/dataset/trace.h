#pragma once
// Trace: a line for each thing that costs (a download, a decoding), appended to the file that
// PAWL_DATASET_TRACE names. It outlives a kill, and so shows what was done twice. Thread-safe.
//
// PAWL_DATASET_STRIKE, such as "decode 90 9", sends this process a signal as soon as it has written
// so many lines of a kind: tests of what a kill leaves behind strike at an exact point.

#include <string_view>

namespace dataset {

void trace(std::string_view what, std::string_view name);

}  // namespace dataset
