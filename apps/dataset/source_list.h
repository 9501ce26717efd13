#pragma once
// Which files a config's sources name, each with a unique name, in order of names. Lists are text,
// a file a line; empty lines and those that begin with # are left out; columns by white space:
//
//   files   PATH [SHA256]            relative to the list's folder
//   http    URL [SHA256 [NAME]]      NAME: where it goes beneath the source, such as cats/1.jpg
//
// A SHA256 of "-" is unknown. Errors: invalid with file and line; not_found, io.

#include <vector>

#include "dataset/config.h"
#include "dataset/record.h"

namespace dataset {

pawl::Result<std::vector<Item>> list_items(const std::vector<Source>& sources);

}  // namespace dataset
