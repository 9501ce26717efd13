#pragma once
// Doc: a YAML or JSON document as a compact tree that knows where each key and value stands.
//
// Nodes lie in preorder in one growing arena, 24 bytes each: a container's first child is the next
// node, and `end` skips its whole subtree, so there are no child lists and nothing is ever moved.
// An object's children alternate key, value. Scalars keep their text as written (numbers too: 0.10
// in an argument vector stays 0.10); text without escapes is a view into the file, which must
// outlive the Doc. YAML aliases are expanded by copying, within a budget.
//
// Rejected: Json with positions beside it (twice the memory), libyaml's document API (200 bytes a
// node, no positions of keys in our JSON path).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pawl::core {

enum class DocType : std::uint8_t { null, boolean, integer, number, string, array, object };

// "a string", "an integer", "nothing": for messages.
const char* describe(DocType type);

struct DocNode {
  union {
    const char* text;   // scalars
    std::uint32_t end;  // containers: index of the node after the subtree
  };
  std::uint32_t size;  // scalars: bytes of text; containers: elements or members
  std::uint32_t line, column;
  DocType type;
  // Scalars: where their text begins, in characters after `column`, if the file holds it on one
  // line as it is (no escapes, no folding); else kNoLead. Errors inside a text can then point at
  // the place.
  std::uint8_t lead;
};
inline constexpr std::uint8_t kNoLead = 255;
inline constexpr std::uint8_t kBlockLead = 254;  // a literal block: line by line below `line`
static_assert(sizeof(DocNode) == 24);

// What is wrong with the document as a document.
struct DocProblem {
  static constexpr std::uint32_t kNoNode = 0xffffffffu;
  std::uint32_t line = 1, column = 1;
  std::uint32_t node = kNoNode;  // for the JSON pointer
  std::string code, message, hint;
  bool warning = false;
};

struct DocLimits {
  std::size_t max_bytes = 64u << 20;
  std::uint32_t max_depth = 100;
  std::uint32_t max_alias_nodes = 100'000;
  std::uint32_t max_problems = 1000;  // further ones are counted only
};

class DocRef;

class Doc {
 public:
  Doc() = default;
  Doc(Doc&&) = default;
  Doc& operator=(Doc&&) = default;
  // JSON where the first byte that is not blank is `{`, else YAML. `text` must outlive the Doc.
  static Doc read(std::string_view text, const DocLimits& limits = {});
  static Doc read_yaml(std::string_view text, const DocLimits& limits = {});
  static Doc read_json(std::string_view text, const DocLimits& limits = {});

  // The tree cannot be used: empty, or cut off by a syntax error.
  bool is_json() const { return json_; }
  bool broken() const { return broken_ || count_ == 0; }
  const std::vector<DocProblem>& problems() const { return problems_; }
  std::uint32_t problems_left_out() const { return left_out_; }
  DocRef root() const;
  std::uint32_t node_count() const { return count_; }
  const DocNode& at(std::uint32_t index) const { return blocks_[index >> kShift][index & kMask]; }
  // Index after the subtree at `index`.
  std::uint32_t end(std::uint32_t index) const {
    const DocNode& n = at(index);
    return n.type >= DocType::array ? n.end : index + 1;
  }
  // JSON pointer of a key's value or of a value, from the root or from a node above it. Walks over
  // what stands before it: for messages.
  std::string pointer(std::uint32_t index, std::uint32_t from = 0) const;
  std::size_t footprint() const;

  // For the readers.
  std::uint32_t add(DocType type, std::string_view text, std::uint32_t line, std::uint32_t column);
  DocNode& edit(std::uint32_t index) { return blocks_[index >> kShift][index & kMask]; }
  std::string_view keep(std::string_view text);  // copies into the arena
  void problem(DocProblem p, const DocLimits& limits);
  void set_broken() { broken_ = true; }
  // Reports keys of the object at `index` that stand twice.
  void check_keys(std::uint32_t index, const DocLimits& limits);

