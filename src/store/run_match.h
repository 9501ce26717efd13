#pragma once
// What a RunFilter means, in one place for every store: a store may find candidates in its own way,
// and then asks here. Labels are pairs taken from a run's labels text, a flat JSON object.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.h"

namespace pawl::store {

using Labels = std::vector<std::pair<std::string, std::string>>;

// The members of a JSON object; a value that is not a string is taken as its JSON text.
// Text that is not an object has no labels.
Labels parse_labels(const std::string& text);

// Everything of the filter but its cursor and limit.
bool matches(const RunFilter& filter, const RunHeader& header, std::string_view workflow_name);

}  // namespace pawl::store
