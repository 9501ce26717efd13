#pragma once
// Trace: a line for each thing that costs (a download, a decoding), appended to the file that
// PAWL_DATASET_TRACE names. It outlives a kill, and so shows what was done twice. Thread-safe.

#include <string_view>

namespace dataset {

void trace(std::string_view what, std::string_view name);

}  // namespace dataset
