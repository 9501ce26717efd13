#include "base/fs_testing.h"

#include <cstdlib>

#include "base/assert.h"
#include "base/fs.h"

namespace pawl {

TempDir::TempDir() {
  const char* root = std::getenv("TMPDIR");
  path_ = std::string(root && *root ? root : "/tmp") + "/pawl-test-XXXXXX";
  PAWL_ASSERT(mkdtemp(path_.data()));
}

TempDir::~TempDir() { (void)remove_tree(path_).ok(); }

}  // namespace pawl
