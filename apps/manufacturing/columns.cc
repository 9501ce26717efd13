#include "manufacturing/columns.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;

namespace {

constexpr char kMagic[] = "PWLMFG01";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kMostWaiting = 2u << 20;  // doubles: 16 MiB
constexpr std::size_t kOutBytes = 1u << 20;
constexpr std::size_t kCursorDoubles = 4096;
constexpr std::uint64_t kNan = 0x7ff8'0000'0000'0000, kGapMask = 0x0007'ffff'ffff'ffff;
constexpr std::uint64_t kFooterBytes = 3 * 8 + kMagicBytes;

void put_number(std::string& out, std::uint64_t n) {
  out.append(reinterpret_cast<const char*>(&n), sizeof n);
}

void put_column(std::string& out, const Column& c) {
  put_number(out, c.positions), put_number(out, c.present), put_number(out, c.blocks.size());
  for (const Block& b : c.blocks)
    put_number(out, b.offset), put_number(out, b.doubles), put_number(out, b.hash);
}

// Takes the index apart; `fine` turns false where it ends too early.
struct IndexReader {
  std::string_view rest;
  bool fine = true;
  std::uint64_t number() {
    std::uint64_t n = 0;
    if (rest.size() < sizeof n) return fine = false, 0;
    std::memcpy(&n, rest.data(), sizeof n);
    rest.remove_prefix(sizeof n);
    return n;
  }
  std::string text() {
    auto n = number();
    if (n > rest.size()) return fine = false, "";
    std::string s(rest.substr(0, n));
    rest.remove_prefix(n);
    return s;
  }
  Column column() {
    Column c;
    c.positions = number(), c.present = number();
    auto blocks = number();
    if (blocks > rest.size() / 24) fine = false;
    for (std::uint64_t i = 0; fine && i < blocks; ++i) {
      Block b;
      b.offset = number(), b.doubles = number(), b.hash = number();
      c.blocks.push_back(b);
    }
    return c;
  }
};

}  // namespace

