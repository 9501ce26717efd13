#include "store/sqlite/row.h"

#include "base/codec.h"
#include "base/text.h"
#include "base/zstd.h"

namespace pawl::store::sqlite {

namespace {

constexpr unsigned kOpen = 1, kConstrained = 2, kStarted = 4, kFinished = 8, kWake = 16,
                   kParent = 32, kSource = 64;

std::int64_t micros(Time t) { return t.time_since_epoch().count(); }

// Other times lie near `created`, so their difference is short. Wraps, so that any value survives.
std::int64_t since(Time t, Time created) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(micros(t)) -
                                   static_cast<std::uint64_t>(micros(created)));
}
Time after(Time created, std::int64_t delta) {
  return Time{Duration{static_cast<std::int64_t>(static_cast<std::uint64_t>(micros(created)) +
                                                 static_cast<std::uint64_t>(delta))}};
}

constexpr std::size_t kCompressAbove = 1024;

}  // namespace

std::uint32_t row_crc(std::int64_t a, std::int64_t b, std::string_view bytes) {
  char key[16];
  std::memcpy(key, &a, 8);
  std::memcpy(key + 8, &b, 8);
  return crc32c(bytes, crc32c(std::string_view(key, sizeof key)));
}

Error damaged(std::string_view what, RunId run) {
  return Error{Errc::corrupt,
               str("cannot read ", what, " of run ", run.value,
                   ": its stored bytes fail their checksum; restore pawl.db from a backup")};
}

void encode_head(const RunHeader& h, std::string_view state, std::string& out) {
  auto start = out.size();
  Writer w(out);
  w.u8(static_cast<std::uint8_t>(static_cast<unsigned>(h.state) | static_cast<unsigned>(h.verdict)
                                                                      << 4));
  unsigned flags = (h.open ? kOpen : 0u) | (h.constrained ? kConstrained : 0u) |
                   (h.started != kNoTime ? kStarted : 0u) |
                   (h.finished != kNoTime ? kFinished : 0u) | (h.wake != kNever ? kWake : 0u) |
                   (h.parent ? kParent : 0u) | (h.source ? kSource : 0u);
  w.u8(static_cast<std::uint8_t>(flags));
  w.zigzag(h.workflow.value);
  w.zigzag(micros(h.created));
  if (flags & kStarted) w.zigzag(since(h.started, h.created));
  if (flags & kFinished) w.zigzag(since(h.finished, h.created));
  if (flags & kWake) w.zigzag(since(h.wake, h.created));
  if (flags & kParent) w.zigzag(h.parent.value);
  if (flags & kSource) w.zigzag(h.source.value);
  w.varint(h.tasks);
  w.varint(h.tasks_done);
  w.varint(h.tasks_failed);
  w.u32(crc32c(state));
  auto version = static_cast<std::int64_t>(h.version);
  w.u32(row_crc(h.id.value, version, std::string_view(out).substr(start)));
}

Status decode_head(const HeadRow& row, RunHeader& h) {
  auto head = row.head;
  if (head.size() < 8) return damaged("the header", row.id);
  std::uint32_t stored;
  std::memcpy(&stored, head.data() + head.size() - 4, 4);
  if (row_crc(row.id.value, row.version, head.substr(0, head.size() - 4)) != stored) {
    return damaged("the header", row.id);
  }
  Reader r(head.substr(0, head.size() - 8));
  h.id = row.id;
  h.version = static_cast<std::uint64_t>(row.version);
  auto states = r.u8();
  if ((states & 15) >= core::kRunStateCount || states >> 4 > 3) {
    return damaged("the header", row.id);
  }
  h.state = static_cast<core::RunState>(states & 15);
  h.verdict = static_cast<core::Verdict>(states >> 4);
  auto flags = r.u8();
  h.open = flags & kOpen;
  h.constrained = flags & kConstrained;
  h.workflow = WorkflowId(r.zigzag());
  h.created = Time{Duration{r.zigzag()}};
  h.started = flags & kStarted ? after(h.created, r.zigzag()) : kNoTime;
  h.finished = flags & kFinished ? after(h.created, r.zigzag()) : kNoTime;
  h.wake = flags & kWake ? after(h.created, r.zigzag()) : kNever;
  h.parent = RunId(flags & kParent ? r.zigzag() : 0);
  h.source = RunId(flags & kSource ? r.zigzag() : 0);
  h.tasks = static_cast<std::uint32_t>(r.varint());
  h.tasks_done = static_cast<std::uint32_t>(r.varint());
  h.tasks_failed = static_cast<std::uint32_t>(r.varint());
  if (!r.ok() || !r.at_end()) return damaged("the header", row.id);
  return {};
}

Status check_state(const HeadRow& row, std::string_view state) {
  std::uint32_t stored;
  std::memcpy(&stored, row.head.data() + row.head.size() - 8, 4);
  if (crc32c(state) != stored) return damaged("the state", row.id);
  return {};
}

void encode_fixed(const RunWrite& write, std::string& out) {
  auto start = out.size();
  Writer w(out);
  w.bytes(write.header.name);
  w.bytes(write.header.job);
  w.bytes(write.header.labels);
  out.append(write.fixed);
  w.u32(row_crc(write.header.id.value, 0, std::string_view(out).substr(start)));
}

Result<std::string_view> decode_fixed(RunId id, std::string_view bytes, RunHeader& h) {
  std::uint32_t stored;
  if (bytes.size() < 4) return damaged("the inputs", id);
  auto body = bytes.substr(0, bytes.size() - 4);
  std::memcpy(&stored, body.data() + body.size(), 4);
  if (row_crc(id.value, 0, body) != stored) return damaged("the inputs", id);
  Reader r(body);
  h.name = r.bytes();
  h.job = r.bytes();
  h.labels = r.bytes();
  if (!r.ok()) return damaged("the inputs", id);
  return body.substr(body.size() - r.left());
}

Packed pack(std::string_view bytes) {
  if (bytes.size() > kCompressAbove) {
    auto small = zstd_compress(bytes, 1);
    if (small.size() < bytes.size()) {
      return Packed{std::move(small), static_cast<std::int64_t>(bytes.size())};
    }
  }
  return Packed{std::string(bytes), 0};
}

Result<std::string> unpack(std::string_view bytes, std::int64_t raw) {
  if (raw == 0) return std::string(bytes);
  auto out = TRY(zstd_decompress(bytes, static_cast<std::size_t>(raw)));
  if (out.size() != static_cast<std::size_t>(raw)) {
    return Error{Errc::corrupt, str("cannot decompress ", bytes.size(), " bytes: ", raw,
                                    " were expected, ", out.size(), " found")};
  }
  return out;
}

}  // namespace pawl::store::sqlite
