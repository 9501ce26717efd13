#pragma once
// run_batch: turns each record of one file into a record of another, so that a kill costs no more
// than the few since the last checkpoint.
//
// Lines go to FILE.part; every so often the checkpoint says how many lines and bytes are good. The
// next attempt cuts the part back to that, checks that it reads, and goes on after it. The rename
// to FILE comes last: whoever finds FILE needs nothing else.

#include <fcntl.h>
#include <pawl/step.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "dataset/files.h"
#include "dataset/record.h"

namespace dataset {

// How much of FILE.part is good.
struct Mark {
  std::int64_t items = 0, bytes = 0;
};

constexpr std::int64_t kMarkEvery = 10;  // items

}  // namespace dataset

template <>
struct pawl::Codec<dataset::Mark> : pawl::Fields<dataset::Mark> {
  static auto fields() {
    return std::tuple(field("items", &dataset::Mark::items), field("bytes", &dataset::Mark::bytes));
  }
};

namespace dataset {

// The records that an earlier attempt left, at most `most`; the part is cut back to just these.
template <typename Out>
std::vector<Out> take_up(const Mark& mark, const std::string& part, std::size_t most) {
  auto text = read_file(part);
  auto good = static_cast<std::size_t>(mark.bytes);
  if (text.ok() && mark.items > 0 && text->size() >= good) {
    auto records = from_lines<Out>(std::string_view(*text).substr(0, good), part);
    bool fits = records.ok() && records->size() == static_cast<std::size_t>(mark.items) &&
                records->size() <= most;
    if (fits && ::truncate(part.c_str(), mark.bytes) == 0) return *std::move(records);
  }
  remove_file(part);
  return {};
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
  auto out = take_up<Out>(step.checkpoint_as<Mark>(), part, in.size());
  Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!fd.ok()) return file_error("writing", part);
  Mark mark{static_cast<std::int64_t>(out.size()), ::lseek(fd.get(), 0, SEEK_END)};
  std::string lines;
  auto keep = [&]() -> pawl::Status {
    if (auto s = write_all(fd.get(), lines, part); !s.ok()) return s;
    mark.items = static_cast<std::int64_t>(out.size());
    mark.bytes += static_cast<std::int64_t>(lines.size());
    lines.clear();
    return step.save(mark);
  };
  while (out.size() < in.size()) {
    pawl::Status s = step.stopped() ? pawl::Status::failed("stopped") : pawl::Status();
    Out record;
    if (s.ok()) s = turn(in[out.size()], record);
    if (!s.ok()) {
      if (auto kept = keep(); !kept.ok()) return kept;
      return s;
    }
    lines += pawl::Codec<Out>::encode(record).json() + "\n";
    out.push_back(std::move(record));
    if (static_cast<std::int64_t>(out.size()) % kMarkEvery != 0) continue;
    if (s = keep(); !s.ok()) return s;
    step.progress(static_cast<double>(out.size()), static_cast<double>(in.size()), "images");
  }
  if (auto s = keep(); !s.ok()) return s;
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
