#include "actions/http.h"

#include <charconv>

#include "actions/http_link.h"
#include "actions/http_wire.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

using core::FailureClass;
using core::Report;

constexpr Duration kDefaultTimeout = std::chrono::seconds(30);
constexpr std::size_t kMaxText = 1u << 20;

struct Range {
  int from = 200, to = 299;
};

// `with`, read and checked.
struct Plan {
  HttpRequest request;
  std::vector<Range> expect{Range{}};
  int redirects = 0;
  LinkOptions link;
};

Error bad(std::string message) { return {Errc::usage, std::move(message)}; }

Status read_header(Plan& plan, const std::string& name, const Json& value) {
  const std::string key = lower(name);
  const std::string text = value.is_string() ? value.as_string() : value.dump();
  if (!valid_header_name(key)) return bad(str("with.headers: '", name, "' cannot name a header"));
  if (!valid_header_value(text)) {
    return bad(
        str("with.headers.", name, " holds a line break or NUL, which could forge a header"));
  }
  for (auto ours : {"host", "content-length", "transfer-encoding", "connection"}) {
    if (key == ours) return bad(str("with.headers.", name, " is set by Pawl itself"));
  }
  plan.request.headers.emplace_back(key, text);
  return Ok{};
}

bool has_header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return true;
  }
  return false;
}

Result<Range> read_range(const Json& value) {
  if (value.is_integer()) {
    const int code = static_cast<int>(value.as_integer());
    return Range{code, code};
  }
  Range range;
  if (value.is_string()) {
    const auto parts = split(value.as_string(), '-');
    auto number = [](std::string_view text, int& out) {
      text = trim(text);
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
      return error == std::errc() && end == text.data() + text.size();
    };
    if (parts.size() == 2 && number(parts[0], range.from) && number(parts[1], range.to)) {
      return range;
    }
    if (parts.size() == 1 && number(parts[0], range.from)) return Range{range.from, range.from};
  }
  return bad(str("with.expect: ", value.dump(), " is no status such as 200 or \"200-299\""));
}

Status read_body(Plan& plan, const Json& body) {
  if (body.is_null()) {
    plan.request.has_body = plan.request.method == "POST" || plan.request.method == "PUT" ||
                            plan.request.method == "PATCH";
    return Ok{};
  }
  plan.request.has_body = true;
  plan.request.body = body.is_string() ? body.as_string() : body.dump();
  if (!has_header(plan.request, "content-type")) {
    plan.request.headers.emplace_back(
        "content-type", body.is_string() ? "text/plain; charset=utf-8" : "application/json");
  }
  return Ok{};
}

Result<Plan> read_plan(const Json& with, const core::Assignment& assignment, Control& control) {
  static const std::vector<std::string> known = {
      "method",           "url",     "headers", "body", "expect", "redirects",
      "allow_link_local", "timeout", "ca_file"};
  if (!with.is_object() || !with["url"].is_string()) return bad("http needs with.url");
  for (const auto& [key, value] : with.as_object()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest(key, known);
    return bad(str("with.", key, " is unknown to http",
                   near.empty() ? std::string() : str("; did you mean '", near, "'?")));
  }
  Plan plan;
  plan.request.url = TRY(parse_url(with["url"].as_string()));
  if (with["method"].is_string()) plan.request.method = with["method"].as_string();
  for (auto& c : plan.request.method)
    c = static_cast<char>(std::toupper(c));
  if (!valid_header_name(plan.request.method)) return bad("with.method is no HTTP method");
  if (const auto* headers = with.find("headers"); headers && headers->is_object()) {
    for (const auto& [name, value] : headers->as_object())
      TRY(read_header(plan, name, value));
  }
  if (!has_header(plan.request, "user-agent")) {
    plan.request.headers.emplace_back("user-agent", "pawl/" PAWL_VERSION);
  }
  if (!has_header(plan.request, "accept")) plan.request.headers.emplace_back("accept", "*/*");
  TRY(read_body(plan, with["body"]));
  if (const auto* expect = with.find("expect"); expect && !expect->is_null()) {
    plan.expect.clear();
    if (expect->is_array()) {
      for (const auto& one : expect->as_array())
        plan.expect.push_back(TRY(read_range(one)));
    } else {
      plan.expect.push_back(TRY(read_range(*expect)));
    }
  }
  if (with["redirects"].is_integer()) {
    plan.redirects = static_cast<int>(std::min<std::int64_t>(with["redirects"].as_integer(), 20));
  }
  Duration timeout = kDefaultTimeout;
  if (with["timeout"].is_string()) timeout = TRY(parse_duration(with["timeout"].as_string()));
  plan.link.allow_link_local =
      with["allow_link_local"].is_bool() && with["allow_link_local"].as_bool();
  if (with["ca_file"].is_string()) {
    const auto& file = with["ca_file"].as_string();
    plan.link.ca_file = file.starts_with('/') || assignment.base_dir.empty()
                            ? file
                            : str(assignment.base_dir, '/', file);
  }
  plan.link.deadline = control.clock().mono() + timeout;
  plan.link.stop_fd = control.stop_fd();
  plan.link.clock = &control.clock();
  return plan;
}

