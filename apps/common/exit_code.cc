#include "common/exit_code.h"

namespace apps {

using pawl::Code;

int exit_code_of(const pawl::Status& status) {
  switch (status.code()) {
    case Code::ok:
      return 0;
    case Code::invalid:
      return 6;
    case Code::not_found:
      return 7;
    case Code::conflict:
    case Code::in_use:
      return 9;
    case Code::internal:
      return 70;
    default:
      return 1;
  }
}

}  // namespace apps
