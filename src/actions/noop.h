#pragma once
// noop: does nothing, at once. Its outputs are its `with`, so that a workflow can compute values
// and tests can pass data without a process. `with` that is no object is passed on as {"value":
// with}.

#include "actions/action.h"

namespace pawl::actions {

void noop(const core::Assignment& assignment, core::Report& report);

}  // namespace pawl::actions
