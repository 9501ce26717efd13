#pragma once
// Tokens: who may call the API of a data directory. DATA/tokens.json, mode 0600, written whole.
//
// A token is "pawl_" and 64 hex digits from the kernel's random source; it is shown once, and the
// file keeps its SHA-256 only, so whoever reads the file cannot sign in. Tokens are opaque: all
// that one allows stands in the file, and a line that is removed is a token that is worth nothing.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/router.h"

namespace pawl::server {

inline constexpr const char* kTokenFile = "tokens.json";

struct Token {
  std::string name;
  Role role = Role::viewer;
  std::vector<std::string> queues;  // of a worker; empty: every queue
  std::string hash;                 // SHA-256 of the text, in hex
  Time created = kNoTime;
  Time expires = kNever;
};

// Nothing where there is no file. Errors: corrupt, io.
Result<std::vector<Token>> read_tokens(const std::string& directory);
// The text to hand over, once. `token.hash` and `created` are set here.
// Errors: usage (a name or a role that cannot be), conflict (the name is taken), io, corrupt.
Result<std::string> create_token(const std::string& directory, Token token, Time now);
// Error: not_found.
Status remove_token(const std::string& directory, std::string_view name);

// The token of that text that has not expired, or nullptr. Takes as long wherever it stands, and
// whatever it shares with one that is there.
const Token* find_token(const std::vector<Token>& tokens, std::string_view text, Time now);

}  // namespace pawl::server
