// What the spawner and a worker read from each other's socket, and a job's file in the spool: any
// bytes are refused or read as something that is written the same again.

#include "worker/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "actions/shell.h"
#include "base/fs.h"

namespace pawl::worker {
namespace {

void read_payload(std::string_view payload) {
  Reader r(payload);
  actions::ProcessSpec spec;
  if (!get_spec(r, spec)) return;
  std::string once, twice;
  Writer first(once);
  put_spec(first, spec);
  Reader again(once);
  actions::ProcessSpec same;
  PAWL_ASSERT(get_spec(again, same));
  Writer second(twice);
  put_spec(second, same);
  PAWL_ASSERT(once == twice);
}

}  // namespace
}  // namespace pawl::worker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl::worker;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read_payload(text);
  if (auto state = pawl::actions::decode_shell_state(text)) {
    auto again = pawl::actions::decode_shell_state(pawl::actions::encode(*state));
    PAWL_ASSERT(again && pawl::actions::encode(*again) == pawl::actions::encode(*state));
  }
  // As frames, through a real socket: no more than it holds at once.
  if (size > 16384) return 0;
  int pair[2];
  PAWL_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  pawl::UniqueFd ours(pair[0]), theirs(pair[1]);
  PAWL_ASSERT(::write(theirs.get(), data, size) == static_cast<ssize_t>(size));
  theirs.reset();
  FrameReader frames;
  while (frames.fill(ours.get()) > 0 && !frames.broken()) {
    while (auto payload = frames.next())
      read_payload(*payload);
  }
  return 0;
}
