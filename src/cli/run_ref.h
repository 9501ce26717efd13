#pragma once
// How people name a run on the command line: the number that `pawl ls` shows (41, or #41 as it
// stands in messages), @last, @last-failed, @last-good, or the address of its page. What it names
// is looked up by whoever has the store; here it is only read.

#include <cstdint>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace pawl::cli {

struct RunRef {
  enum class Kind : std::uint8_t {
    id,           // that run
    last,         // the newest
    last_failed,  // the newest that failed
    last_good,    // the newest that completed with a verdict of pass, or none
  };
  Kind kind = Kind::id;
  RunId id;  // of Kind::id
  bool operator==(const RunRef&) const = default;
};

// Error: usage, saying what a run may be called.
Result<RunRef> parse_run_ref(std::string_view text);

}  // namespace pawl::cli
