#include "base/zstd.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace pawl {

namespace {

struct Free {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

}  // namespace

std::string zstd_compress(std::string_view bytes, int level) {
  PAWL_ASSERT(level >= 1 && level <= 19);
  thread_local std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  PAWL_ASSERT(context);
  ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  auto size = ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size());
  PAWL_ASSERT(!ZSTD_isError(size));  // the bound was enough
  out.resize(size);
  return out;
}

Result<std::string> zstd_decompress(std::string_view bytes, std::size_t max_bytes) {
  thread_local std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  PAWL_ASSERT(context);
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::string out;
  max_bytes = std::min(max_bytes, out.max_size() - 1);
  std::size_t filled = 0;
  std::size_t hint = 1;  // 0: a frame has just ended
  while (in.pos < in.size || hint != 0) {
    if (filled == out.size()) {
      // One byte more than allowed, to tell "exactly full" from "too much".
      auto want = std::max(filled * 2, std::max<std::size_t>(bytes.size() * 4, 4096));
      out.resize(std::min(want, max_bytes + 1));
    }
    ZSTD_outBuffer piece{out.data(), out.size(), filled};
    auto before = in.pos;
    hint = ZSTD_decompressStream(context.get(), &piece, &in);
    if (ZSTD_isError(hint)) {
      return Error{Errc::corrupt,
                   str("cannot decompress ", bytes.size(), " bytes: ", ZSTD_getErrorName(hint))};
    }
    if (piece.pos > max_bytes) {
      return Error{Errc::too_large, str("the ", bytes.size(), " compressed bytes hold more than ",
                                        max_bytes, ", the most allowed here")};
    }
    if (hint != 0 && in.pos == before && piece.pos == filled) {
      return Error{Errc::corrupt,
                   str("cannot decompress ", bytes.size(), " bytes: they end early")};
    }
    filled = piece.pos;
  }
  out.resize(filled);
  return out;
}

}  // namespace pawl
