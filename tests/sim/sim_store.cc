#include "tests/sim/sim_store.h"

namespace pawl::sim {

Status SimStore::open(std::uint32_t life) {
  if (owner_ != 0) return {Errc::in_use, str("life ", owner_, " has the directory")};
  owner_ = life;
  return {};
}

Status SimStore::commit(const store::Batch&) {
  stage_.breach("the loop committed by itself");
  return {Errc::internal, "a loop never commits"};
}

Status SimStore::read() {
  if (stage_.now() >= reads_fail_until_ || random_.unit() >= share_) return {};
  return {Errc::unavailable, "the disk cannot be read just now"};
}

}  // namespace pawl::sim
