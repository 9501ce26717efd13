// backup and restore: a data directory copied whole, also beside the process that owns it.
#include "store/sqlite/backup.h"

#include "base/fs.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::cli {
namespace {

// Reads all of a copy again: what is damaged is found now, not when it is needed.
Result<std::uint64_t> verify(const std::string& directory) {
  auto store = TRY(store::open_sqlite({.directory = directory, .read_only = true}));
  auto findings = TRY(store->check());
  if (!findings.empty()) {
    return Error{Errc::corrupt,
                 str(directory, " is damaged: ", findings.front(),
                     findings.size() > 1 ? str(" (and ", findings.size() - 1, " more)") : "")};
  }
  return TRY(store->info()).runs;
}

int told(const Ask& ask, const char* what, const std::string& directory,
         const store::Backup& backup, std::uint64_t runs) {
  if (ask.json()) {
    Json j = Json::object();
    j.set(what, directory).set("runs", runs).set("files", backup.files).set("bytes", backup.bytes);
    ask.print_json(j);
  } else {
    ask.print(str(directory, ": ", format_size(backup.bytes), " in ", backup.files,
                  backup.files == 1 ? " file, " : " files, ", runs, runs == 1 ? " run" : " runs",
                  "; every page was read and checked\n"));
  }
  return 0;
}

}  // namespace

Result<int> run_backup(const Ask& ask) {
  const std::string& to = ask.args.args().front();
  auto backup = TRY(store::copy_data_directory(data_directory(ask), to));
  return told(ask, "backup", to, backup, TRY(verify(to)));
}

Result<int> run_restore(const Ask& ask) {
  const std::string& from = ask.args.args().front();
  auto to = data_directory(ask);
  if (file_exists(to + "/pawl.db")) {
    return {Errc::conflict, str("there is a data directory in ", to,
                                " already: move it away, or name another one with --data")};
  }
  auto backup = TRY(store::copy_data_directory(from, to));
  return told(ask, "restored", to, backup, TRY(verify(to)));
}

}  // namespace pawl::cli
