#pragma once
// Fetch: brings one item into OUTPUT/files under its name, whole and verified, or says why it will
// never come. A file that is there already and right is not fetched again. Not thread-safe.

#include "dataset/http_fetch.h"
#include "dataset/record.h"

namespace dataset {

struct FetchPlace {
  std::string files;  // OUTPUT/files
  std::string parts;  // OUTPUT/work/parts
};

class Fetch {
 public:
  Fetch(FetchPlace place, DownloadOptions options, std::uint64_t max_bytes, Patience patience);
  // Errors: whatever may be better next time; unavailable where it was stopped.
  pawl::Status fetch(const Item& item, Checked& out);

 private:
  pawl::Status copy(const Item& item, const std::string& file, Checked& out);
  pawl::Status download(const Item& item, const std::string& file, Checked& out);

  FetchPlace place_;
  DownloadOptions options_;
  std::uint64_t max_bytes_;
  Patience patience_;
  HttpFetch http_;
};

}  // namespace dataset
