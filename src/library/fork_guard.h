#pragma once
// What a child made by fork() must not do: go on as if it were the process that owns the directory.
//
// Its threads are gone, and what they held locked stays locked. So every call of the API is refused
// there, a handler that returns in a child ends the child, and the child lets go of the lock on the
// directory, which would otherwise outlive its owner.

#include <cstdint>
#include <string>

#include "library/inside.h"

namespace pawl::v1 {

// Grows in each child. What was opened under another generation is not ours to use.
std::uint64_t fork_generation();
// Begins to count. Called by whatever opens a directory.
void watch_forks();
// Closes in children what this process has open of `path`. Returns a number for forget_lock().
int close_in_children(const std::string& path);
void forget_lock(int number);
// Refuses, in a child.
Status refuse_in_child(std::uint64_t generation);
// Ends the child in which a handler returned.
[[noreturn]] void end_child();

}  // namespace pawl::v1
