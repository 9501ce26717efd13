#pragma once
// The workers' protocol as routes (docs/reference/worker-protocol.md): what is HTTP of it, and no
// more. Each call is taken on its connection's thread and answered when the gateway answers; a
// claim that waits ends when its caller hangs up.

#include "server/router.h"
#include "server/worker_gateway.h"

namespace pawl::server {

// The field that carries a worker's session; never logged, unlike an address.
inline constexpr const char* kSessionField = "Pawl-Session";
// Of one call: what a worker sends in pieces that are smaller.
inline constexpr std::size_t kWorkerBody = std::size_t{16} << 20;

// POST /api/v1/workers, POST .../{id}/claim, /reports, /logs, DELETE .../{id} for workers, and
// GET /api/v1/workers for people. The gateway outlives the router.
void add_worker_routes(Router& router, WorkerGateway& gateway);

}  // namespace pawl::server
