#include "cli/ask.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::cli {

void Ask::print_json(const Json& value) const {
  io.out(str(io.out_term().tty ? value.pretty() : value.dump(), '\n'));
}

void Ask::note(std::string_view line) const {
  if (!quiet()) io.err(str(line, '\n'));
}

bool Ask::takes(std::string_view flag) const {
  const auto& flags = args.command->flags;
  return std::any_of(flags.begin(), flags.end(), [&](const auto& f) { return f.name == flag; });
}

Error with_hint(Error error, std::string_view hint) {
  error.message += str("\nhint: ", hint);
  return error;
}

}  // namespace pawl::cli
