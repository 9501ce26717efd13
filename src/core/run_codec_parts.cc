// Rows and cells as bytes.
#include "core/run_codec_parts.h"

#include "base/mutant.h"

namespace pawl::core {
namespace {

constexpr unsigned kReused = 0x10, kCancelAsked = 0x20, kTried = 0x40, kTimed = 0x80;

// Bits of a cell's presence mask, in the order in which the fields follow.
enum CellField : std::uint32_t {
  kOutput = 1,
  kOutputHash = 2,
  kError = 4,
  kFailure = 8,
  kParams = 16,
  kWake = 32,
  kChild = 64,
  kCheckpoint = 128,
  kResume = 256,
  kBefore = 512,
  kItems = 1024,
  kQuestion = 2048,
  kPreview = 4096,
  kRuleUses = 8192,
  kWarnings = 16384,
  kNote = 32768,
  kMetrics = 65536,
  kBest = 131072,
  kCellFields = 262144  // no field: all bits are below
};

}  // namespace

Time time_after(Time base, std::int64_t us) {
  auto sum =
      static_cast<std::uint64_t>(base.time_since_epoch().count()) + static_cast<std::uint64_t>(us);
  return Time{Duration{static_cast<std::int64_t>(sum)}};
}

void put_row(Writer& w, const TaskRow& r, Time base) {
  bool tried = r.attempt || r.failures || r.losses;
  bool timed = r.queued != kNoTime || r.started != kNoTime || r.finished != kNoTime;
  auto flags = static_cast<std::uint8_t>(
      static_cast<unsigned>(r.state) | (r.reused ? kReused : 0u) |
      (r.cancel_asked && !PAWL_MUTANT(cancel_asked_not_stored) ? kCancelAsked : 0u) |
      (tried ? kTried : 0u) | (timed ? kTimed : 0u));
  w.u8(flags);
  if (flags == 0) return;
  w.u8(static_cast<std::uint8_t>(r.reason));
  if (tried) {
    w.varint(r.attempt);
    w.varint(PAWL_MUTANT(failures_not_stored) ? 0 : r.failures);
    w.varint(r.losses);
    w.varint(r.lease);
    w.varint(r.worker.value);
  }
  if (timed) {
    // 0 stands for "not yet"; real times are relative to the run's creation and shifted by one.
    auto time = [&](Time t) {
      w.zigzag(t == kNoTime              ? 0
               : (t - base).count() >= 0 ? (t - base).count() + 1
                                         : (t - base).count());
    };
    time(r.queued);
    time(r.started);
    time(r.finished);
  }
}

void get_row(Reader& in, TaskRow& r, Time base) {
  auto flags = in.u8();
  if ((flags & 0x0f) >= kTaskStateCount) return in.fail();
  r.state = static_cast<TaskState>(flags & 0x0f);
  if (flags == 0) return;
  auto reason = in.u8();
  if (reason >= kReasonCount) return in.fail();
  r.reason = static_cast<Reason>(reason);
  r.reused = flags & kReused;
  r.cancel_asked = flags & kCancelAsked;
  if (flags & kTried) {
    r.attempt = static_cast<Attempt>(in.varint());
    r.failures = static_cast<std::uint16_t>(in.varint());
    r.losses = static_cast<std::uint16_t>(in.varint());
    r.lease = static_cast<Lease>(in.varint());
    r.worker = WorkerId(static_cast<std::uint32_t>(in.varint()));
  }
  if (flags & kTimed) {
    auto time = [&] {
      auto v = in.zigzag();
      return v == 0 ? kNoTime : time_after(base, v > 0 ? v - 1 : v);
    };
    r.queued = time();
    r.started = time();
    r.finished = time();
  }
}

void put_json(Writer& w, const Json& v) {
  thread_local std::string text;  // its room is used again: this runs for each output of each write
  text.clear();
  v.dump_to(text);
  w.bytes(text);
  if (text.capacity() > (1u << 16)) text = {};
}

Json get_json(Reader& in) {
  auto parsed = Json::parse(in.bytes(), {.max_bytes = 256u << 20, .max_depth = 200});
  if (!parsed.ok()) {
    in.fail();
    return Json();
  }
  return std::move(*parsed);
}

void put_cell(Writer& w, const TaskExtra& x) {
  std::uint32_t has = 0;
  auto field = [&](bool present, CellField bit) {
    if (present) has |= bit;
  };
  field(x.output_hash.empty() && !x.output.is_null(), kOutput);
  field(!x.output_hash.empty(), kOutputHash);
  field(!x.error.empty(), kError);
  field(x.failure != FailureClass::none, kFailure);
  field(!x.params.is_null(), kParams);
  field(x.wake != kNever && (x.question.empty() || !PAWL_MUTANT(wake_not_stored)), kWake);
  field(static_cast<bool>(x.child), kChild);
  field(!x.checkpoint.empty(), kCheckpoint);
  field(x.resume != Resume::checkpoint, kResume);
  field(!x.before.empty(), kBefore);
  field(!x.items.is_null(), kItems);
  field(!x.question.empty(), kQuestion);
  field(!x.preview.is_null(), kPreview);
  field(!x.rule_uses.empty(), kRuleUses);
  field(x.warnings > 0, kWarnings);
  field(!x.note.empty(), kNote);
  field(!x.metrics.empty(), kMetrics);
  field(!x.best.empty(), kBest);
  w.varint(has);
  if (has & kOutput) put_json(w, x.output);
  if (has & kOutputHash) w.bytes(x.output_hash);
  if (has & kError) w.bytes(x.error);
  if (has & kFailure) {
    w.u8(static_cast<std::uint8_t>(x.failure));
    w.zigzag(x.exit_code);
  }
  if (has & kParams) put_json(w, x.params);
  if (has & kWake) w.zigzag(x.wake.time_since_epoch().count());
  if (has & kChild) w.zigzag(x.child.value);
  if (has & kCheckpoint) w.bytes(x.checkpoint);
  if (has & kResume) w.u8(static_cast<std::uint8_t>(x.resume));
  if (has & kBefore) w.bytes(x.before);
  if (has & kItems) put_json(w, x.items);
  if (has & kQuestion) w.bytes(x.question);
  if (has & kPreview) put_json(w, x.preview);
  if (has & kRuleUses) {
    w.bytes({reinterpret_cast<const char*>(x.rule_uses.data()), x.rule_uses.size()});
  }
  if (has & kWarnings) w.varint(x.warnings);
  if (has & kNote) w.bytes(x.note);
  if (has & kMetrics) {
    w.varint(x.metrics.size());
    for (const auto& [name, value] : x.metrics) {
      w.bytes(name);
      w.bytes({reinterpret_cast<const char*>(&value), sizeof value});
    }
  }
  if (has & kBest) w.bytes(x.best);
}

void get_cell(Reader& in, TaskExtra& x) {
  auto has = static_cast<std::uint32_t>(in.varint());
  if (has >= kCellFields) return in.fail();
  if (has & kOutput) x.output = get_json(in);
  if (has & kOutputHash) x.output_hash = in.bytes();
  if (has & kError) x.error = in.bytes();
  if (has & kFailure) {
    auto c = in.u8();
    if (c >= kFailureClassCount) return in.fail();
    x.failure = static_cast<FailureClass>(c);
    x.exit_code = static_cast<int>(in.zigzag());
  }
  if (has & kParams) x.params = get_json(in);
  if (has & kWake) x.wake = Time{Duration{in.zigzag()}};
  if (has & kChild) x.child = RunId(in.zigzag());
  if (has & kCheckpoint) x.checkpoint = in.bytes();
  if (has & kResume) {
    auto r = in.u8();
    if (r > static_cast<std::uint8_t>(Resume::scratch)) return in.fail();
    x.resume = static_cast<Resume>(r);
  }
  if (has & kBefore) x.before = in.bytes();
  if (has & kItems) x.items = get_json(in);
  if (has & kQuestion) x.question = in.bytes();
  if (has & kPreview) x.preview = get_json(in);
  if (has & kRuleUses) {
    auto uses = in.bytes();
    x.rule_uses.assign(uses.begin(), uses.end());
  }
  if (has & kWarnings) x.warnings = static_cast<std::uint16_t>(in.varint());
  if (has & kNote) x.note = in.bytes();
  if (has & kMetrics) {
    auto n = in.varint();
    for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
      std::string name(in.bytes());
      auto raw = in.bytes();
      double value = 0;
      if (raw.size() != sizeof value) return in.fail();
      std::memcpy(&value, raw.data(), sizeof value);
      x.metrics.emplace_back(std::move(name), value);
    }
  }
  if (has & kBest) x.best = in.bytes();
}

}  // namespace pawl::core
