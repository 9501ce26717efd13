#pragma once
// Trace: a line for each thing that costs (a download, a decoding), appended to the file that
// PAWL_APP_TRACE names. It outlives a kill, and so shows what was done twice. Thread-safe.
//
// PAWL_APP_STRIKE, such as "decode 90", kills this process (SIGKILL) as soon as it has written so
// many lines of a kind; a third word is another signal. Tests of what a kill leaves behind strike
// at an exact point by it.

#include <string_view>

namespace apps {

void trace(std::string_view what, std::string_view name);

}  // namespace apps
