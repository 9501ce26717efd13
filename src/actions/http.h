#pragma once
// http: one request, with a deadline, certificate verification and bounds on what comes back.
//
//   with: {method: POST, url, headers: {..}, body, expect: [200, "300-399"], redirects: 0,
//          allow_link_local: false, timeout: 30s}
//
// Outputs: {status, headers, body, duration_ms}. A status outside `expect` fails: 5xx and 429 as
// `network` (retried), 401 and 403 as `auth`, other 4xx as `user`, not retried.

#include "actions/action.h"

namespace pawl::actions {

core::Report http(const core::Assignment& assignment, Control& control);

}  // namespace pawl::actions
