#pragma once
// HttpFetch: one file over http or https into a part file, across as many broken connections as it
// takes. What is there is kept and asked for no more (Range); a server that ignores that, or whose
// file has changed (If-Range with the ETag kept beside the part), makes it begin anew. Nothing is
// believed that the checksum does not confirm. A part without checksum and strong ETag begins anew.
//
// Redirects stay within http and https, and are counted. Proxies are taken from the environment, as
// curl does. Not thread-safe; connections are reused from one fetch to the next.

#include <pawl/status.h>

#include <functional>
#include <memory>
#include <string>

#include "dataset/config.h"
#include "dataset/files.h"
#include "dataset/reason.h"

namespace dataset {

struct HttpWant {
  std::string url;
  std::string sha256;       // "" unknown
  std::int64_t bytes = -1;  // -1 unknown
  std::string part;         // the file to write; PART.etag is used as well
  std::string name;         // for the trace
  std::uint64_t most = UINT64_MAX;
  DownloadOptions options;
};

// How it asks whether to stop, and waits between tries: returns false when it should stop.
struct Patience {
  std::function<bool()> stopped;
  std::function<bool(int ms)> wait;
};

struct HttpGot {
  pawl::Status status;  // not ok: try again later; unavailable where it was stopped
  Rejection rejection;  // ok, but this file will never come
  Digest digest;        // else: the part is whole
  int requests = 0;
};

class HttpFetch {
 public:
  HttpFetch();
  ~HttpFetch();
  HttpFetch(const HttpFetch&) = delete;
  HttpFetch& operator=(const HttpFetch&) = delete;
  HttpGot fetch(const HttpWant& want, const Patience& patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dataset
