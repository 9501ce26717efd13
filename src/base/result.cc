#include "base/result.h"

namespace pawl {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::usage:
      return "usage";
    case Errc::invalid_workflow:
      return "invalid_workflow";
    case Errc::not_found:
      return "not_found";
    case Errc::forbidden:
      return "forbidden";
    case Errc::conflict:
      return "conflict";
    case Errc::stale_attempt:
      return "stale_attempt";
    case Errc::in_use:
      return "in_use";
    case Errc::too_large:
      return "too_large";
    case Errc::unavailable:
      return "unavailable";
    case Errc::disk_full:
      return "disk_full";
    case Errc::io:
      return "io";
    case Errc::corrupt:
      return "corrupt";
    case Errc::newer_version:
      return "newer_version";
    case Errc::timeout:
      return "timeout";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

int exit_code(Errc code) {
  switch (code) {
    case Errc::usage:
      return 2;
    case Errc::invalid_workflow:
    case Errc::too_large:
      return 6;
    case Errc::not_found:
      return 7;
    case Errc::forbidden:
      return 8;
    case Errc::conflict:
    case Errc::stale_attempt:
    case Errc::in_use:
      return 9;
    case Errc::unavailable:
      return 10;
    case Errc::disk_full:
    case Errc::io:
    case Errc::corrupt:
    case Errc::newer_version:
      return 1;
    case Errc::timeout:
      return 124;
    case Errc::internal:
      return 70;
  }
  return 70;
}

}  // namespace pawl
