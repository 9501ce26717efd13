#pragma once
// Timestamps as text: ISO 8601 in the forms that machines and exporters write, as seconds since
// 1970 (UTC). Without a zone UTC is meant: a batch comes from one clock, and only differences
// count.

#include <optional>
#include <string>
#include <string_view>

namespace manufacturing {

// "2026-11-21", "2026-11-21T08:30", "2026-11-21 08:30:15.25", with "Z", "+02", "+0200" or "+02:00"
// behind a time. nullopt where it is anything else, or no such day or time.
std::optional<double> parse_timestamp(std::string_view text);
// "2026-11-21T08:30:15.250Z". REQUIRES: seconds that parse_timestamp() gave.
std::string timestamp_text(double seconds);

}  // namespace manufacturing
