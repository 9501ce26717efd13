#include "manufacturing/json_tree.h"

namespace manufacturing {

using pawl::Result;
using pawl::Value;
using Kind = JsonReader::Kind;

const JsonNode* JsonNode::get(std::string_view name) const {
  for (const JsonNode& n : inner)
    if (n.key == name) return &n;
  return nullptr;
}

Value JsonNode::value() const {
  switch (kind) {
    case Kind::boolean:
      return boolean;
    case Kind::number:
      if (integer && number > -1e15 && number < 1e15) return static_cast<std::int64_t>(number);
      return number;
    case Kind::string:
      return text;
    case Kind::array: {
      Value v = Value::array();
      for (const JsonNode& n : inner)
        v.push(n.value());
      return v;
    }
    case Kind::object: {
      Value v = Value::object();
      for (const JsonNode& n : inner)
        v.set(n.key, n.value());
      return v;
    }
    default:
      return {};
  }
}

namespace {

// Reads what value() has begun.
bool read_node(JsonReader& json, JsonNode& node) {
  node.kind = json.kind();
  node.place = json.place();
  switch (node.kind) {
    case Kind::not_a_number:
      return json.refuse("this is no number");
    case Kind::number:
      node.number = json.number();
      node.integer = json.integer();
      return true;
    case Kind::string:
      node.text = json.text();
      return true;
    case Kind::boolean:
      node.boolean = json.boolean();
      return true;
    case Kind::array:
      while (json.next_item()) {
        if (!json.value() || !read_node(json, node.inner.emplace_back())) return false;
      }
      return json.ok();
    case Kind::object:
      while (json.next_member()) {
        if (node.get(json.key())) {
          return json.refuse("\"" + json.key() + "\" is there twice", json.key_place());
        }
        JsonNode& member = node.inner.emplace_back();
        member.key = json.key();
        member.key_place = json.key_place();
        if (!json.value() || !read_node(json, member)) return false;
      }
      return json.ok();
    default:
      return true;
  }
}

}  // namespace

Result<JsonNode> read_tree(const std::string& name, std::string_view text) {
  JsonReader json(name, text_source(text));
  JsonNode root;
  if (!json.value() || !read_node(json, root) || !json.end()) return json.error();
  return root;
}

}  // namespace manufacturing