std::uint64_t mix(std::uint64_t hash, const void* data, std::size_t bytes) {
  const auto* p = static_cast<const unsigned char*>(data);
  while (bytes > 0) {
    std::uint64_t word = 0;
    auto n = std::min<std::size_t>(bytes, 8);
    std::memcpy(&word, p, n);
    hash = std::rotl((hash ^ word) * 0x9e37'79b9'7f4a'7c15ull, 29);
    p += n, bytes -= n;
  }
  return hash;
}

double gap_nan(std::uint64_t positions) {
  return std::bit_cast<double>(kNan | (positions & kGapMask));
}

std::uint64_t nan_gap(double gap) { return std::bit_cast<std::uint64_t>(gap) & kGapMask; }

// -- Writing
// ---------------------------------------------------------------------------------------

Result<std::unique_ptr<ColumnWriter>> ColumnWriter::create(const std::string& path) {
  Fd fd(::open((path + ".part").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.ok()) return file_error("writing", path);
  std::unique_ptr<ColumnWriter> w(new ColumnWriter(std::move(fd), path));
  w->write({kMagic, kMagicBytes});
  return w;
}

std::size_t ColumnWriter::add() {
  sensors_.emplace_back();
  return sensors_.size() - 1;
}

bool ColumnWriter::name(std::size_t sensor, std::string_view name) {
  sensors_[sensor].name = name;
  return by_name_.emplace(name, sensor).second;
}

std::size_t ColumnWriter::find(std::string_view name) const {
  auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? kShared : found->second;
}

void ColumnWriter::drop_all() {
  for (const Entry& e : sensors_)
    waiting_ -= e.values.waiting.size() + e.times.waiting.size();
  sensors_.clear();
  by_name_.clear();
}

void ColumnWriter::close_gap(Pending& column) {
  if (column.gap == 0) return;
  column.waiting.push_back(gap_nan(column.gap));
  column.gap = 0;
  ++waiting_;
}

void ColumnWriter::put(Pending& column, double v) {
  close_gap(column);
  column.waiting.push_back(v);
  ++column.positions;
  ++column.present;
  if (++waiting_ >= kMostWaiting) spill();
}

void ColumnWriter::gap(Pending& column, std::uint64_t positions) {
  column.gap += positions;
  column.positions += positions;
}

void ColumnWriter::time(std::size_t sensor, std::uint64_t at, double t) {
  Pending& column = sensor == kShared ? shared_ : sensors_[sensor].times;
  if (at > column.positions) gap(column, at - column.positions);
  if (t == t) {
    put(column, t);
  } else {
    gap(column, 1);
  }
}

void ColumnWriter::spill() {
  for (Entry& e : sensors_)
    write_block(e.values), write_block(e.times);
  write_block(shared_);
  waiting_ = 0;
}

void ColumnWriter::write_block(Pending& column) {
  if (column.waiting.empty()) return;
  const auto bytes = column.waiting.size() * sizeof(double);
  column.blocks.push_back({offset_, column.waiting.size(), mix(0, column.waiting.data(), bytes)});
  write({reinterpret_cast<const char*>(column.waiting.data()), bytes});
  std::vector<double>().swap(column.waiting);  // its room too: there may be 100,000 columns
}

void ColumnWriter::write(std::string_view bytes) {
  offset_ += bytes.size();
  out_ += bytes;
  if (out_.size() < kOutBytes) return;
  if (status_.ok()) status_ = write_all(fd_.get(), out_, path_);
  out_.clear();
}

std::uint64_t ColumnWriter::write_index() {
  const std::uint64_t offset = offset_;
  std::string index;
  put_number(index, sensors_.size());
  for (const Entry& e : sensors_) {
    put_number(index, e.name.size());
    index += e.name;
    put_column(index, e.values);
    put_column(index, e.times);
  }
  put_column(index, shared_);
  const std::uint64_t bytes = index.size(), hash = mix(0, index.data(), index.size());
  put_number(index, offset), put_number(index, bytes), put_number(index, hash);
  index.append(kMagic, kMagicBytes);
  write(index);
  return hash;
}

Result<ColumnWriter::Totals> ColumnWriter::finish() {
  spill();
  Totals totals{.sensors = sensors_.size()};
  totals.hash = write_index();
  for (const Entry& e : sensors_)
    totals.positions += e.values.positions, totals.present += e.values.present;
  if (status_.ok()) status_ = write_all(fd_.get(), out_, path_);
  if (status_.ok()) status_ = publish(fd_.get(), path_ + ".part", path_);
  if (!status_.ok()) return status_;
  return totals;
}

// -- Reading
// ---------------------------------------------------------------------------------------

Result<std::unique_ptr<ColumnFile>> ColumnFile::open(const std::string& path) {
  auto fd = open_to_read(path);
  if (!fd.ok()) return fd.status();
  auto file = std::make_unique<ColumnFile>();
  file->fd_ = *std::move(fd);
  file->path_ = path;
  if (auto s = file->read_index(); !s.ok()) return s;
  return file;
}

Status ColumnFile::read(std::uint64_t offset, void* into, std::size_t bytes) const {
  auto* p = static_cast<char*>(into);
  while (bytes > 0) {
    ssize_t n = ::pread(fd_.get(), p, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("reading", path_);
    if (n == 0) return {Code::corrupt, path_ + " is shorter than it was"};
    p += n, bytes -= static_cast<std::size_t>(n), offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Status ColumnFile::read_index() {
  const Status corrupt(Code::corrupt, path_ + " is not what was written: its index is damaged");
  struct stat st;
  if (::fstat(fd_.get(), &st) != 0) return file_error("reading", path_);
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (size < kMagicBytes + kFooterBytes) return corrupt;
  char footer[kFooterBytes];
  if (auto s = read(size - kFooterBytes, footer, sizeof footer); !s.ok()) return s;
  IndexReader numbers{{footer, 3 * 8}};
  const auto offset = numbers.number(), bytes = numbers.number(), hash = numbers.number();
  if (std::memcmp(footer + 3 * 8, kMagic, kMagicBytes) != 0 || bytes > size || offset > size ||
      offset + bytes + kFooterBytes != size)
    return corrupt;
  std::string index(bytes, '\0');
  if (auto s = read(offset, index.data(), bytes); !s.ok()) return s;
  if (mix(0, index.data(), index.size()) != hash) return corrupt;
  IndexReader reader{index};
  const auto count = reader.number();
  for (std::uint64_t i = 0; reader.fine && i < count; ++i) {
    Sensor& sensor = sensors_.emplace_back();
    sensor.name = reader.text();
    sensor.values = reader.column();
    sensor.times = reader.column();
  }
  shared_ = reader.column();
  return reader.fine ? Status() : corrupt;
}

ColumnCursor ColumnFile::values(const Sensor& sensor) const {
  return ColumnCursor(*this, sensor.values);
}

ColumnCursor ColumnFile::times(const Sensor& sensor) const {
  return ColumnCursor(*this, sensor.times.present > 0 ? sensor.times : shared_);
}

ColumnCursor::ColumnCursor(const ColumnFile& file, const Column& column)
    : file_(&file), column_(&column) {}

bool ColumnCursor::fill() {
  if (!status_.ok() || block_ >= column_->blocks.size()) return false;
  const Block& block = column_->blocks[block_];
  at_ = 0;
  end_ = static_cast<std::size_t>(std::min<std::uint64_t>(kCursorDoubles, block.doubles - done_));
  buffer_.resize(std::max(buffer_.size(), end_));
  status_ =
      file_->read(block.offset + done_ * sizeof(double), buffer_.data(), end_ * sizeof(double));
  if (!status_.ok()) return end_ = 0, false;
  hash_ = mix(hash_, buffer_.data(), end_ * sizeof(double));
  done_ += end_;
  if (done_ == block.doubles) {
    if (hash_ != block.hash) {
      status_ =
          Status(Code::corrupt, file_->path_ + " is not what was written: a block is damaged");
      return end_ = 0, false;
    }
    ++block_, done_ = 0, hash_ = 0;
  }
  return true;
}

}  // namespace manufacturing
