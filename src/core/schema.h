#pragma once
// Schema: the JSON Schema keywords that inputs and gate forms are written with. A subset of
// 2020-12:
//   type (one or a list) enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
//   minLength maxLength pattern format items minItems maxItems uniqueItems properties required
//   additionalProperties default title description examples
// Formats: date, time, date-time, duration (Pawl's: 1h30m), size (100MiB), email, uri.
// Anything else is refused when the schema is read, never ignored: a keyword without effect is a
// trap.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pawl::core {

struct SchemaIssue {
  std::string pointer;  // into the schema, or into the value
  std::string code;  // unknown_keyword, wrong_type, bad_pattern, ... | the keyword that is violated
  std::string message;
  std::string hint;
};

// What is wrong with a schema itself.
std::vector<SchemaIssue> check_schema(const Json& schema);

// All violations of `schema` by `value`; none where it is valid. Stops at 100.
// REQUIRES: check_schema(schema) is empty (else: keywords it cannot read are passed over).
std::vector<SchemaIssue> validate(const Json& value, const Json& schema);

// Is `text` of that format? Formats that are not known are false.
bool matches_format(std::string_view text, std::string_view format);

}  // namespace pawl::core
