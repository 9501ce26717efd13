#pragma once
// Processes found by what they were started with: PAWL_LEASE=<store>:<run>.<task>.<attempt>.<lease>
// stands in the environment of every task, and of what it starts, for as long as they live. That
// finds processes which left their group, or whose parent is gone.
//
// A pid is never trusted alone: it is held by a pidfd, and its environment read again through that,
// before a signal is sent.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "core/worker_port.h"

namespace pawl::worker {

// Identity of a data directory on this machine, for PAWL_LEASE. "" where it cannot be read.
std::string store_identity(const std::string& data_dir);
std::string lease_of(std::string_view store, const core::Fence& fence);

// Kills every process whose PAWL_LEASE begins with `lease` (a whole one, or "<store>:" for all of a
// data directory), and waits until they are gone. Returns those that are still there after
// `patience`; 0 is success. Does not touch the caller. Blocks.
int kill_by_lease(std::string_view lease, Duration patience, const Clock& clock);
// Some child of this process is not among `known`: what a task left behind came to us.
bool has_other_children(const std::vector<pid_t>& known);

// Field 22 of /proc/PID/stat, counted after the last ')': the start time in ticks since boot. 0:
// gone.
unsigned long long start_ticks(pid_t pid);

}  // namespace pawl::worker
