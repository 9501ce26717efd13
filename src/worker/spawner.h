#pragma once
// The spawner: a small process beside the engine, the only place that spawns.
//
//   pawl (engine, worker) ==socket== spawner --+-- task   (own group, dies with the spawner)
//                                              +-- task
//
// Why a process of its own: a kill -9 of the engine must not take running tasks with it, nor their
// output, nor their exit codes. The spawner goes on: it reads their pipes (DATA/spool/ holds what
// memory should not), reaps them, and waits at DATA/spawner.sock (0600) for the next engine
// process, which asks what it holds and goes on with it. With no engine and nothing left to wait
// for it writes every end to the spool, durably, and exits; the next spawner reads the spool. If
// the spawner itself is killed its children die with it, and what escaped them is found by
// PAWL_LEASE in /proc (orphans.h).
//
// One a data directory: DATA/spawner.lock is held for life. One engine at a time: a second one gets
// `busy`. It has one thread for everything but the starting itself (launcher.h), no engine code,
// and starts in its own session with /dev/null for stdio.

namespace pawl::worker {

// `pawl __spawner DATA`: called by main() before anything else. Descriptor 3 is the first worker's
// connection. Returns the exit code.
int spawner_main(int argc, char** argv);

inline constexpr const char* kSpawnerArgument = "__spawner";
inline constexpr int kSpawnerFd = 3;
inline constexpr const char* kSpawnerSocket = "spawner.sock";
inline constexpr const char* kSpawnerLock = "spawner.lock";

}  // namespace pawl::worker