Result<HttpResponseReader> exchange(const HttpRequest& request, const LinkOptions& options) {
  auto link = TRY(HttpLink::open(request.url, options));
  auto sent = link->send(render_request(request));
  // A server may answer and hang up before it has read everything: its answer still counts.
  if (!sent.ok() && sent.error().code != Errc::unavailable) return std::move(sent).error();
  HttpResponseReader reader(request.method == "HEAD");
  std::string bytes;
  while (!reader.done()) {
    bytes.clear();
    if (TRY(link->receive(bytes)) == 0) {
      TRY(reader.close());
      break;
    }
    TRY(reader.feed(bytes));
  }
  return reader;
}

// The request that a redirect asks for.
Result<HttpRequest> redirected(HttpRequest request, const HttpResponseReader& response) {
  const Url from = request.url;
  request.url = TRY(resolve_url(from, response.header("location")));
  if (from.tls && !request.url.tls) {
    return Error{Errc::forbidden, "a redirect leads from https to http, which is refused"};
  }
  if (request.url.origin() != from.origin()) {
    // Credentials are for the host they were written for.
    std::erase_if(request.headers, [](const auto& h) {
      return h.first == "authorization" || h.first == "cookie" || h.first.starts_with("x-");
    });
  }
  const int status = response.status;
  if (status == 303 || ((status == 301 || status == 302) && request.method == "POST")) {
    if (request.method != "HEAD") request.method = "GET";
    request.body.clear();
    request.has_body = false;
    std::erase_if(request.headers, [](const auto& h) { return h.first == "content-type"; });
  }
  return request;
}

bool is_redirect(const HttpResponseReader& response) {
  const int s = response.status;
  return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) &&
         !response.header("location").empty();
}

Report failure_of(const Error& error, const Url& url) {
  const auto message = str("http ", url.origin(), ": ", error.message);
  switch (error.code) {
    case Errc::conflict: {
      Report report;
      report.kind = core::ReportKind::cancelled;
      return report;
    }
    case Errc::forbidden:
      return failed_for_good(FailureClass::auth, message);
    case Errc::timeout:
      return failed(FailureClass::timeout, str(message, " (with.timeout)"));
    case Errc::corrupt:
      return failed(FailureClass::network, message);
    case Errc::usage:
      return failed_for_good(FailureClass::user, message);
    default:
      return failed(FailureClass::network, message);
  }
}

Json body_of(HttpResponseReader& response, Control& control) {
  const auto type = lower(response.header("content-type"));
  const auto media = trim(std::string_view(type).substr(0, type.find(';')));
  if (!response.body.empty() && (media == "application/json" || media.ends_with("+json"))) {
    auto parsed = Json::parse(response.body);
    if (parsed.ok()) return std::move(*parsed);
    control.warning(str("the answer says it is JSON, but: ", parsed.error().message));
  }
  if (response.body.size() > kMaxText) {
    control.warning(str("the answer's body has ", format_size(response.body.size()),
                        "; the first MiB is kept"));
    response.body.resize(kMaxText);
  }
  return Json(to_valid_utf8(response.body));
}

Report unexpected(const HttpResponseReader& response, const Url& url) {
  const int status = response.status;
  std::string message = str("http ", url.origin(), " answered ", status);
  if (!response.reason.empty()) message += str(' ', response.reason);
  const auto retry_after = response.header("retry-after");
  if (!retry_after.empty())
    message += str("; it asks to come back after ", retry_after,
                   retry_after.find(' ') == std::string::npos ? " s" : "");
  const auto text = trim(response.body);
  if (!text.empty()) {
    message += str(":\n", to_valid_utf8(text.substr(0, 1000)), text.size() > 1000 ? "..." : "");
  }
  Report report = status >= 500 || status == 429 || status == 408
                      ? failed(FailureClass::network, message)
                  : status == 401 || status == 403 ? failed(FailureClass::auth, message)
                                                   : failed_for_good(FailureClass::user, message);
  report.exit_code = status;
  return report;
}

}  // namespace

Report http(const core::Assignment& assignment, Control& control) {
  const Mono began = control.clock().mono();
  auto plan = read_plan(assignment.with, assignment, control);
  if (!plan.ok()) return failed_for_good(FailureClass::user, plan.error().message);
  HttpRequest request = std::move(plan->request);
  for (int hops = 0;; ++hops) {
    auto response = exchange(request, plan->link);
    if (!response.ok()) return failure_of(response.error(), request.url);
    if (is_redirect(*response) && hops < plan->redirects) {
      auto next = redirected(request, *response);
      if (!next.ok()) return failure_of(next.error(), request.url);
      request = std::move(*next);
      continue;
    }
    const bool expected = std::any_of(plan->expect.begin(), plan->expect.end(), [&](Range r) {
      return response->status >= r.from && response->status <= r.to;
    });
    if (!expected) return unexpected(*response, request.url);
    Report report;
    report.kind = core::ReportKind::completed;
    report.outputs.set("status", response->status);
    auto headers = Json::object();
    for (const auto& [name, value] : response->headers)
      headers.set(name, response->header(name));
    report.outputs.set("headers", std::move(headers));
    report.outputs.set("body", body_of(*response, control));
    const auto took = control.clock().mono() - began;
    report.outputs.set("duration_ms",
                       std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
    return report;
  }
}

}  // namespace pawl::actions
