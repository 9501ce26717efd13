#include "actions/classify.h"

#include <sys/wait.h>

#include <csignal>
#include <string>

#include "base/text.h"

namespace pawl::actions {
namespace {

using core::FailureClass;

// Every word must occur in one line, in this order; letters match in either case.
struct Rule {
  FailureClass failure_class;
  const char* words[3];
};

// Narrow before wide: a CUDA line also speaks of memory, a refused key also of a closed connection.
constexpr Rule kRules[] = {
    {FailureClass::cuda_oom, {"cuda out of memory"}},
    {FailureClass::cuda_oom, {"cuda error: out of memory"}},
    {FailureClass::cuda_oom, {"cudaerrormemoryallocation"}},
    {FailureClass::cuda_oom, {"cuda_error_out_of_memory"}},
    {FailureClass::cuda_oom, {"hip out of memory"}},
    {FailureClass::cuda_oom, {"torch.outofmemoryerror"}},
    {FailureClass::cuda_oom, {"cublas_status_alloc_failed"}},
    {FailureClass::oom, {"memoryerror"}},
    {FailureClass::oom, {"std::bad_alloc"}},
    {FailureClass::oom, {"cannot allocate memory"}},
    {FailureClass::oom, {"java.lang.outofmemoryerror"}},
    {FailureClass::oom, {"javascript heap out of memory"}},
    {FailureClass::oom, {"oom-kill"}},
    {FailureClass::oom, {"out of memory:", "killed process"}},
    {FailureClass::oom, {"memory cgroup out of memory"}},
    {FailureClass::disk_full, {"no space left on device"}},
    {FailureClass::disk_full, {"disk quota exceeded"}},
    {FailureClass::host_key, {"host key verification failed"}},
    {FailureClass::host_key, {"remote host identification has changed"}},
    {FailureClass::auth, {"permission denied (", "publickey"}},
    {FailureClass::auth, {"401 unauthorized"}},
    {FailureClass::auth, {"http", " 401"}},
    {FailureClass::auth, {"403 forbidden"}},
    {FailureClass::auth, {"authentication failed"}},
    {FailureClass::auth, {"invalid credentials"}},
    {FailureClass::network, {"connection refused"}},
    {FailureClass::network, {"connection timed out"}},
    {FailureClass::network, {"connection reset"}},
    {FailureClass::network, {"connection closed by remote host"}},
    {FailureClass::network, {"could not resolve host"}},
    {FailureClass::network, {"temporary failure in name resolution"}},
    {FailureClass::network, {"name or service not known"}},
    {FailureClass::network, {"network is unreachable"}},
    {FailureClass::network, {"no route to host"}},
    {FailureClass::corrupt, {"checksum", "mismatch"}},
    {FailureClass::corrupt, {"hash", "mismatch"}},
    {FailureClass::corrupt, {"crc", "mismatch"}},
    {FailureClass::corrupt, {"computed checksum did not match"}},
    {FailureClass::corrupt, {"checksum did not match"}},
    {FailureClass::diverged, {"loss is nan"}},
    {FailureClass::diverged, {"loss", "became nan"}},
    {FailureClass::diverged, {"loss: nan"}},
    {FailureClass::diverged, {"loss=nan"}},
    {FailureClass::diverged, {"nan", "loss", "diverged"}},
    {FailureClass::diverged, {"loss", "diverged"}},
    {FailureClass::diverged, {"training diverged"}},
};

bool matches(const Rule& rule, std::string_view line) {
  std::size_t at = 0;
  for (const char* word : rule.words) {
    if (!word) break;
    at = line.find(word, at);
    if (at == std::string_view::npos) return false;
    at += std::string_view(word).size();
  }
  return true;
}

// Killed by somebody else's SIGKILL: on Linux that is nearly always the kernel short of memory, and
// a shell reports its child's as 137.
bool killed_from_outside(int status) {
  return (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
         (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
}

}  // namespace

core::FailureClass classify(const ProcessEnd& end) {
  const std::string text = lower(end.tail);
  const auto lines = split(text, '\n');
  for (const auto& rule : kRules) {
    for (auto line : lines) {
      if (matches(rule, line)) return rule.failure_class;
    }
  }
  if (killed_from_outside(end.status)) return FailureClass::oom;
  return FailureClass::user;
}

}  // namespace pawl::actions
