#pragma once
// What a worker and a server say to each other, as JSON: both ways, so that the server, the worker
// in C++ and its tests share one spelling. docs/reference/worker-protocol.md is the same for
// people.
//
// A fence is one opaque word, "RUN.TASK.ATTEMPT.LEASE": whoever writes a worker copies it back.
// What is not said has its default; members that are not known are passed over, since the protocol
// only grows. What is said must be right: errors name the member, what was found and what is
// expected, and never quote a value, because an assignment carries secrets.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/worker_port.h"

namespace pawl::server {

std::string fence_to_text(const core::Fence& fence);
Result<core::Fence> fence_from_text(std::string_view text);

// Appended as text, because an answer may hold thousands of them.
void append_assignment(std::string& out, const core::Assignment& assignment);
void append_report(std::string& out, const core::Report& report);
void append_log_batch(std::string& out, const core::LogBatch& batch);
void append_fences(std::string& out, const std::vector<core::Fence>& fences);  // an array
Json worker_info_to_json(const core::WorkerInfo& info);

// The assignment's `workflow` holds its one definition, and nothing else of the file.
Result<core::Assignment> assignment_from_json(const Json& json);
Result<core::Report> report_from_json(const Json& json);
Result<core::LogBatch> log_batch_from_json(const Json& json);
Result<std::vector<core::Fence>> fences_from_json(const Json& json, std::string_view name);
Result<core::WorkerInfo> worker_info_from_json(const Json& json);

// Members of a request, each with its type; null and absent are the same.
Result<std::string> text_member(const Json& object, std::string_view name, bool required = false);
Result<std::int64_t> integer_member(const Json& object, std::string_view name,
                                    std::int64_t fallback, std::int64_t least, std::int64_t most);
Result<double> number_member(const Json& object, std::string_view name, double fallback);
Result<bool> flag_member(const Json& object, std::string_view name);

}  // namespace pawl::server
