#pragma once
// logs.db: what tasks printed, apart from the state, so that a full log disk never blocks a run. A
// row is a chunk of consecutive lines of one attempt, compressed above 1 KiB. Chunks are appended
// as they come, small or not, and merged to some tens of KiB when there is time. Opened at the
// first line.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace pawl::store::sqlite {

// Lines as bytes: time differences, stream, text.
std::string encode_lines(const std::vector<core::LogLine>& lines);
Result<std::vector<core::LogLine>> decode_lines(std::string_view bytes, std::size_t count);

class LogStore {
 public:
  explicit LogStore(FileOptions options);
  ~LogStore() { readers_.close_idle(); }

  // For the directory's owner, before anybody reads. A WAL that is damaged is refused from now on.
  // The journal of one who died, or whose disk failed, while the file was made is played back:
  // readers cannot.
  Status mend();
  // Durable when it returns. Lines that are there already are dropped. One writer at a time.
  Status append(const std::vector<LogChunk>& chunks);
  Status remove_runs(const std::vector<RunId>& runs);
  // Merges some small chunks, moves the WAL on, gives back freed space. Short.
  Status idle();

  // Thread-safe.
  Result<std::vector<LogChunk>> read(const LogQuery& query);
  // Findings: chunks that fail their checksum, lines that overlap. `runs` tells whether a run
  // exists.
  Status check(const std::function<Result<bool>(RunId)>& exists,
               std::vector<std::string>& findings);
  std::uint64_t bytes() const;

 private:
  // Small chunks of one attempt, appended since its last merge.
  struct Tail {
    std::uint64_t first_line = 0;
    std::uint32_t chunks = 0;
    std::size_t raw = 0;
  };
  using AttemptKey = std::tuple<RunId, TaskId, Attempt>;

  bool exists() const;
  Status open();
  Status append_one(const LogChunk& chunk);
  Status insert(const LogChunk& chunk, std::size_t* raw);
  Result<std::uint64_t> next_line(const LogChunk& chunk);
  Status merge(const AttemptKey& key, const Tail& tail);

  FileOptions options_;
  Readers readers_;
  Status sound_;            // or why nothing of it can be trusted
  std::unique_ptr<Db> db_;  // null until the first append
  std::unique_ptr<Checkpointer> checkpointer_;
  std::map<AttemptKey, Tail> tails_;
};

}  // namespace pawl::store::sqlite
