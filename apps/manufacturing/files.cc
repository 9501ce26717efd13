#include "manufacturing/files.h"

#include <errno.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

namespace manufacturing {

using pawl::Result;

Result<std::string> make_unique_folder(const std::string& prefix) {
  std::string name = prefix + "XXXXXX";
  if (!::mkdtemp(name.data())) return file_error("making", prefix);
  if (auto s = apps::sync_folder(apps::folder_of(name)); !s.ok()) return s;
  return name;
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(path, error), end;
  for (; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) {
    errno = error.value();
    return file_error("listing", path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void remove_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}

}  // namespace manufacturing
