#include "cli/remote_calls.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "base/text.h"
#include "cli/follow.h"
#include "cli/remote.h"
#include "cli/summary.h"
#include "server/http_path.h"

namespace pawl::cli {
namespace {

constexpr int kFirstWaitMs = 50, kLongestWaitMs = 1000;

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool at_end(const Json& run) {
  const auto state = text_or_empty(run["state"]);
  return state == "completed" || state == "failed" || state == "cancelled";
}

// The id of the newest run of that list, or "".
Result<std::string> newest(const ApiClient& api, const std::string& query) {
  auto page = TRY(api.call("GET", str("/api/v1/runs?limit=1", query)));
  return text_or_empty(page["items"][std::size_t{0}]["run_id"]);
}

}  // namespace

bool asks_server(const Ask& ask) {
  if (ask.args.given("server")) return true;
  const char* variable = ask.io.environment("PAWL_SERVER");
  return variable && *variable && !ask.args.given("data");
}

std::string text_or_empty(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }

Result<std::string> find_remote(const ApiClient& api, std::string_view reference) {
  if (all_digits(reference)) return str("/api/v1/runs/", reference);
  std::string id;
  if (reference == "@last") {
    id = TRY(newest(api, ""));
  } else if (reference == "@last-failed") {
    id = TRY(newest(api, "&state=failed"));
  } else {
    const auto name = server::percent_encode(reference);
    const auto named = TRY(read_list(api, str("/api/v1/runs?name=", name), 100));
    for (const auto& run : named.as_array()) {
      if (id.empty() && text_or_empty(run["name"]) == reference) id = text_or_empty(run["run_id"]);
    }
    if (id.empty()) id = TRY(newest(api, str("&workflow=", name)));
  }
  if (!id.empty()) return str("/api/v1/runs/", id);
  return with_hint({Errc::not_found, str("there is no run '", clean_line(std::string(reference)),
                                         "' on ", api.server())},
                   "pawl ls --server URL shows those there are");
}

Result<Json> read_list(const ApiClient& api, std::string path, std::size_t most) {
  Json all = Json::array();
  path += path.find('?') == std::string::npos ? '?' : '&';
  std::string cursor;
  while (all.size() < most) {
    const auto page = TRY(api.call(
        "GET", str(path, "limit=", std::min<std::size_t>(500, most - all.size()), cursor)));
    if (!page["items"].is_array()) return {Errc::internal, "the server's list has no items"};
    for (const auto& one : page["items"].as_array())
      all.push(one);
    if (!page["next_cursor"].is_string()) break;
    cursor = str("&cursor=", server::percent_encode(page["next_cursor"].as_string()));
  }
  return all;
}

Result<std::optional<Json>> await_remote(const Ask& ask, const ApiClient& api, Signals& signals,
                                         const std::string& run, std::optional<Mono> until,
                                         int& signal) {
  std::string state;
  for (int wait = kFirstWaitMs;; wait = std::min(kLongestWaitMs, wait * 2)) {
    auto now = TRY(api.call("GET", run));
    if (text_or_empty(now["state"]) != state) {
      state = text_or_empty(now["state"]);
      ask.note(str("run ", text_or_empty(now["run_id"]), "  ", state));
    }
    if (at_end(now)) return std::optional<Json>(std::move(now));
    auto left = std::chrono::milliseconds(wait);
    if (until) {
      const auto rest =
          std::chrono::duration_cast<std::chrono::milliseconds>(*until - system_clock().mono());
      if (rest.count() <= 0) return std::optional<Json>();
      left = std::min(left, rest);
    }
    pollfd wanted{signals.fd(), POLLIN, 0};
    (void)::poll(&wanted, 1, static_cast<int>(left.count()));
    signal = signals.take();
    if (signal == SIGTSTP) ::raise(SIGSTOP);
    if (signal != 0 && signal != SIGWINCH && signal != SIGTSTP) return std::optional<Json>();
    signal = 0;
  }
}

int remote_exit_code(const Ask& ask, const Json& run) {
  const auto& code = run["exit_code"];
  if (!code.is_integer()) return 1;
  const bool warned = text_or_empty(run["verdict"]) == "warning";
  return code == 0 && warned && fail_on_warning(ask) ? 4 : static_cast<int>(code.as_integer());
}

}  // namespace pawl::cli
