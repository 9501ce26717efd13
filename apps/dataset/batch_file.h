#pragma once
// run_batch: turns each record of one file into a record of another, so that a kill costs no more
// than the record in work.
//
// Lines go to FILE.part as they are made; they are their own ledger. The next attempt takes up
// those that read and are about the right items, cuts off what follows (a torn line, after a power
// cut perhaps more), and goes on after it. The rename to FILE comes last: whoever finds FILE needs
// nothing else. The checkpoint says how far it is, for people; it may be a moment behind.

#include <fcntl.h>
#include <pawl/step.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "dataset/files.h"
#include "dataset/record.h"

namespace dataset {

// What the checkpoint says.
struct Mark {
  std::int64_t items = 0;
};

constexpr std::int64_t kMarkEvery = 10;  // items

inline const std::string& name_of(const Item& r) { return r.name; }
inline const std::string& name_of(const Checked& r) { return r.name; }
inline const std::string& name_of(const Labelled& r) { return r.image.name; }

}  // namespace dataset

template <>
struct pawl::Codec<dataset::Mark> : pawl::Fields<dataset::Mark> {
  static auto fields() { return std::tuple(field("items", &dataset::Mark::items)); }
};

namespace dataset {

// The records that an earlier attempt left; the part is cut back to just these.
template <typename In, typename Out>
std::vector<Out> take_up(const std::vector<In>& in, const std::string& part) {
  std::vector<Out> out;
  auto text = read_file(part);
  std::size_t good = 0;
  while (text.ok() && out.size() < in.size()) {
    auto end = text->find('\n', good);
    if (end == std::string::npos) break;
    auto one = from_lines<Out>(std::string_view(*text).substr(good, end + 1 - good), part);
    if (!one.ok() || name_of(one->front()) != name_of(in[out.size()])) break;
    out.push_back(std::move(one->front()));
    good = end + 1;
  }
  if (good == 0 || ::truncate(part.c_str(), static_cast<off_t>(good)) != 0) {
    remove_file(part);
    out.clear();
  }
  return out;
}

// `turn(in, out)` returns a Status; not ok ends the attempt, and what was done is kept.
template <typename In, typename Out, typename Turn>
pawl::Result<std::vector<Out>> run_batch(pawl::Step& step, const std::vector<In>& in,
                                         const std::string& file, bool sync, Turn turn) {
  if (file_exists(file)) {
    auto done = read_lines<Out>(file);
    if (done.ok() && done->size() == in.size()) return done;
  }
  std::string part = file + ".part";
  if (auto s = make_folders(folder_of(file)); !s.ok()) return s;
  auto out = take_up<In, Out>(in, part);
  Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!fd.ok()) return file_error("writing", part);
  while (out.size() < in.size()) {
    if (step.stopped()) return pawl::Status::failed("stopped");
    Out record;
    if (auto s = turn(in[out.size()], record); !s.ok()) return s;
    std::string line = pawl::Codec<Out>::encode(record).json() + "\n";
    if (auto s = write_all(fd.get(), line, part); !s.ok()) return s;
    out.push_back(std::move(record));
    auto done = static_cast<std::int64_t>(out.size());
    if (done % kMarkEvery != 0) continue;
    if (auto s = step.save(Mark{done}); !s.ok()) return s;
    step.progress(static_cast<double>(done), static_cast<double>(in.size()), "images");
  }
  if (sync) {  // the files that these records are about, and their names
    if (auto s = sync_all(folder_of(file)); !s.ok()) return s;
  } else if (::fsync(fd.get()) != 0) {
    return file_error("writing", part);
  }
  if (auto s = rename_file(part, file); !s.ok()) return s;
  Fd folder(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok() || ::fsync(folder.get()) != 0) return file_error("writing", file);
  return out;
}

}  // namespace dataset
