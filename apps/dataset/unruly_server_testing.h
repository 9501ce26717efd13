#pragma once
// UnrulyServer: a web server on the loopback that misbehaves as told, file by file: breaks off in
// the middle, ignores Range, changes its mind about a file, lies about lengths. It counts what it
// sent, so that a test can say what was fetched twice. Thread-safe.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dataset {

// How one file is served.
struct Served {
  std::string body;
  std::string etag = "\"1\"";     // "" none
  std::vector<int> statuses;      // answered first, one a request, instead of the file
  std::string location;           // a redirect there
  std::int64_t break_after = -1;  // bytes of the body a connection gets, every time
  int breaks = 1 << 30;           // so many times
  bool ranges = true;             // false: the whole file, whatever was asked
  bool if_range = true;           // false: believes every If-Range
  std::int64_t length_off = 0;    // added to Content-Length
  int change_after = 1 << 30;     // requests until `changed` is served, with another ETag
  std::string changed;

  int requests = 0;                // so far
  std::uint64_t sent = 0;          // bytes of bodies
  std::vector<std::string> asked;  // the Range of each request; "" none
};

class UnrulyServer {
 public:
  UnrulyServer();
  ~UnrulyServer();
  UnrulyServer(const UnrulyServer&) = delete;
  UnrulyServer& operator=(const UnrulyServer&) = delete;

  std::string base() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void serve(const std::string& path, Served file);
  Served of(const std::string& path);

 private:
  void accept_all();
  void answer(int fd);
  bool answer_one(int fd, const std::string& request);

  int listening_ = -1, port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Served> files_;
  std::vector<std::thread> connections_;
  std::vector<int> open_;
  std::thread accepting_;
};

}  // namespace dataset
