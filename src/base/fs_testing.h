#pragma once
// A directory of its own for a test, gone when the test ends. Below $TMPDIR, else /tmp; what the
// test left in it is removed without following links.

#include <string>

namespace pawl {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const char* name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

}  // namespace pawl
