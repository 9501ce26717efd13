// Stored runs: parts with a right checksum and any content are refused or give a run that can be
// shown, explained and stored again. The first byte chooses the part of a sound run, and whether
// what follows replaces it or patches it (pairs of place and byte).

#include "core/run_codec.h"

#include <cstddef>
#include <cstdint>

#include "base/codec.h"
#include "core/flow_testing.h"
#include "core/run_json.h"
#include "core/why.h"

namespace pawl::core {
namespace {

constexpr const char* kFlow = R"(
inputs: {list: {}}
concurrency: {key: one}
tasks:
  a: {action: noop, retry: {max_attempts: 3}, timeout: {queue: 1h}}
  ask: {action: gate, with: {question: q, preview: [1, 2.5], timeout: 1h}}
  sub: {action: workflow, with: {workflow: o}}
  each: {for_each: "${{ inputs.list }}", max_parallel: 3, action: noop}
  group: {tasks: {x: {action: noop}, y: {action: noop, needs: [x], allow_failure: true}}}
finally:
  last: {action: noop}
)";

// Runs of two size classes, half-way.
TestRun& sound(bool large) {
  static auto make = [](int elements) {
    Json list = Json::array();
    for (int i = 0; i < elements; ++i)
      list.push(i);
    auto* r = new TestRun(kFlow, Json::object().set("list", list));
    r->start();
    r->claim();
    r->fail("a", {.failure_class = FailureClass::network});
    r->complete("each[0]", Json::object().set("big", std::string(500, 'x')).set("n", 1e300));
    r->claim();
    r->crash();
    return r;
  };
  static TestRun *small = make(3), *big = make(300);
  return large ? *big : *small;
}

void spoil(std::string& part, bool replace, std::string_view with) {
  if (part.size() < 4) return;
  part.resize(part.size() - 4);
  if (replace) {
    part = with;
  } else {
    for (std::size_t i = 0; i + 2 < with.size() && !part.empty(); i += 3) {
      auto at =
          static_cast<unsigned char>(with[i]) * 256u + static_cast<unsigned char>(with[i + 1]);
      part[at % part.size()] = with[i + 2];
    }
  }
  Writer(part).u32(crc32c(part));
}

}  // namespace
}  // namespace pawl::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  if (size < 2) return 0;
  TestRun& r = sound(data[0] & 1);
  TestStore store = r.store;
  std::vector<std::string*> parts{&store.fixed, &store.state};
  for (auto& [n, bytes] : store.segments)
    parts.push_back(&bytes);
  for (auto& [t, bytes] : store.cells)
    parts.push_back(&bytes);
  std::string_view with(reinterpret_cast<const char*>(data) + 1, size - 1);
  spoil(*parts[(data[0] >> 2) % parts.size()], data[0] & 2, with);
  auto loaded = store.load(r.run);
  if (!loaded.ok()) return 0;
  (void)run_to_json(*loaded, r.ctx).dump();
  (void)why_all(*loaded, Situation{}, r.clock.now());
  std::string state;
  encode_state(*loaded, state);
  (void)decode_tail(state);
  return 0;
}
