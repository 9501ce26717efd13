#pragma once
// Job: one process that the spawner carries, with all it has printed that an engine may still need.
//
// Output is kept as chunks of encoded lines: in memory, or, while no engine listens, in a file
// DATA/spool/<run>.<task>.<attempt>.<lease>.out. `cursor` is the first chunk not yet sent on this
// connection. What the worker acknowledged is kept for another megabyte, because it acknowledges
// what it handed to the engine, not what the engine has on disk; a new engine gets those lines
// again, by number, and drops the ones it has.

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "actions/mask.h"
#include "actions/process.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/result.h"
#include "worker/line_splitter.h"
#include "worker/wire.h"

namespace pawl::worker {

// Lines as they travel: u8 stream, varint time, bytes text, each.
struct Chunk {
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t size = 0;
  std::string bytes;  // empty where it lies in the file
  std::uint64_t file_at = 0;
  std::uint32_t crc = 0;  // of the bytes in the file
  bool in_file = false;
};

class Job {
 public:
  Job(actions::ProcessKey job_key, actions::ProcessSpec job_spec);

  const actions::ProcessKey key;
  core::Fence fence;
  std::string state, mark;
  std::vector<std::pair<std::string, std::string>> secrets;

  // The process.
  pid_t pid = -1;
  Time started_at = kNoTime;
  const Mono begun = system_clock().mono();  // a job is made when its process was launched
  UniqueFd out, err;
  bool reading = true;  // its pipes are in the poll set
  bool leader_ended = false;
  int status = 0;
  actions::StopReason stopped = actions::StopReason::none;
  Mono kill_at = Mono::max();      // KILL to the group
  Mono give_up_at = Mono::max();   // after KILL: no longer waiting for the group
  Mono drain_until = Mono::max();  // after the process: no longer waiting for its pipes
  bool unconfirmed = false;
  bool ended = false;  // nothing more will come

  // Output.
  void add_output(core::Stream stream, std::string_view data, Time now);
  void finish_output(core::Stream stream, Time now);
  void note(std::string_view text, Time now);
  std::uint64_t next_line() const { return next_line_; }
  std::uint64_t first_kept() const { return chunks_.empty() ? next_line_ : chunks_.front().first; }

  // Sending: appends output frames to `out` until `limit` bytes wait there, then, after the last
  // of them, the exit. Returns whether something is left to send.
  bool pump(std::string& to, std::size_t limit);
  void rewind();  // a new connection: everything kept is sent again
  void acknowledge(std::uint64_t lines);
  std::size_t unsent_bytes() const { return unsent_; }

  // Spool. Moves what is in memory to the file; REQUIRES: dir is the spool directory.
  Status spill(const std::string& dir);
  std::size_t bytes_in_memory() const { return in_memory_; }
  std::uint64_t bytes_in_file() const { return file_size_; }
  // Everything, durable, for a spawner of a later life. REQUIRES: ended.
  Status save(const std::string& dir);
  static Result<std::unique_ptr<Job>> load(const std::string& dir, const std::string& name);
  void remove_files(const std::string& dir) const;
  std::string file_name() const;  // without its ending

  void put_held(Writer& w) const;

 private:
  void put_line(core::Stream stream, std::string_view text, Time now);
  void close_chunk();
  void encode_header(Writer& w) const;
  void put_chunk(std::string& to, const Chunk& chunk);

  actions::Masker masker_;
  LineSplitter out_lines_, err_lines_;
  std::deque<Chunk> chunks_;
  Chunk open_;              // the one being filled
  std::size_t cursor_ = 0;  // index into chunks_
  bool exit_sent_ = false;
  std::uint64_t next_line_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::size_t unsent_ = 0, in_memory_ = 0, kept_ = 0;
  UniqueFd file_;
  std::uint64_t file_size_ = 0;
};

}  // namespace pawl::worker
