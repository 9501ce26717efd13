// A batch is what a stranger posts: whatever it is, it is read or refused with a place, in one pass
// and the same however it is cut into pieces; what was read can be analysed.
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "manufacturing/batch.h"
#include "manufacturing/statistics.h"

namespace {

using namespace manufacturing;

void require(bool fine) {
  if (!fine) std::abort();
}

ByteSource in_pieces(std::string_view text, std::size_t piece) {
  return [text, piece](char* into, std::size_t most) mutable -> pawl::Result<std::size_t> {
    auto n = std::min({text.size(), piece, most});
    text.copy(into, n);
    text.remove_prefix(n);
    return n;
  };
}

std::string read(std::string_view text, std::size_t piece, const std::string& path,
                 BatchFacts& facts) {
  auto columns = ColumnWriter::create(path);
  require(columns.ok());
  JsonReader json("b", in_pieces(text, piece));
  auto read = BatchReader(json, **columns, {.sensors = 50}).read();
  if (!read.ok()) return read.status().text();
  facts = *read;
  auto totals = (*columns)->finish();
  require(totals.ok() && totals->present == facts.readings);
  require(totals->positions == facts.positions);
  return "";
}

// A folder that goes when the fuzzer ends.
struct Scratch {
  std::string folder =
      make_unique_folder((std::filesystem::temp_directory_path() / "pawl-fuzz-").string()).value();
  ~Scratch() { remove_folder(folder); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  const std::string path = scratch.folder + "/columns";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  BatchFacts whole, pieces;
  const auto refused = read(text, 1, path, pieces);
  require(refused == read(text, size + 1, path, whole));
  require(refused.empty() || refused.starts_with("b:"));
  require(whole.readings == pieces.readings && whole.positions == pieces.positions);
  if (!refused.empty()) return 0;
  auto file = ColumnFile::open(path).value();
  for (const Sensor& sensor : file->sensors()) {
    auto d = describe(*file, sensor, Divisor::sample);
    require(d.ok() && d->readings + d->missing == sensor.values.positions);
    require(d->readings == 0 || (d->min <= d->max && d->mean == d->mean));
    auto found = find_outliers(*file, sensor, *d, 2, 3);
    require(found.ok() && found->list.size() <= 3 && found->count <= d->readings);
    auto trend = fit_trend(*file, sensor);
    require(trend.ok() && trend->points + trend->untimed == d->readings);
    require(!trend->r2 || (*trend->r2 >= 0 && *trend->r2 <= 1));
  }
  return 0;
}
