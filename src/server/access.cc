#include "server/access.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace pawl::server {
namespace {

bool is_address(const std::string& text) {
  in6_addr space;
  return ::inet_pton(AF_INET, text.c_str(), &space) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &space) == 1;
}

// "[::1]:80" is "::1", "a.b:80" is "a.b"; "" where the port is none.
std::string host_name(std::string_view host) {
  std::string_view name = host, port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return {};
    name = host.substr(1, end - 1);
    port = host.substr(end + 1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    name = host.substr(0, colon);
    port = host.substr(colon);
  }
  const bool digits = std::all_of(port.begin(), port.end(), [&](const char& c) {
    return (&c == port.data()) == (c == ':') && (c == ':' || (c >= '0' && c <= '9'));
  });
  return digits ? lower(name) : std::string();
}

}  // namespace

bool is_loopback(const std::string& address) {
  in_addr v4;
  in6_addr v6;
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Access::Access(Options options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : system_clock()),
      loopback_(is_loopback(options_.address)) {
  names_ = {"localhost", "127.0.0.1", "::1", lower(options_.address)};
  for (const auto& host : options_.hosts)
    names_.push_back(lower(host));
  char own[256] = {};
  if (!loopback_ && ::gethostname(own, sizeof own - 1) == 0) names_.push_back(lower(own));
}

// A number cannot be somebody else's name, so any address of ours will do.
bool Access::known_host(std::string_view host) const {
  const auto name = host_name(host);
  if (name.empty()) return false;
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return true;
  return !loopback_ && is_address(name);
}

Status Access::check_source(const HttpRequest& head) {
  if (!known_host(head.host)) {
    return {Errc::forbidden, str("this server does not answer to the name \"", head.host,
                                 "\"\nhint: pawl serve --host NAME adds one")};
  }
  if (const auto* origin = head.header("origin")) {
    const auto text = lower(*origin);
    const auto own = lower(head.host);
    if (text != str("http://", own) && text != str("https://", own)) {
      return {Errc::forbidden, "this page is of another origin than the server"};
    }
  }
  const auto* site = head.header("sec-fetch-site");
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (site && !reads && *site != "same-origin" && *site != "none") {
    return {Errc::forbidden, "a page of another site may not change anything here"};
  }
  return {};
}

void Access::refresh() {
  struct stat s {};
  Stamp now;
  const auto path = str(options_.directory, "/", kTokenFile);
  if (::stat(path.c_str(), &s) == 0) {
    now = {s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec};
  }
  if (now == stamp_) return;
  auto read = read_tokens(options_.directory);
  readable_ = read.ok();
  tokens_ = read.ok() ? std::move(*read) : std::vector<Token>();
  stamp_ = now;
  if (!readable_) {
    log_error("tokens cannot be read; nobody is let in", {{"error", read.error().message}});
  }
}

Caller Access::identify(const HttpRequest& head) {
  std::lock_guard lock(mutex_);
  refresh();
  if (readable_ && loopback_ && !options_.require_token && tokens_.empty())
    return {"local", Role::admin, {}};
  const auto* field = head.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (!field || lower(std::string_view(*field).substr(0, kScheme.size())) != kScheme) return {};
  const auto text = trim(std::string_view(*field).substr(kScheme.size()));
  const auto* token = find_token(tokens_, text, clock_.now());
  return token ? Caller{token->name, token->role, token->queues} : Caller{};
}

}  // namespace pawl::server
