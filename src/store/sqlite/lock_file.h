#pragma once
// DIR/pawl.lock: held for the life of the one process that writes there; its text says who that is.
// The kernel drops the lock when its holder dies, however it dies, so a lock file that lies about
// is never stale. An open-file-description lock rather than flock(): who holds it can be asked
// without taking it, so that asking never makes a starting server fail.

#include <optional>
#include <string>

#include "base/fs.h"
#include "base/result.h"

namespace pawl::store::sqlite {

class LockFile {
 public:
  // `owner`: JSON object to be told to others; pid and start time are added. Error: in_use, with
  // the holder's text.
  static Result<LockFile> take(const std::string& directory, const std::string& owner);
  // The holder's text, or nothing where nobody holds it.
  static Result<std::optional<std::string>> holder(const std::string& directory);

  LockFile() = default;
  LockFile(LockFile&&) = default;
  LockFile& operator=(LockFile&&) = default;

 private:
  explicit LockFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace pawl::store::sqlite
