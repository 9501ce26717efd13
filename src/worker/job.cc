#include "worker/job.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/failpoint.h"
#include "base/text.h"

namespace pawl::worker {
namespace {

constexpr std::size_t kChunk = 64u << 10;
constexpr std::size_t kKeepAcknowledged = 1u << 20;
constexpr std::uint8_t kFileVersion = 2;

std::uint64_t micros(Time t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); }

}  // namespace

Job::Job(actions::ProcessKey job_key, actions::ProcessSpec spec)
    : key(job_key),
      fence(spec.fence),
      state(std::move(spec.state)),
      secrets(std::move(spec.secrets)),
      masker_(secrets) {}

void Job::put_line(core::Stream stream, std::string_view text, Time now) {
  if (open_.count == 0) open_.first = next_line_;
  Writer w(open_.bytes);
  w.u8(static_cast<std::uint8_t>(stream));
  w.varint(micros(now));
  w.bytes(text);
  ++open_.count;
  ++next_line_;
  if (open_.bytes.size() >= kChunk) close_chunk();
}

void Job::close_chunk() {
  if (open_.count == 0) return;
  open_.size = static_cast<std::uint32_t>(open_.bytes.size());
  unsent_ += open_.size;
  in_memory_ += open_.size;
  kept_ += open_.size;
  chunks_.push_back(std::move(open_));
  open_ = Chunk{};
}

void Job::add_output(core::Stream stream, std::string_view data, Time now) {
  auto& lines = stream == core::Stream::out ? out_lines_ : err_lines_;
  lines.feed(data, masker_, now, [&](std::string_view line) { put_line(stream, line, now); });
  close_chunk();
}

void Job::finish_output(core::Stream stream, Time now) {
  auto& lines = stream == core::Stream::out ? out_lines_ : err_lines_;
  lines.finish(masker_, [&](std::string_view line) { put_line(stream, line, now); });
  close_chunk();
}

void Job::note(std::string_view text, Time now) {
  put_line(core::Stream::pawl, masker_.masked(text), now);
  close_chunk();
}

// In the place of lines that the disk did not keep: numbers go on without a gap, nothing is made
// up.
static std::string damaged_lines(std::uint32_t count) {
  std::string bytes;
  Writer w(bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    w.u8(static_cast<std::uint8_t>(core::Stream::pawl));
    w.varint(0);
    w.bytes(i == 0 ? str("log damaged: ", count, " lines could not be read back from the spool")
                   : std::string());
  }
  return bytes;
}

void Job::put_chunk(std::string& to, const Chunk& chunk) {
  std::string from_file;
  if (chunk.in_file) {
    from_file.resize(chunk.size);
    const auto n =
        ::pread(file_.get(), from_file.data(), chunk.size, static_cast<off_t>(chunk.file_at));
    if (n != static_cast<ssize_t>(chunk.size) || crc32c(from_file) != chunk.crc) {
      from_file = damaged_lines(chunk.count);
    }
  }
  Frame frame(to, Msg::output);
  frame->varint(key);
  frame->varint(chunk.first);
  frame->varint(chunk.count);
  frame->bytes(chunk.in_file ? from_file : chunk.bytes);
}

bool Job::pump(std::string& to, std::size_t limit) {
  while (cursor_ < chunks_.size()) {
    if (to.size() >= limit) return true;
    const Chunk& chunk = chunks_[cursor_++];
    unsent_ -= chunk.size;
    put_chunk(to, chunk);
  }
  if (ended && !exit_sent_) {
    exit_sent_ = true;
    Frame frame(to, Msg::exited);
    frame->varint(key);
    frame->zigzag(status);
    frame->u8(static_cast<std::uint8_t>(stopped));
    frame->u8(unconfirmed);
  }
  return false;
}

void Job::rewind() {
  cursor_ = 0;
  exit_sent_ = false;
  unsent_ = kept_;
}

void Job::acknowledge(std::uint64_t lines) {
  acknowledged_ = std::max(acknowledged_, lines);
  while (kept_ > kKeepAcknowledged && cursor_ > 0) {
    const Chunk& oldest = chunks_.front();
    if (oldest.first + oldest.count > acknowledged_) break;
    kept_ -= oldest.size;
    if (!oldest.in_file) in_memory_ -= oldest.size;
    chunks_.pop_front();
    --cursor_;
  }
}

