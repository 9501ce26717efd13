// A Diagnostic as people and programs get it.

#include <algorithm>

#include "base/text.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (; line > 1; --line) {
    auto end = text.find('\n');
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

bool character_start(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// At most `width` characters of the line around `column`; column is moved with it.
std::string window(std::string_view line, std::uint32_t& column, std::size_t width) {
  std::string safe = to_valid_utf8(line);
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';  // terminals obey control bytes
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < safe.size() && starts.size() < column + width; ++i)
    if (character_start(safe[i])) starts.push_back(i);
  column = std::min(column, static_cast<std::uint32_t>(starts.size()) + 1);
  std::size_t from = column > width * 2 / 3 ? column - width * 2 / 3 : 0;
  if (from >= starts.size()) from = 0;
  std::size_t to = std::min(starts.size(), from + width);
  std::size_t end = to < starts.size() ? starts[to] : safe.size();
  std::string out = starts.empty() ? "" : safe.substr(starts[from], end - starts[from]);
  if (end < safe.size()) out += "...";
  if (from > 0) {
    out = "..." + out;
    column = static_cast<std::uint32_t>(column - from + 3);
  }
  return out;
}

}  // namespace

std::string render_diagnostic(const Diagnostic& d, std::string_view file_text) {
  std::string out =
      str(d.warning ? "warning[" : "error[", d.code, "]: ", d.message, "\n  --> ", d.file, ":",
          d.line, ":", d.column, d.pointer.empty() ? "" : "  ", d.pointer, "\n");
  if (file_text.substr(0, 3) == "\xEF\xBB\xBF") file_text.remove_prefix(3);
  std::string_view line = line_of(file_text, d.line);
  if (!trim(line).empty()) {
    std::uint32_t column = std::max(d.column, 1u);
    std::string shown = window(line, column, 90), number = str(d.line);
    std::string margin(std::max<std::size_t>(5, number.size() + 1) - number.size(), ' ');
    out += str(margin, number, " | ", shown, "\n");
    out += str(std::string(margin.size() + number.size(), ' '), " | ", std::string(column - 1, ' '),
               "^\n");
  }
  if (!d.hint.empty()) out += str("  help: ", d.hint, "\n");
  return out;
}

Json diagnostic_to_json(const Diagnostic& d) {
  return Json::object({{"file", d.file},
                       {"line", d.line},
                       {"column", d.column},
                       {"pointer", d.pointer},
                       {"code", d.code},
                       {"severity", d.warning ? "warning" : "error"},
                       {"message", d.message},
                       {"hint", d.hint}});
}

}  // namespace pawl::core
