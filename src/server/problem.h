#pragma once
// Problem: what went wrong, as the API says it: RFC 9457, application/problem+json.
//
//   {"type": "/problems/not_found", "title": "Not found", "status": 404, "detail": "there is no run
//    7", "instance": "/api/v1/runs/7", "code": "not_found", "exit_code": 7, "retryable": false,
//    "request_id": "...", "hint"?: "...", "errors"?: [{"pointer", "code", "detail", "hint"?}]}
//
// One table says what each code means: its HTTP status, its title, the exit code of the command
// line, whether the same request may succeed later, and the text that /problems/CODE serves.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "server/http_server.h"

namespace pawl::server {

struct ProblemKind {
  std::string_view code;
  int status;
  std::string_view title;
  int exit_code;
  bool retryable;
  std::string_view about;  // what it means and what to do
};
const std::vector<ProblemKind>& problem_kinds();
const ProblemKind* find_problem_kind(std::string_view code);

// One thing that is wrong with what was sent; the pointer is an RFC 6901 one into the body, or
// names a parameter: "?limit".
struct ProblemItem {
  std::string pointer, code, detail, hint;
};

struct Problem {
  std::string_view code = "internal";  // of the table
  std::string detail;
  std::string hint;
  std::vector<ProblemItem> errors;
  int status = 0;  // 0: the table's
  std::vector<std::pair<std::string, std::string>> headers;
};

// Lines of the message after "hint:" become the hint.
Problem problem_of(const Error& error);
// `instance`: the path that was asked for.
HttpResponse problem_response(const Problem& problem, std::string_view instance,
                              std::string_view request_id);
// The page of a code, as plain text.
std::string problem_page(const ProblemKind& kind);

}  // namespace pawl::server
