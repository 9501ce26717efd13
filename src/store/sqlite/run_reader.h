#pragma once
// Reads runs, within the caller's read transaction, on any connection. Every row's checksum is
// verified before a byte of it is handed out; damage is Errc::corrupt and names the run.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace pawl::store::sqlite {

Result<std::optional<RunImage>> load_run(Db& db, RunId run);
Result<std::vector<RunImage>> scan_open(Db& db, RunId after, std::uint32_t limit,
                                        bool constrained_only);
Result<std::optional<RunRow>> find_run(Db& db, RunId run);
// run_list.cc
Result<std::vector<RunRow>> list_runs(Db& db, const RunFilter& filter);
Result<std::vector<EventChunk>> read_events(Db& db, RunId run, std::uint64_t after_seq);
Result<std::optional<std::string>> read_payload(Db& db, RunId run, const std::string& hash);
// Fills name, job and labels. Error: corrupt where the run has no fixed row.
Result<std::string> read_fixed(Db& db, RunHeader& header);

}  // namespace pawl::store::sqlite
