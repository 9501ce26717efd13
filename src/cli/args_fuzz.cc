// Command lines: whatever the words, an invocation whose values can be asked for, or an error that
// says what is wrong.
#include "cli/args.h"

#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "cli/commands.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::cli;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> words;
  for (auto word : split(text, '\n'))
    words.emplace_back(word);
  auto parsed = parse_args(commands(), words);
  if (!parsed.ok()) {
    PAWL_ASSERT(parsed.error().code == Errc::usage && !parsed.error().message.empty());
    return 0;
  }
  const auto* command = parsed->command;
  if (!command || parsed->want != Invocation::Want::command) return 0;
  for (const auto& flag : command->flags) {
    if (!parsed->given(flag.name)) continue;
    switch (flag.kind) {
      case FlagKind::integer:
        PAWL_ASSERT(*parsed->integer(flag.name) >= 0);
        break;
      case FlagKind::duration:
        PAWL_ASSERT(parsed->duration(flag.name).has_value());
        break;
      case FlagKind::pair:
        for (const auto& [name, value] : parsed->pairs(flag.name))
          PAWL_ASSERT(!name.empty());
        break;
      case FlagKind::toggle:
        break;
      default:
        PAWL_ASSERT(parsed->text(flag.name).has_value());
    }
  }
  return 0;
}
