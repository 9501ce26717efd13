#pragma once
// JsonTree: a small JSON file as a tree that remembers where everything stands, for messages about
// what a file says. The DAG file is read so; batches are far too large for it.

#include <pawl/value.h>

#include <string>
#include <string_view>
#include <vector>

#include "manufacturing/json_reader.h"

namespace manufacturing {

struct JsonNode {
  JsonReader::Kind kind = JsonReader::Kind::null;
  std::string text;  // of a string
  double number = 0;
  bool boolean = false, integer = false;
  Place place, key_place;
  std::string key;  // of a member
  std::vector<JsonNode> inner;

  // The member of that name, or nullptr.
  const JsonNode* get(std::string_view name) const;
  bool is(JsonReader::Kind k) const { return kind == k; }
  pawl::Value value() const;
};

// Errors: invalid, with line and column; also where a name stands twice in an object.
pawl::Result<JsonNode> read_tree(const std::string& name, std::string_view text);

}  // namespace manufacturing
