#include "dataset/manifest.h"

#include <algorithm>
#include <set>

#include "dataset/sha256.h"

namespace dataset {

using pawl::Value;

namespace {

using Counts = std::map<std::string, std::int64_t>;

Value to_value(const Counts& counts) { return pawl::Codec<Counts>::encode(counts); }

Value line_of(const Labelled& l, const std::string& part) {
  const Checked& c = l.image;
  Value labels = Value::object();
  for (const auto& [key, value] : l.labels)
    labels.set(key, value);
  return Value::object({{"file", "files/" + c.name},
                        {"sha256", c.sha256},
                        {"bytes", c.bytes},
                        {"format", c.format},
                        {"width", c.width},
                        {"height", c.height},
                        {"hash", c.hash},
                        {"split", part},
                        {"labels", labels}});
}

Value sentence(const std::string& code) { return sentence_of(reason_of(code)); }

template <typename T, typename Name>
void sort_by_name(std::vector<T>& all, Name name) {
  std::sort(all.begin(), all.end(), [&](const T& a, const T& b) { return name(a) < name(b); });
}

}  // namespace

Results write_results(Gathered all, const Splitter& splitter) {
  sort_by_name(all.images, [](const Labelled& l) -> const std::string& { return l.image.name; });
  sort_by_name(all.copies, [](const Copy& c) -> const std::string& { return c.name; });
  sort_by_name(all.rejected, [](const Checked& c) -> const std::string& { return c.name; });
  Results results;
  std::string lines;
  Counts parts, formats, kinds, reasons;
  std::map<std::string, Counts> labels;
  std::int64_t bytes = 0;
  for (const Labelled& l : all.images) {
    const std::string& part = splitter.part_of(l.image.sha256);
    lines += line_of(l, part).json() + "\n";
    ++parts[part], ++formats[l.image.format];
    bytes += l.image.bytes;
    for (const auto& [key, value] : l.labels)
      if (value.is_string()) ++labels[key][std::string(value.as_string())];
  }
  std::string sha256 = sha256_hex(lines);
  results.files["manifest.jsonl"] = std::move(lines);

  std::set<std::string> groups;
  for (const Copy& c : all.copies) {
    Value line = Value::object({{"file", "files/" + c.name},
                                {"sha256", c.sha256},
                                {"kind", c.kind},
                                {"of", "files/" + c.of},
                                {"distance", c.distance}});
    results.files["duplicates.jsonl"] += line.json() + "\n";
    ++kinds[c.kind];
    groups.insert(c.of);
  }
  for (const Checked& c : all.rejected) {
    Value line = Value::object({{"name", c.name},
                                {"reason", c.reason},
                                {"sentence", sentence(c.reason)},
                                {"detail", c.detail}});
    results.files["rejected.jsonl"] += line.json() + "\n";
    ++reasons[c.reason];
  }
  results.files["duplicates.jsonl"], results.files["rejected.jsonl"];  // there, even if empty

  Value by_label = Value::object();
  for (const auto& [key, counts] : labels)
    by_label.set(key, to_value(counts));
  results.summary = Value::object({{"files", all.files},
                                   {"images", all.images.size()},
                                   {"bytes", bytes},
                                   {"duplicates", Value::object({{"exact", kinds["exact"]},
                                                                 {"near", kinds["near"]},
                                                                 {"groups", groups.size()}})},
                                   {"rejected", Value::object({{"files", all.rejected.size()},
                                                               {"reasons", to_value(reasons)}})},
                                   {"split", to_value(parts)},
                                   {"formats", to_value(formats)},
                                   {"labels", by_label},
                                   {"manifest_sha256", sha256}});
  results.files["summary.json"] = results.summary.pretty() + "\n";
  return results;
}

}  // namespace dataset
