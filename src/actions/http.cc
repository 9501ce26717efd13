#include "actions/http.h"

namespace pawl::actions {

core::Report http(const core::Assignment&, Control&) {
  return failed_for_good(core::FailureClass::user, "http: not built in yet");
}

}  // namespace pawl::actions
