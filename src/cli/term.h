#pragma once
// The terminal: what it can show, and text that is safe and right to show on it.
//
// What is printed for people depends on four facts of the stream (a terminal? how wide? colour?
// UTF-8?), decided once from the environment, so that tests and golden files can fix them. Text
// that comes from outside (task output, names, messages) passes clean_line() or clean_text() first:
// it can then neither move the cursor, nor recolour, nor forge lines, nor turn the reading
// direction.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pawl::cli {

enum class ColorChoice { automatic, always, never };
Result<ColorChoice> parse_color_choice(std::string_view text);  // auto, always, never

struct Term {
  bool tty = false;
  int width = 80;
  bool color = false;
  bool utf8 = false;
};

// A variable's value, or nullptr.
using Environment = std::function<const char*(const char*)>;
const char* process_environment(const char* name);

// What of the terminal the stream itself knows; columns is 0 where it does not.
struct StreamFacts {
  bool tty = false;
  int columns = 0;
};
StreamFacts stream_facts(int fd);

// Colour: the flag decides; else CLICOLOR_FORCE (set, not "0") says yes; else NO_COLOR (not empty),
// TERM=dumb or a pipe say no. Width: the stream, else COLUMNS, else 80. UTF-8: LC_ALL, LC_CTYPE or
// LANG, the first that is set.
Term describe_term(StreamFacts facts, ColorChoice choice, const Environment& environment);

// -- Width

// Columns that the text takes: wide characters (CJK, emoji) two, combining marks none.
std::size_t display_width(std::string_view text);
// The longest beginning of at most `width` columns; a cut ends in "…" (or "...") within the width.
std::string truncate(std::string_view text, std::size_t width, bool utf8);
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);
// Words in lines of at most `width` columns, each behind `indent` blanks; a longer word stays
// whole.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

// -- Untrusted text

// One line: escape sequences and direction overrides go, line ends and tabs become blanks, other
// control characters "?"; what is not UTF-8 becomes U+FFFD.
std::string clean_line(std::string_view text);
// The same, but keeps line ends and tabs.
std::string clean_text(std::string_view text);

// -- Colour and marks

enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, blue, magenta, cyan };
// The text in that style where the terminal has colour, else as it is.
std::string paint(const Term& term, Style style, std::string_view text);

struct Mark {
  std::string_view utf8;
  std::string_view ascii;
  Style style = Style::plain;
};
// The mark of a run's or a task's state, or of a verdict. Unknown words get a blank.
Mark mark_of(std::string_view state);
// "✓ completed" in green; the word stays, so that grep and the colour-blind find it.
std::string state_text(const Term& term, std::string_view state);

}  // namespace pawl::cli