 private:
  static constexpr std::uint32_t kShift = 14, kMask = (1u << kShift) - 1;
  std::vector<std::unique_ptr<DocNode[]>> blocks_;
  std::uint32_t count_ = 0;
  std::vector<std::unique_ptr<char[]>> text_blocks_;
  std::size_t text_used_ = 0, text_size_ = 0, text_total_ = 0;
  std::vector<DocProblem> problems_;
  std::uint32_t left_out_ = 0;
  bool broken_ = false, json_ = false;
};

// A node of a Doc; cheap to copy. A default one is "absent" and false.
class DocRef {
 public:
  DocRef() = default;
  DocRef(const Doc& doc, std::uint32_t index) : doc_(&doc), index_(index) {}
  explicit operator bool() const { return doc_ != nullptr; }
  const Doc& doc() const { return *doc_; }
  std::uint32_t index() const { return index_; }
  const DocNode& node() const { return doc_->at(index_); }
  DocType type() const { return node().type; }
  bool is(DocType t) const { return node().type == t; }
  bool is_null() const { return is(DocType::null); }
  bool is_string() const { return is(DocType::string); }
  bool is_array() const { return is(DocType::array); }
  bool is_object() const { return is(DocType::object); }
  // REQUIRES: a scalar. As written (quotes and escapes undone).
  std::string_view text() const { return {node().text, node().size}; }
  std::uint32_t size() const { return node().size; }
  std::uint32_t line() const { return node().line; }
  // The member's value, or an absent one.
  DocRef find(std::string_view key) const;
  // What `pointer` (below this node) names, or the nearest node above it that exists.
  DocRef locate(std::string_view pointer) const;
  Json to_json() const;

  class Members;
  class Elements;
  Members members() const;    // REQUIRES: an object
  Elements elements() const;  // REQUIRES: an array

 private:
  const Doc* doc_ = nullptr;
  std::uint32_t index_ = 0;
};

struct DocMember {
  DocRef key, value;
};

class DocRef::Members {
 public:
  Members(const Doc& doc, std::uint32_t first, std::uint32_t past)
      : doc_(doc), first_(first), past_(past) {}
  struct Iterator {
    const Doc* doc;
    std::uint32_t at;
    DocMember operator*() const { return {DocRef(*doc, at), DocRef(*doc, at + 1)}; }
    Iterator& operator++() {
      at = doc->end(at + 1);
      return *this;
    }
    bool operator!=(const Iterator& o) const { return at != o.at; }
  };
  Iterator begin() const { return {&doc_, first_}; }
  Iterator end() const { return {&doc_, past_}; }

 private:
  const Doc& doc_;
  std::uint32_t first_, past_;
};

class DocRef::Elements {
 public:
  Elements(const Doc& doc, std::uint32_t first, std::uint32_t past)
      : doc_(doc), first_(first), past_(past) {}
  struct Iterator {
    const Doc* doc;
    std::uint32_t at;
    DocRef operator*() const { return DocRef(*doc, at); }
    Iterator& operator++() {
      at = doc->end(at);
      return *this;
    }
    bool operator!=(const Iterator& o) const { return at != o.at; }
  };
  Iterator begin() const { return {&doc_, first_}; }
  Iterator end() const { return {&doc_, past_}; }

 private:
  const Doc& doc_;
  std::uint32_t first_, past_;
};

inline DocRef::Members DocRef::members() const { return {*doc_, index_ + 1, doc_->end(index_)}; }
inline DocRef::Elements DocRef::elements() const { return {*doc_, index_ + 1, doc_->end(index_)}; }

// A number as YAML 1.2 core or JSON writes it. False where it does not fit 64 bits or a double.
bool parse_integer(std::string_view text, std::int64_t& out);
bool parse_double(std::string_view text, double& out);

// A hash of bytes, the same on every machine; not for adversaries without a comparison behind it.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0);

// Where `text` stops being UTF-8 or holds a byte no text file has (NUL and most control bytes).
// Returns false where there is such a place, with its position and a description.
bool check_text(std::string_view text, std::uint32_t& line, std::uint32_t& column,
                std::string& what);

}  // namespace pawl::core
