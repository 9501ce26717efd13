#include "cli/api_client.h"

#include <algorithm>

#include "actions/http_link.h"
#include "base/fs.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

std::string setting(const Ask& ask, std::string_view flag, const char* variable) {
  if (auto given = ask.args.text(flag)) return *given;
  const char* value = ask.io.environment(variable);
  return value ? value : "";
}

}  // namespace

std::string server_of(const Ask& ask) {
  auto server = setting(ask, "server", "PAWL_SERVER");
  while (server.ends_with('/'))
    server.pop_back();
  return server;
}

Result<std::string> token_of(const Ask& ask) {
  auto file = setting(ask, "token-file", "PAWL_TOKEN_FILE");
  if (file.empty()) return std::string();
  std::string token(trim(TRY(read_file(file, 4096))));
  const auto fine = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (!token.empty() && std::all_of(token.begin(), token.end(), fine)) return token;
  return {Errc::usage,
          str(file, " holds no token: one line with it, and nothing else, is expected")};
}

Json ApiAnswer::json() const {
  auto parsed = Json::parse(body);
  return parsed.ok() ? *parsed : Json();
}

Result<ApiClient> ApiClient::open(const Ask& ask) {
  ApiClient client;
  client.server_ = server_of(ask);
  if (client.server_.empty()) client.server_ = "http://127.0.0.1:7070";
  auto url = actions::parse_url(client.server_);
  if (!url.ok()) return {Errc::usage, str("--server: ", url.error().message)};
  client.token_ = TRY(token_of(ask));
  return client;
}

Result<ApiAnswer> ApiClient::ask(const Request& request) const {
  actions::HttpRequest http;
  http.method = request.method;
  http.url = TRY(actions::parse_url(str(server_, request.path)));
  http.headers = {{"accept", "application/json"}, {"user-agent", "pawl/" PAWL_VERSION}};
  if (!token_.empty()) http.headers.emplace_back("authorization", str("Bearer ", token_));
  http.has_body = !request.body.empty() || request.method == "POST";
  http.body = request.body;
  if (!request.body.empty()) http.headers.emplace_back("content-type", request.type);
  for (const auto& [name, value] : request.headers) {
    if (!actions::valid_header_name(name) || !actions::valid_header_value(value)) {
      return {Errc::usage, str("--header: \"", name, "\" cannot be sent")};
    }
    http.headers.emplace_back(lower(name), value);
  }
  actions::LinkOptions options;
  options.clock = &system_clock();
  options.deadline = options.clock->mono() + patience_;
  auto link = actions::HttpLink::open(http.url, options);
  if (!link.ok()) {
    if (link.error().code != Errc::unavailable) return link.error();
    return with_hint({Errc::unavailable, str("cannot reach ", server_, ": ", link.error().message)},
                     "pawl up starts a server; --server URL or PAWL_SERVER says where one is");
  }
  TRY((*link)->send(actions::render_request(http)));
  actions::HttpResponseReader reader(request.method == "HEAD");
  std::string bytes;
  while (!reader.done()) {
    bytes.clear();
    const auto n = TRY((*link)->receive(bytes));
    if (n == 0) {
      TRY(reader.close());
      break;
    }
    TRY(reader.feed(bytes));
  }
  const auto type = reader.header("content-type");
  return ApiAnswer{reader.status, std::string(trim(split(type, ';')[0])), std::move(reader.body),
                   std::move(reader.headers)};
}

Error ApiClient::error_of(const ApiAnswer& answer) {
  const auto problem = answer.json();
  const auto text = [](const Json& j) { return j.is_string() ? j.as_string() : std::string(); };
  Error error{Errc::internal, str("the server answered ", answer.status)};
  constexpr std::pair<int, Errc> kCodes[] = {
      {2, Errc::usage},    {6, Errc::invalid_workflow}, {7, Errc::not_found}, {8, Errc::forbidden},
      {9, Errc::conflict}, {10, Errc::unavailable},     {124, Errc::timeout}};
  for (const auto& [exit, code] : kCodes)
    if (problem["exit_code"] == exit) error.code = code;
  if (!text(problem["detail"]).empty()) error.message = text(problem["detail"]);
  // The first error is the detail already, where there is one only.
  for (std::size_t i = 0; i < problem["errors"].size(); ++i) {
    const auto line = text(problem["errors"][i]["detail"]);
    if (line != error.message) error.message += str("\n", line);
  }
  const auto hint = text(problem["hint"]);
  return hint.empty() ? error : with_hint(std::move(error), hint);
}

Result<Json> ApiClient::call(std::string method, std::string path, const Json& body) const {
  Request request{std::move(method), std::move(path), body.is_null() ? "" : body.dump()};
  auto answer = TRY(ask(request));
  if (answer.status < 200 || answer.status >= 300) return error_of(answer);
  return answer.json();
}

}  // namespace pawl::cli
