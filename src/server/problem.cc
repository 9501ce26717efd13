#include "server/problem.h"

#include "base/text.h"

namespace pawl::server {

const std::vector<ProblemKind>& problem_kinds() {
  static const std::vector<ProblemKind> kinds = {
      {"invalid_request", 400, "The request is malformed", 2, false,
       "The request breaks a rule of HTTP or of this API: a path that is not canonical, an unknown "
       "field or parameter, a value of the wrong type. `errors` says where. Change the request."},
      {"invalid_input", 422, "The inputs are invalid", 6, false,
       "What was sent is well formed, but the workflow does not accept it: an input is missing, of "
       "another type or out of its bounds. `errors` names each."},
      {"invalid_workflow", 422, "The workflow is invalid", 6, false,
       "The workflow file breaks its rules. `errors` has every finding with line and column; "
       "`pawl validate FILE` shows the same."},
      {"too_large", 413, "Too large", 6, false,
       "The request, or what it would make, passes a documented limit."},
      {"unauthenticated", 401, "Not signed in", 8, false,
       "This needs a token: `Authorization: Bearer pawl_...`. `pawl token create` makes one. One "
       "that is unknown, expired or revoked counts as none."},
      {"forbidden", 403, "Not allowed", 8, false,
       "The caller's role does not allow this, or the request's Host or Origin is not one that "
       "this "
       "server answers to."},
      {"not_found", 404, "Not found", 7, false,
       "There is no such route, run, task, workflow or gate."},
      {"method_not_allowed", 405, "Method not allowed", 2, false,
       "The address exists, the method does not. The field Allow lists those that do."},
      {"unsupported_media_type", 415, "Unsupported media type", 2, false,
       "The Content-Type of the body is not one that this address takes."},
      {"conflict", 409, "Refused in this state", 9, false,
       "The run, task or gate is in a state in which this cannot be done. Read it again."},
      {"stale_attempt", 409, "The attempt is no longer the live one", 9, false,
       "A worker reported on an attempt whose lease has ended. Nothing was changed; the worker "
       "stops that work."},
      {"precondition", 412, "A precondition failed", 9, false,
       "If-Match names another version than the one that is there."},
      {"rate_limited", 429, "Too many requests", 10, true,
       "Send fewer requests. Retry-After says when to try again."},
      {"unavailable", 503, "Cannot be served now", 10, true,
       "The server is busy, starting, stopping, or cannot write to its disk. Nothing was changed. "
       "Try again, after Retry-After where that is given."},
      {"deadline", 504, "Not done in time", 124, true,
       "What was waited for did not happen in time. It may happen still."},
      {"internal", 500, "A bug in Pawl", 70, false,
       "Something that cannot happen did, or stored data cannot be read. The server's log has the "
       "request_id."},
  };
  return kinds;
}

const ProblemKind* find_problem_kind(std::string_view code) {
  for (const auto& kind : problem_kinds())
    if (kind.code == code) return &kind;
  return nullptr;
}

namespace {

std::string_view code_of(Errc code) {
  switch (code) {
    case Errc::usage:
      return "invalid_request";
    case Errc::invalid_workflow:
      return "invalid_workflow";
    case Errc::not_found:
      return "not_found";
    case Errc::forbidden:
      return "forbidden";
    case Errc::conflict:
    case Errc::in_use:
      return "conflict";
    case Errc::stale_attempt:
      return "stale_attempt";
    case Errc::too_large:
      return "too_large";
    case Errc::unavailable:
    case Errc::disk_full:
      return "unavailable";
    case Errc::timeout:
      return "deadline";
    case Errc::io:
    case Errc::corrupt:
    case Errc::newer_version:
    case Errc::internal:
      break;
  }
  return "internal";
}

}  // namespace

Problem problem_of(const Error& error) {
  constexpr std::string_view kHint = "\nhint: ";
  Problem p;
  p.code = code_of(error.code);
  const auto hint = error.message.find(kHint);
  p.detail = error.message.substr(0, hint);
  if (hint != std::string::npos) p.hint = error.message.substr(hint + kHint.size());
  return p;
}

HttpResponse problem_response(const Problem& problem, std::string_view instance,
                              std::string_view request_id) {
  const auto* kind = find_problem_kind(problem.code);
  PAWL_ASSERT(kind != nullptr);
  const int status = problem.status != 0 ? problem.status : kind->status;
  Json j = Json::object();
  j.set("type", str("/problems/", kind->code)).set("title", kind->title).set("status", status);
  j.set("detail", to_valid_utf8(problem.detail)).set("instance", to_valid_utf8(instance));
  j.set("code", kind->code).set("exit_code", kind->exit_code).set("retryable", kind->retryable);
  j.set("request_id", request_id);
  if (!problem.hint.empty()) j.set("hint", to_valid_utf8(problem.hint));
  if (!problem.errors.empty()) {
    Json errors = Json::array();
    for (const auto& item : problem.errors) {
      Json e = Json::object();
      e.set("pointer", to_valid_utf8(item.pointer)).set("code", item.code);
      e.set("detail", to_valid_utf8(item.detail));
      if (!item.hint.empty()) e.set("hint", to_valid_utf8(item.hint));
      errors.push(std::move(e));
    }
    j.set("errors", std::move(errors));
  }
  return {status, "application/problem+json", j.dump() + "\n", problem.headers, false};
}

std::string problem_page(const ProblemKind& kind) {
  return str(kind.code, ": ", kind.title, "\n\nHTTP status ", kind.status, ", exit code ",
             kind.exit_code, ", ", kind.retryable ? "worth trying again" : "not worth trying again",
             ".\n\n", kind.about, "\n");
}

}  // namespace pawl::server
