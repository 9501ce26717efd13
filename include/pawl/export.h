#pragma once
// What every public header begins with: which symbols the library shows, and its ABI's name.
//
// All symbols are hidden save those marked PAWL_API. Names live in the inline namespace pawl::v1: a
// release that changes a layout moves to v2 (and a new soname), so that old and new never mix
// silently. Users write pawl::Workflow and never v1.

// The version of these headers: major, minor, patch.
#define PAWL_VERSION_MAJOR 0
#define PAWL_VERSION_MINOR 1
#define PAWL_VERSION_PATCH 0

// Marks a symbol that the shared library exports.
#define PAWL_API __attribute__((visibility("default")))

// Pawl's own sources hold other types of the same names in namespace pawl, so there the version's
// namespace is a plain one. The linker sees the same symbols either way.
#ifdef PAWL_INSIDE
#define PAWL_V1 v1
#else
#define PAWL_V1 inline v1
#endif

namespace pawl::PAWL_V1 {

// The version of the library that runs, such as "0.1.0".
PAWL_API const char* version();

}  // namespace pawl::PAWL_V1
