#include "cli/run_ref.h"

#include <charconv>

#include "base/text.h"

namespace pawl::cli {

Result<RunRef> parse_run_ref(std::string_view text) {
  using Kind = RunRef::Kind;
  if (text == "@last") return RunRef{.kind = Kind::last};
  if (text == "@last-failed") return RunRef{.kind = Kind::last_failed};
  if (text == "@last-good") return RunRef{.kind = Kind::last_good};
  auto refuse = [&](std::string_view hint = "") {
    return Error{
        Errc::usage,
        str('\'', to_valid_utf8(text.substr(0, 80)),
            "' is not a run: expected its number as `pawl ls` shows it, @last, @last-failed "
            "or @last-good",
            hint)};
  };
  if (text.starts_with('@')) {
    auto near = nearest(text, {"@last", "@last-failed", "@last-good"});
    return refuse(near.empty() ? "" : str("\n  did you mean: ", near, '?'));
  }
  auto digits = text;
  // A pasted address: http://127.0.0.1:7070/runs/41, with or without a query or a part behind it.
  if (auto page = text.find("/runs/"); text.starts_with("http") && page != std::string_view::npos) {
    digits = text.substr(page + 6);
    digits = digits.substr(0, digits.find_first_of("/?#"));
  } else if (text.starts_with('#')) {
    digits = text.substr(1);
  }
  std::int64_t id = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || end != digits.data() + digits.size() || id <= 0) return refuse();
  return RunRef{.kind = Kind::id, .id = RunId(id)};
}

}  // namespace pawl::cli
