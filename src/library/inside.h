#pragma once
// The public headers as Pawl's own sources read them, and the way between their types and ours.
//
// Both sides have a Status, a Result and a RunId. Here the public ones are pawl::v1::Status and so
// on, in a plain namespace (PAWL_INSIDE), so that no name is found twice.

#ifndef PAWL_INSIDE
#ifdef PAWL_V1
#error "include library/inside.h before any public header"
#endif
#define PAWL_INSIDE
#endif

#include "base/json.h"
#include "base/result.h"
#include "pawl/pawl.h"

namespace pawl::v1 {

// A Value is a Json in its sixteen bytes.
struct ValueAccess {
  static Json& json(Value& v) { return *std::launder(reinterpret_cast<Json*>(v.storage_)); }
  static const Json& json(const Value& v) {
    return *std::launder(reinterpret_cast<const Json*>(v.storage_));
  }
};

Value to_value(Json json);
inline const Json& to_json(const Value& v) { return ValueAccess::json(v); }

Status to_status(const Error& error);
Status to_status(const pawl::Status& status);

}  // namespace pawl::v1
