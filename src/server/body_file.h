#pragma once
// A file without a name: for the body of one request, which is gone when nobody has it open any
// more, also after a crash.

#include <string>

#include "base/fs.h"

namespace pawl::server {

// Open for reading and writing. False inside: it cannot be made there, errno says why.
UniqueFd make_body_file(const std::string& folder);
// The whole of it.
Result<std::string> read_body_file(const UniqueFd& file);

}  // namespace pawl::server
