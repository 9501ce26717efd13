#pragma once
// ApiClient: the command line as a caller of a server's API. One request, one connection; problems
// come back as the Errors that the same command gives on a data directory, with the same exit code.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/ask.h"

namespace pawl::cli {

// --server, else $PAWL_SERVER, without a slash at its end; "" where neither is given.
std::string server_of(const Ask& ask);
// From --token-file, else the file that $PAWL_TOKEN_FILE names; "" where neither is given. A token
// is never a flag's value: everybody can read those in `ps`. Errors: usage, io, not_found.
Result<std::string> token_of(const Ask& ask);

struct ApiAnswer {
  int status = 0;
  std::string type;  // without parameters
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Json json() const;                                         // null where it is none
};

class ApiClient {
 public:
  // The server is http://127.0.0.1:7070 where none is given.
  // Errors: usage (no address of a server), and those of token_of().
  static Result<ApiClient> open(const Ask& ask);

  struct Request {
    std::string method = "GET";
    std::string path = {};  // with its query
    std::string body = {};
    std::string type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers = {};
  };
  // Whatever was answered. Errors: unavailable, where nobody answers; timeout.
  Result<ApiAnswer> ask(const Request& request) const;
  // The document of a 2xx answer; else error_of() it.
  Result<Json> call(std::string method, std::string path, const Json& body = Json()) const;
  // What a problem says.
  static Error error_of(const ApiAnswer& answer);
  const std::string& server() const { return server_; }

 private:
  std::string server_;  // without a slash at its end
  std::string token_;
  Duration patience_{std::chrono::minutes(1)};
};

}  // namespace pawl::cli