std::string Job::file_name() const {
  return str(fence.run.value, '.', fence.task, '.', fence.attempt, '.', fence.lease);
}

Status Job::spill(const std::string& dir) {
  if (!file_) {
    const auto path = str(dir, '/', file_name(), ".out");
    file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_) return errno_error("create", path, errno);
  }
  for (auto& chunk : chunks_) {
    if (chunk.in_file) continue;
    TRY(write_all(file_.get(), chunk.bytes, "the spool"));
    failpoint("spawner.spool.spilled");
    chunk.file_at = file_size_;
    chunk.crc = crc32c(chunk.bytes);
    chunk.in_file = true;
    chunk.bytes = std::string();
    file_size_ += chunk.size;
    in_memory_ -= chunk.size;
  }
  return Ok{};
}

void Job::encode_header(Writer& w) const {
  w.u8(kFileVersion);
  put_fence(w, fence);
  w.bytes(state);
  w.bytes(mark);
  w.zigzag(status);
  w.u8(static_cast<std::uint8_t>(stopped));
  w.u8(unconfirmed);
  w.varint(micros(started_at));
  w.varint(next_line_);
  w.varint(chunks_.size());
  for (const auto& chunk : chunks_) {
    w.varint(chunk.first);
    w.varint(chunk.count);
    w.varint(chunk.size);
    w.varint(chunk.file_at);
    w.u32(chunk.crc);
  }
}

Status Job::save(const std::string& dir) {
  if (!chunks_.empty()) {
    TRY(spill(dir));
    if (::fsync(file_.get()) != 0) return errno_error("fsync", dir, errno);
  }
  std::string bytes;
  Writer w(bytes);
  encode_header(w);
  w.u32(crc32c(bytes));
  failpoint("spawner.spool.synced");
  return write_file_atomic(str(dir, '/', file_name(), ".job"), bytes, 0600);
}

Result<std::unique_ptr<Job>> Job::load(const std::string& dir, const std::string& name) {
  const auto path = str(dir, '/', name, ".job");
  const auto bytes = TRY(read_file(path));
  const Error damaged{Errc::corrupt, str(path, " is damaged")};
  if (bytes.size() < 4) return damaged;
  Reader check(std::string_view(bytes).substr(bytes.size() - 4));
  if (check.u32() != crc32c(std::string_view(bytes).substr(0, bytes.size() - 4))) return damaged;
  Reader r(bytes);
  if (r.u8() != kFileVersion) return damaged;
  static actions::ProcessKey next_key = 1;
  actions::ProcessSpec spec;
  spec.fence = get_fence(r);
  spec.state = r.bytes();
  auto job = std::make_unique<Job>(next_key++, std::move(spec));
  job->mark = r.bytes();
  job->status = static_cast<int>(r.zigzag());
  job->stopped = static_cast<actions::StopReason>(r.u8());
  job->unconfirmed = r.u8() != 0;
  job->started_at = Time(Duration(r.varint()));
  job->next_line_ = r.varint();
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    Chunk chunk;
    chunk.first = r.varint();
    chunk.count = static_cast<std::uint32_t>(r.varint());
    chunk.size = static_cast<std::uint32_t>(r.varint());
    chunk.file_at = r.varint();
    chunk.crc = r.u32();
    chunk.in_file = true;
    job->kept_ += chunk.size;
    job->file_size_ = chunk.file_at + chunk.size;
    job->chunks_.push_back(std::move(chunk));
  }
  if (!r.ok()) return damaged;
  if (!job->chunks_.empty()) {
    const auto out_path = str(dir, '/', name, ".out");
    job->file_.reset(::open(out_path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!job->file_) return errno_error("open", out_path, errno);
  }
  job->leader_ended = job->ended = true;
  job->reading = false;
  job->rewind();
  return job;
}

void Job::remove_files(const std::string& dir) const {
  ::unlink(str(dir, '/', file_name(), ".job").c_str());
  ::unlink(str(dir, '/', file_name(), ".out").c_str());
}

void Job::put_held(Writer& w) const {
  w.varint(key);
  put_fence(w, fence);
  w.bytes(state);
  w.bytes(mark);
  w.varint(secrets.size());
  for (const auto& [name, value] : secrets) {
    w.bytes(name);
    w.bytes(value);
  }
  w.u8(static_cast<std::uint8_t>(stopped));
  w.varint(static_cast<std::uint64_t>((system_clock().mono() - begun).count()));
}

}  // namespace pawl::worker
