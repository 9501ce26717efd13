#pragma once
// Secrets of a single machine: DATA/secrets/NAME, a file that only its owner can read, else the
// variable PAWL_SECRET_NAME (upper case, '-' as '_'). Never a flag: a flag's value shows in `ps`.

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/term.h"

namespace pawl::cli {

// Error: not_found, which says where a secret of that name would be looked for.
Result<std::string> find_secret(const std::string& directory, std::string_view name,
                                const Environment& environment);

}  // namespace pawl::cli
