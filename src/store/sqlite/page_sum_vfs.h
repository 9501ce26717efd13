#pragma once
// A checksum in every page of the database files. SQLite has none: a flipped bit in a key or a
// pointer of a B-tree makes rows vanish without an error. This VFS stands on another one; the last
// four bytes of each page, reserved when the file is made, hold CRC-32C of the page and its number,
// written on the way out and verified on the way in. Damage reads as SQLITE_IOERR_DATA, which is
// Errc::corrupt.
//
// The WAL passes through unchanged: its frames have checksums of their own. Any SQLite can read
// such a file; one that writes to it without this VFS leaves pages that Pawl then refuses.

#include "base/result.h"
#include "store/sqlite/sqlite.h"

namespace pawl::store::sqlite {

inline constexpr int kPageBytes = 4096;
inline constexpr int kPageSumBytes = 4;

// The name of the VFS over `base` (nullptr: the default), registered at its first use.
const char* page_sum_vfs(const char* base);
// Reserves the bytes. REQUIRES: the file is empty.
Status reserve_page_sums(Db& db);

}  // namespace pawl::store::sqlite
