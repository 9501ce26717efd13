#include "actions/classify.h"

#include <gtest/gtest.h>

namespace pawl::actions {
namespace {

using core::FailureClass;

constexpr int kExit1 = 1 << 8;
constexpr int kKilled = 9;

TEST(Classify, ByTheLastLines) {
  const std::pair<const char*, FailureClass> cases[] = {
      {"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
       FailureClass::cuda_oom},
      {"RuntimeError: CUDA error: out of memory", FailureClass::cuda_oom},
      {"Traceback\nMemoryError", FailureClass::oom},
      {"terminate called after throwing an instance of 'std::bad_alloc'", FailureClass::oom},
      {"fork: Cannot allocate memory", FailureClass::oom},
      {"cp: error writing 'x': No space left on device", FailureClass::disk_full},
      {"curl: (7) Failed to connect: Connection refused", FailureClass::network},
      {"ssh: connect to host x port 22: Connection timed out", FailureClass::network},
      {"curl: (6) Could not resolve host: nowhere", FailureClass::network},
      {"connect: Network is unreachable", FailureClass::network},
      {"read: Connection reset by peer", FailureClass::network},
      {"me@host: Permission denied (publickey,password).\nConnection closed", FailureClass::auth},
      {"HTTP/1.1 401 Unauthorized", FailureClass::auth},
      {"Host key verification failed.", FailureClass::host_key},
      {"part-3: checksum mismatch", FailureClass::corrupt},
      {"ValueError: loss is nan at step 3", FailureClass::diverged},
      {"epoch 3 loss: nan", FailureClass::diverged},
      {"open: Permission denied", FailureClass::user},
      {"line 401 of http_parser.c", FailureClass::user},
      {"", FailureClass::user},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(classify({.status = kExit1, .tail = text}), want) << text;
  }
}

TEST(Classify, KilledFromOutsideIsMemory) {
  EXPECT_EQ(classify({.status = kKilled, .tail = ""}), FailureClass::oom);
  EXPECT_EQ(classify({.status = 137 << 8, .tail = ""}), FailureClass::oom);
  EXPECT_EQ(classify({.status = 143 << 8, .tail = ""}), FailureClass::user);
}

}  // namespace
}  // namespace pawl::actions
