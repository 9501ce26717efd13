#pragma once
// What both halves of WorkerClient use: how long an answer is waited for that nothing holds up,
// what a batch of lines weighs, and the report that ends an attempt which nobody can carry out.

#include <string>

#include "core/worker_port.h"

namespace pawl::server {

inline constexpr Duration kAnswerTime = std::chrono::seconds(20);

inline std::size_t bytes_of(const core::LogBatch& batch) {
  std::size_t n = 64;
  for (const auto& line : batch.lines)
    n += line.text.size() + 40;
  return n;
}

inline core::Report failed_for_good(const core::Fence& fence, std::string message) {
  core::Report r;
  r.fence = fence;
  r.kind = core::ReportKind::failed;
  r.failure_class = core::FailureClass::user;
  r.no_retry = r.receipt = true;
  r.message = std::move(message);
  return r;
}

}  // namespace pawl::server
