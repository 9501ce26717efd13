#include "actions/noop.h"

namespace pawl::actions {

void noop(const core::Assignment& assignment, core::Report& report) {
  if (assignment.with.is_null()) return;
  if (assignment.with.is_object()) {
    report.outputs = assignment.with;
  } else {
    report.outputs.set("value", assignment.with);
  }
}

}  // namespace pawl::actions
