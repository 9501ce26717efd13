#include "server/tokens.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/fs.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/text.h"

namespace pawl::server {
namespace {

constexpr std::string_view kPrefix = "pawl_";
constexpr std::size_t kMaxTokens = 10'000;

std::string path_of(const std::string& directory) { return str(directory, "/", kTokenFile); }

bool usable_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Result<Token> token_of(const Json& j) {
  const Error broken{Errc::corrupt, "a token's line is not one that Pawl writes"};
  for (const char* key : {"name", "role", "hash", "created_at"})
    if (!j[key].is_string()) return broken;
  Token t;
  t.name = j["name"].as_string();
  t.role = TRY(parse_role(j["role"].as_string()));
  t.hash = j["hash"].as_string();
  if (t.hash.size() != 64) return broken;
  t.created = TRY(parse_time(j["created_at"].as_string()));
  if (!j["expires_at"].is_null()) {
    if (!j["expires_at"].is_string()) return broken;
    t.expires = TRY(parse_time(j["expires_at"].as_string()));
  }
  for (std::size_t i = 0; i < j["queues"].size(); ++i) {
    if (!j["queues"][i].is_string()) return broken;
    t.queues.push_back(j["queues"][i].as_string());
  }
  return t;
}

Json token_json(const Token& t) {
  Json queues = Json::array();
  for (const auto& queue : t.queues)
    queues.push(queue);
  Json j = Json::object();
  j.set("name", t.name).set("role", to_string(t.role)).set("queues", std::move(queues));
  j.set("hash", t.hash).set("created_at", format_time(t.created));
  j.set("expires_at", t.expires == kNever ? Json() : Json(format_time(t.expires)));
  return j;
}

Status write_tokens(const std::string& directory, const std::vector<Token>& tokens) {
  Json list = Json::array();
  for (const auto& token : tokens)
    list.push(token_json(token));
  const auto text = Json::object().set("tokens", std::move(list)).pretty();
  return write_file_atomic(path_of(directory), text + "\n", 0600);
}

// Two commands that change the file take turns.
Result<UniqueFd> lock(const std::string& directory) {
  const auto path = str(directory, "/tokens.lock");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("open", path, errno);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return errno_error("lock", path, errno);
  }
  return fd;
}

}  // namespace

Result<std::vector<Token>> read_tokens(const std::string& directory) {
  auto text = read_file(path_of(directory));
  if (!text.ok()) {
    if (text.error().code == Errc::not_found) return std::vector<Token>();
    return text.error();
  }
  auto parsed = Json::parse(*text);
  if (!parsed.ok() || !(*parsed)["tokens"].is_array()) {
    return {Errc::corrupt, str(path_of(directory), " is not a file of tokens")};
  }
  std::vector<Token> tokens;
  for (const auto& j : (*parsed)["tokens"].as_array()) {
    auto token = token_of(j);
    if (!token.ok()) {
      return {Errc::corrupt, str(path_of(directory), ": ", token.error().message)};
    }
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

Result<std::string> create_token(const std::string& directory, Token token, Time now) {
  if (!usable_name(token.name)) {
    return {Errc::usage, str("a token's name is up to 64 letters, digits, '-', '_' and '.'; found "
                             "\"",
                             token.name, "\"")};
  }
  if (token.role == Role::anyone) return {Errc::usage, "a token has a role"};
  if (!token.queues.empty() && token.role != Role::worker) {
    return {Errc::usage, "only a worker's token names queues"};
  }
  const auto held = TRY(lock(directory));
  auto tokens = TRY(read_tokens(directory));
  const bool taken = std::any_of(tokens.begin(), tokens.end(),
                                 [&](const Token& t) { return t.name == token.name; });
  if (taken) {
    return {Errc::conflict, str("there is a token \"", token.name,
                                "\" already\nhint: pawl token rm ", token.name, " removes it")};
  }
  if (tokens.size() >= kMaxTokens) return {Errc::too_large, "there are too many tokens"};
  std::string random;
  for (int i = 0; i < 4; ++i) {
    const auto draw = entropy();
    random.append(reinterpret_cast<const char*>(&draw), sizeof draw);
  }
  auto text = str(kPrefix, to_hex(random));
  token.hash = sha256_hex(text);
  token.created = now;
  tokens.push_back(std::move(token));
  TRY(write_tokens(directory, tokens));
  return text;
}

Status remove_token(const std::string& directory, std::string_view name) {
  const auto held = TRY(lock(directory));
  auto tokens = TRY(read_tokens(directory));
  const auto before = tokens.size();
  std::erase_if(tokens, [&](const Token& t) { return t.name == name; });
  if (tokens.size() == before) return {Errc::not_found, str("there is no token \"", name, "\"")};
  return write_tokens(directory, tokens);
}

const Token* find_token(const std::vector<Token>& tokens, std::string_view text, Time now) {
  const auto hash = sha256_hex(text);
  const Token* found = nullptr;
  for (const auto& token : tokens) {
    unsigned differs = token.hash.size() == hash.size() ? 0u : 1u;
    for (std::size_t i = 0; i < std::min(hash.size(), token.hash.size()); ++i)
      differs |= static_cast<unsigned char>(hash[i] ^ token.hash[i]);
    if (differs == 0) found = &token;
  }
  return found && now < found->expires ? found : nullptr;
}

}  // namespace pawl::server
