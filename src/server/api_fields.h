#pragma once
// What a caller sent, read field by field: every finding is kept with its pointer, so that one
// answer names them all, and fields that nobody asked for are findings, too.
//
//   Fields f(call.body);
//   auto name = f.text("workflow", {.required = true});
//   auto version = f.integer("version", 1, 1'000'000);
//   if (auto problem = f.problem()) return call.refuse(*problem);

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "server/router.h"

namespace pawl::server {

class Fields {
 public:
  struct TextRules {
    bool required = false;
    std::size_t most = 1000;  // bytes
  };
  // REQUIRES: the object outlives this.
  explicit Fields(const Json& object) : object_(object) {}
  std::string text(std::string_view name, TextRules rules);
  std::string text(std::string_view name) { return text(name, TextRules{}); }
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  bool boolean(std::string_view name);
  Json object(std::string_view name);  // null where it is not given
  Json texts(std::string_view name);   // an object of texts; null where it is not given
  Json array(std::string_view name);   // null where it is not given
  void wrong(std::string_view name, std::string_view code, std::string detail);
  // Call it last: fields that were not asked for before are unknown.
  std::optional<Problem> problem();

 private:
  const Json* take(std::string_view name, bool required, Json::Type type);
  const Json& object_;
  std::vector<std::string> known_;
  std::vector<ProblemItem> wrong_;
};

// Parameters of the query that are numbers, in bounds. Error: usage.
Result<std::int64_t> number_param(const Call& call, std::string_view name, std::int64_t fallback,
                                  std::int64_t least, std::int64_t most);
// Error: not_found where it is no number of a run.
Result<RunId> run_arg(const Call& call);

// A place in a list that is read page by page: where it goes on, bound to what was asked for.
// Opaque to callers; one from another list, or another filter, is refused.
std::string make_cursor(std::string_view filter, std::int64_t place);
Result<std::int64_t> read_cursor(std::string_view filter, std::string_view cursor);
// The `cursor` parameter, or `first`.
Result<std::int64_t> cursor_param(const Call& call, std::string_view filter, std::int64_t first);
// {"items", "next_cursor"}, and a Link to the next page. `next`: "" where this is the last one.
HttpResponse page_response(const Call& call, Json items, const std::string& next);

inline constexpr std::int64_t kDefaultLimit = 50, kMaxLimit = 500;

}  // namespace pawl::server
