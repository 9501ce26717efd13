#include "cli/brief_error.h"

#include "base/text.h"
#include "cli/term.h"

namespace pawl::cli {
namespace {

constexpr std::string_view kAnnounced = "; last lines of ";

}  // namespace

std::string cause_of(std::string_view message) {
  auto first = message.substr(0, message.find('\n'));
  return clean_line(first.substr(0, first.find(kAnnounced)));
}

std::string brief_error(std::string_view message) {
  auto end = message.find('\n');
  auto cause = cause_of(message);
  auto announced = message.substr(0, end).find(kAnnounced) != std::string_view::npos;
  if (!announced || end == std::string_view::npos) return cause;
  auto rest = trim(message.substr(end));
  auto last = trim(rest.substr(rest.rfind('\n') + 1));
  return last.empty() ? cause : str(cause, ": ", clean_line(last));
}

}  // namespace pawl::cli
