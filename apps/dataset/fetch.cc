#include "dataset/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/trace.h"
#include "dataset/sha256.h"

namespace dataset {

using pawl::Code;
using pawl::Status;

namespace {

void set(Checked& out, const Item& item, const Digest& digest) {
  out.name = item.name;
  out.sha256 = digest.sha256;
  out.bytes = static_cast<std::int64_t>(digest.bytes);
}

// Why a source's file cannot be read: a fact about the file, not about today.
Rejection rejection_of(const Status& s) {
  switch (s.code()) {
    case Code::invalid:
      return {Reason::not_a_file, ""};
    case Code::too_large:
      return {Reason::too_many_bytes, ""};
    case Code::not_found:
      return {Reason::unreadable, "it is not there"};
    default:
      return {Reason::unreadable, ""};
  }
}

}  // namespace

Fetch::Fetch(FetchPlace place, DownloadOptions options, std::uint64_t max_bytes, Patience patience)
    : place_(std::move(place)),
      options_(options),
      max_bytes_(max_bytes),
      patience_(std::move(patience)) {}

Status Fetch::fetch(const Item& item, Checked& out) {
  if (!item.reason.empty()) {
    out = rejected(item.name, {reason_of(item.reason), ""});
    return {};
  }
  std::string file = join_path(place_.files, item.name);
  if (auto s = make_folders(folder_of(file)); !s.ok()) return s;
  return item.http ? download(item, file, out) : copy(item, file, out);
}

Status Fetch::copy(const Item& item, const std::string& file, Checked& out) {
  std::string part = join_path(place_.parts, sha256_hex(item.name) + ".part");
  Fd to;
  Status trouble;  // of our own side
  ReadOptions options{.most = max_bytes_, .each = {}, .stop = patience_.stopped};
  auto there = digest_file(file, options);
  if (!there.ok()) {
    to = Fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!to.ok()) return file_error("writing", part);
    options.each = [&](std::string_view bytes) {
      return trouble = write_all(to.get(), bytes, part);
    };
    apps::trace("download", item.name);
  }
  auto read = digest_file(item.from, options);
  if (!trouble.ok()) return trouble;
  if (!read.ok() && read.status().code() == Code::unavailable) return read.status();
  Rejection why;
  if (!read.ok()) {
    why = rejection_of(read.status());
  } else if (!item.sha256.empty() && item.sha256 != read->sha256) {
    why = {Reason::checksum_mismatch, "the SHA-256 is " + read->sha256};
  }
  if (why.rejected()) {
    remove_file(part);
    out = rejected(item.name, std::move(why));
    return {};
  }
  if (there.ok() && there->sha256 != read->sha256) {  // the source has changed since
    remove_file(file);
    return copy(item, file, out);
  }
  set(out, item, *read);
  return there.ok() ? Status() : rename_file(part, file);
}

Status Fetch::download(const Item& item, const std::string& file, Checked& out) {
  auto there = digest_file(file, {.most = max_bytes_, .each = {}, .stop = patience_.stopped});
  if (there.ok() && (item.sha256.empty() || item.sha256 == there->sha256)) {
    set(out, item, *there);
    return {};
  }
  HttpWant want{.url = item.from,
                .sha256 = item.sha256,
                .bytes = item.bytes,
                .part = join_path(place_.parts, sha256_hex(item.name + "\n" + item.from) + ".part"),
                .name = item.name,
                .most = max_bytes_,
                .options = options_};
  auto got = http_.fetch(want, patience_);
  if (!got.status.ok()) return got.status;
  if (got.rejection.rejected()) {
    out = rejected(item.name, got.rejection);
    return {};
  }
  if (item.sha256.empty()) {
    // No list could tell later whether a power cut tore it: it is on disk before it has its name.
    Fd part(::open(want.part.c_str(), O_RDONLY | O_CLOEXEC));
    if (!part.ok() || ::fsync(part.get()) != 0) return file_error("writing", want.part);
  }
  set(out, item, got.digest);
  auto s = rename_file(want.part, file);
  if (s.ok()) apps::trace("download", item.name);
  return s;
}

}  // namespace dataset
