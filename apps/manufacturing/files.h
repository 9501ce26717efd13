#pragma once
// Files: beside what all apps do with them (common/files.h), folders that this app makes and lists.
// Errors: io, disk_full or not_found, with path and reason.

#include <string>
#include <string_view>
#include <vector>

#include "common/files.h"

namespace manufacturing {

using apps::Fd;
using apps::file_error;
using apps::file_exists;
using apps::make_folders;
using apps::open_to_read;
using apps::publish;
using apps::read_file;
using apps::write_all;
using apps::write_file;

// A new folder whose name begins with `prefix`; its whole path.
pawl::Result<std::string> make_unique_folder(const std::string& prefix);
// Names in a folder, sorted.
pawl::Result<std::vector<std::string>> list_folder(const std::string& path);
void remove_folder(const std::string& path);

// Calls `each` for every line, without its newline, until it returns false.
template <typename F>
void for_each_line(std::string_view text, F each) {
  while (!text.empty()) {
    auto end = text.find('\n');
    if (!each(text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace manufacturing
