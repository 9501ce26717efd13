#pragma once
// Files: beside what all apps do with them (common/files.h), checksums, lists of what is beneath a
// folder, and which names strangers may choose. Errors: io or disk_full, with path and reason.

#include <pawl/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/files.h"

namespace dataset {

using apps::Fd;
using apps::file_error;
using apps::file_exists;
using apps::folder_of;
using apps::make_folders;
using apps::read_file;
using apps::write_all;
using apps::write_file;

// "a" and "b" give "a/b"; an absolute second one stands alone.
std::string join_path(const std::string& folder, const std::string& name);

// Everything written beneath this folder's file system so far is on disk, renames too.
pawl::Status sync_all(const std::string& folder);
pawl::Status rename_file(const std::string& from, const std::string& to);
void remove_file(const std::string& path);

struct Digest {
  std::string sha256;
  std::uint64_t bytes = 0;
};
// Reads a file to its end, piece by piece. Errors: unavailable when `stop` says so; not_found; io;
// too_large past `most`; invalid where it is no regular file; whatever `each` says.
struct ReadOptions {
  std::uint64_t most = UINT64_MAX;
  std::function<pawl::Status(std::string_view)> each;
  std::function<bool()> stop;
};
pawl::Result<Digest> digest_file(const std::string& path, const ReadOptions& options);

// Names of all that is no folder beneath, relative, sorted by byte. Hidden files and folders are
// left out, links to folders are not followed.
pawl::Result<std::vector<std::string>> list_files(const std::string& folder);
// Whether a relative name stays beneath its root: no "..", no ".", no empty part, no NUL.
bool is_plain_name(std::string_view name);
bool is_utf8(std::string_view text);

}  // namespace dataset
