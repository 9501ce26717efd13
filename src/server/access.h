#pragma once
// Access: the doorkeeper of a real server. Who calls is told by a token (tokens.h), read again
// whenever its file changes; a file that cannot be read lets nobody in.
//
// A server on a loopback address without any token takes whoever reaches it as admin, which is
// right on a machine of one person; where others have accounts, --require-token asks for one. What
// a browser could be talked into is stopped apart from that: the Host must be a name of this server
// (a foreign name that was made to resolve here is refused), an Origin must be the same as it, and
// "null" is never one.

#include <sys/types.h>

#include <mutex>
#include <string>
#include <vector>

#include "server/tokens.h"

namespace pawl::server {

// 127.0.0.0/8 and ::1.
bool is_loopback(const std::string& address);

class Access final : public Doorkeeper {
 public:
  struct Options {
    std::string directory;
    std::string address;             // that is listened on
    std::vector<std::string> hosts;  // further names of this server
    bool require_token = false;      // also on a loopback address
    const Clock* clock = nullptr;    // null: the machine's
  };
  explicit Access(Options options);
  Status check_source(const HttpRequest& head) override;
  Caller identify(const HttpRequest& head) override;

 private:
  struct Stamp {  // what tells that the file is another one
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t size = -1, changed = 0;
    bool operator==(const Stamp&) const = default;
  };
  bool known_host(std::string_view host) const;
  void refresh();  // REQUIRES: mutex_ is held

  const Options options_;
  const Clock& clock_;
  const bool loopback_;
  std::vector<std::string> names_;  // lower case
  std::mutex mutex_;                // guards what follows
  Stamp stamp_;
  bool readable_ = true;
  std::vector<Token> tokens_;
};

}  // namespace pawl::server
