#include "store/sqlite/wal_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::store::sqlite {

namespace {

// The file format is SQLite's (fileformat2.html, section 4): a header of 32 bytes, then frames of
// 24 bytes and a page; all numbers big-endian; the checksum runs on from frame to frame.
constexpr std::size_t kHeaderBytes = 32, kFrameBytes = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // the lowest bit: words are summed as big-endian

std::uint32_t big_endian(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}

struct Sum {
  std::uint32_t a = 0, b = 0;
  bool operator==(const Sum&) const = default;
  void add(std::string_view bytes, bool swap) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      std::uint32_t x, y;
      std::memcpy(&x, bytes.data() + i, 4);
      std::memcpy(&y, bytes.data() + i + 4, 4);
      a += (swap ? __builtin_bswap32(x) : x) + b;
      b += (swap ? __builtin_bswap32(y) : y) + a;
    }
  }
};

Sum sum_at(const char* p) { return {big_endian(p), big_endian(p + 4)}; }

class WalFile {
 public:
  WalFile(int fd, const std::string& path) : fd_(fd), path_(path) {}

  Status check() {
    std::string header(kHeaderBytes, '\0');
    if (!TRY(read(0, header)) || header == std::string(kHeaderBytes, '\0')) return {};
    if ((big_endian(header.data()) & ~1u) != kMagic) return damaged(0);
    swap_ = big_endian(header.data()) & 1;
    page_ = big_endian(header.data() + 8);
    salt_ = header.substr(16, 8);
    Sum sum;
    sum.add(std::string_view(header).substr(0, 24), swap_);
    // A sector is written whole or not at all, so a header is never torn.
    if (!(sum == sum_at(header.data() + 24)) || page_ < 512 || page_ > 65536) return damaged(0);
    return frames(sum);
  }

 private:
  struct Frame {
    bool there = false, same_generation = false, follows = false, commit = false;
    Sum stored;
  };

  // The frame and whether its checksum follows from the one before.
  Result<Frame> frame(std::uint64_t n, Sum before) {
    buffer_.resize(kFrameBytes + page_);
    Frame out;
    if (!TRY(read(kHeaderBytes + n * buffer_.size(), buffer_))) return out;
    std::string_view bytes(buffer_);
    out.there = true;
    out.commit = big_endian(buffer_.data() + 4) != 0;
    out.same_generation = bytes.substr(8, 8) == salt_;
    out.stored = sum_at(buffer_.data() + 16);
    before.add(bytes.substr(0, 8), swap_);
    before.add(bytes.substr(kFrameBytes), swap_);
    out.follows = out.same_generation && before == out.stored;
    return out;
  }

  Status frames(Sum sum) {
    std::uint64_t bad = 0;
    for (;; ++bad) {
      auto f = TRY(frame(bad, sum));
      if (!f.there) return {};
      sum = f.stored;
      if (!f.follows) break;
    }
    // Behind it: a commit that is whole in itself, and something after that.
    bool commit_seen = false;
    for (auto n = bad + 1;; ++n) {
      auto f = TRY(frame(n, sum));
      if (!f.there) return {};
      sum = f.stored;
      if (commit_seen && f.follows) return damaged(bad + 1);
      commit_seen = f.follows && f.commit;
    }
  }

  // False where the file ends before.
  Result<bool> read(std::uint64_t offset, std::string& into) {
    std::size_t done = 0;
    while (done < into.size()) {
      auto n =
          ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("read", path_, errno);
      if (n == 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }

  Error damaged(std::uint64_t frame) const {
    return Error{Errc::corrupt, str("cannot use ", path_, ": frame ", frame, " is damaged, and ",
                                    "commits that were acknowledged lie at or behind it; restore ",
                                    "the directory from a backup")};
  }

  int fd_;
  const std::string& path_;
  bool swap_ = false;
  std::size_t page_ = 0;
  std::string salt_, buffer_;
};

}  // namespace

Status check_wal(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    return errno_error("open", path, errno);
  }
  return WalFile(fd.get(), path).check();
}

}  // namespace pawl::store::sqlite
