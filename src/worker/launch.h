#pragma once
// Starts one process: the only exec of the house, called by the spawner's launcher alone.
//
// vfork, because the child shares the spawner's memory until exec: no page table is copied, and a
// failure's errno comes back in a variable. The child gets its own group, dies with the spawner
// (PR_SET_PDEATHSIG, checked against a parent that died meanwhile), has default signals, an empty
// signal mask, /dev/null as input and the two pipes as output; nothing else is inherited.

#include <sys/types.h>

#include "actions/process.h"
#include "base/fs.h"

namespace pawl::worker {

struct Launched {
  pid_t pid = -1;
  UniqueFd out, err;           // read ends, non-blocking
  actions::LaunchError error;  // where pid is -1
};

// `lease` becomes PAWL_LEASE. The child dies with the calling thread.
Launched launch(const actions::ProcessSpec& spec, const std::string& lease, int null_fd);

}  // namespace pawl::worker
