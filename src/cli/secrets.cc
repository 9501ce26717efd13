#include "cli/secrets.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::cli {

Result<std::string> find_secret(const std::string& directory, std::string_view name,
                                const Environment& environment) {
  auto plain = !name.empty();
  std::string variable = "PAWL_SECRET_";
  for (char c : name) {
    auto letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    plain &= letter || (c >= '0' && c <= '9') || c == '_' || c == '-';
    variable.push_back(c == '-'               ? '_'
                       : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A')
                                              : c);
  }
  if (!plain) return {Errc::usage, "a secret's name is made of letters, digits, '-' and '_'"};
  auto path = str(directory, "/secrets/", name);
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if ((info.st_mode & 077) != 0) {
      return {Errc::forbidden,
              str("secret ", name, ": ", path, " can be read by others; chmod 600 it")};
    }
    auto text = TRY(read_file(path, 64u << 10));
    while (text.ends_with('\n'))
      text.pop_back();
    return text;
  }
  if (const char* value = environment(variable.c_str())) return std::string(value);
  return {Errc::not_found, str("there is no secret ", name, ": write it to ", path,
                               " (chmod 600), or set ", variable)};
}

}  // namespace pawl::cli
