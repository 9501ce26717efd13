// api: one request to a server, as it is written; for scripts, and for what has no command.
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "cli/api_client.h"
#include "cli/handlers.h"

namespace pawl::cli {
namespace {

constexpr std::size_t kMostBody = 16u << 20;

// TEXT, @FILE, or - for stdin. A file of YAML goes as such.
Status read_body(const Ask& ask, ApiClient::Request& request) {
  const auto given = ask.args.text("body");
  if (!given) return {};
  std::string_view text = *given;
  if (text == "-") {
    request.body = TRY(read_fd(STDIN_FILENO, "stdin", kMostBody));
  } else if (text.starts_with('@')) {
    request.body = TRY(read_file(std::string(text.substr(1)), kMostBody));
    if (text.ends_with(".yaml") || text.ends_with(".yml")) request.type = "application/yaml";
  } else {
    request.body = text;
  }
  if (auto type = ask.args.text("type")) request.type = *type;
  return {};
}

}  // namespace

Result<int> run_api(const Ask& ask) {
  const auto client = TRY(ApiClient::open(ask));
  ApiClient::Request request;
  request.method = *ask.args.arg("METHOD");
  request.path = *ask.args.arg("PATH");
  if (!request.path.starts_with('/')) request.path = str("/api/v1/", request.path);
  request.headers = ask.args.pairs("header");
  TRY(read_body(ask, request));
  const auto answer = TRY(client.ask(request));
  const auto document = answer.json();
  const bool pretty = !document.is_null() && ask.io.out_term().tty;
  if (answer.status >= 200 && answer.status < 400) {
    if (pretty) {
      ask.print_json(document);
    } else {
      ask.print(answer.body);
    }
    return 0;
  }
  if (!ask.json() || document.is_null()) return ApiClient::error_of(answer);
  ask.io.err(answer.body);
  return document["exit_code"].is_integer() ? static_cast<int>(document["exit_code"].as_integer())
                                            : kExitProblems;
}

}  // namespace pawl::cli
