#pragma once
// Paths and queries of requests, decoded once and in one way. A path that two programs could read
// in two ways (a proxy's rule sees one route, we another) is refused, not tidied up: "//", ".",
// "..", escaped slashes, control characters, NUL, text that is not UTF-8.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::server {

// "/runs/a%20b" is {"runs", "a b"}; "/" is {}. A trailing slash leaves a last segment "", which no
// route has. False: `why` says in a sentence what is wrong.
bool decode_path(std::string_view raw, std::vector<std::string>& segments, const char*& why);

using QueryItems = std::vector<std::pair<std::string, std::string>>;  // in order; names may repeat

// "a=1&b=x+y". A name without "=" has the value "".
bool decode_query(std::string_view raw, QueryItems& items, const char*& why);
// One segment or value as it stands in an address: everything but letters, digits and -._~ escaped.
std::string percent_encode(std::string_view text);

}  // namespace pawl::server
