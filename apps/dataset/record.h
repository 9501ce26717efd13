#pragma once
// Records: what the steps hand on, a JSON object a line, in files beneath work/. Runs carry only
// the files' numbers and counts, so that ten thousand images are a few hundred bytes of state.

#include <pawl/codec.h>

#include <string>
#include <vector>

#include "dataset/files.h"
#include "dataset/label.h"
#include "dataset/reason.h"

namespace dataset {

// A file to fetch.
struct Item {
  std::string name;         // SOURCE/folders/file.jpg, unique, beneath its root
  std::string from;         // a path, or a URL
  std::string sha256;       // as the list says; "" unknown
  std::int64_t bytes = -1;  // as the list says; -1 unknown
  std::string reason;       // a Reason's code: it cannot even be tried
  bool http = false;
};

// A file after it was fetched, and after it was decoded.
struct Checked {
  std::string name;
  std::string reason, detail;  // why it is not taken; then little else is set
  std::string sha256;
  std::int64_t bytes = 0;
  std::string format;
  int width = 0, height = 0;
  std::string hash, colours;
  int red = 0, green = 0, blue = 0, brightness = 0, contrast = 0, saturation = 0;
};

// An image with its labels.
struct Labelled {
  Checked image;
  std::map<std::string, pawl::Value> labels;
};

// One that stands for others.
struct Copy {
  std::string name, sha256, of, kind;
  int distance = 0;
};

// An element of a fan-out: records FOLDER/NUMBER.jsonl, and what came of them.
struct Batch {
  int number = 0;
  std::int64_t items = 0;
  std::int64_t rejected = 0;
  std::int64_t bytes = 0;
};

Checked rejected(const std::string& name, Rejection why);
Features features_of(const Checked& c);
void set_features(Checked& c, const Features& f);

// Each record as a line. Error: corrupt where a line is none.
template <typename T>
std::string to_lines(const std::vector<T>& records) {
  std::string text;
  for (const T& r : records)
    text += pawl::Codec<T>::encode(r).json() + "\n";
  return text;
}

template <typename T>
pawl::Result<std::vector<T>> from_lines(std::string_view text, const std::string& file) {
  std::vector<T> records;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto where = [&] { return file + ":" + std::to_string(records.size() + 1) + ": "; };
    if (end == std::string_view::npos)
      return pawl::Status(pawl::Code::corrupt, where() + "the last line is cut off");
    auto value = pawl::Value::parse(text.substr(0, end));
    if (!value.ok()) return pawl::Status(pawl::Code::corrupt, where() + value.status().text());
    auto record = pawl::Codec<T>::decode(*value);
    if (!record.ok()) return pawl::Status(pawl::Code::corrupt, where() + record.status().text());
    records.push_back(*std::move(record));
    text.remove_prefix(end + 1);
  }
  return records;
}

template <typename T>
pawl::Result<std::vector<T>> read_lines(const std::string& path) {
  auto text = read_file(path);
  if (!text.ok()) return text.status();
  return from_lines<T>(*text, path);
}

}  // namespace dataset

template <>
struct pawl::Codec<dataset::Item> : pawl::Fields<dataset::Item> {
  static auto fields() {
    using T = dataset::Item;
    return std::tuple(field("name", &T::name), field("from", &T::from), field("sha256", &T::sha256),
                      field("bytes", &T::bytes), field("reason", &T::reason),
                      field("http", &T::http));
  }
};

template <>
struct pawl::Codec<dataset::Checked> : pawl::Fields<dataset::Checked> {
  static auto fields() {
    using T = dataset::Checked;
    return std::tuple(
        field("name", &T::name), field("reason", &T::reason), field("detail", &T::detail),
        field("sha256", &T::sha256), field("bytes", &T::bytes), field("format", &T::format),
        field("width", &T::width), field("height", &T::height), field("hash", &T::hash),
        field("colours", &T::colours), field("red", &T::red), field("green", &T::green),
        field("blue", &T::blue), field("brightness", &T::brightness),
        field("contrast", &T::contrast), field("saturation", &T::saturation));
  }
};

template <>
struct pawl::Codec<dataset::Labelled> : pawl::Fields<dataset::Labelled> {
  static auto fields() {
    using T = dataset::Labelled;
    return std::tuple(field("image", &T::image), field("labels", &T::labels));
  }
};

template <>
struct pawl::Codec<dataset::Copy> : pawl::Fields<dataset::Copy> {
  static auto fields() {
    using T = dataset::Copy;
    return std::tuple(field("name", &T::name), field("sha256", &T::sha256), field("of", &T::of),
                      field("kind", &T::kind), field("distance", &T::distance));
  }
};

template <>
struct pawl::Codec<dataset::Batch> : pawl::Fields<dataset::Batch> {
  static auto fields() {
    using T = dataset::Batch;
    return std::tuple(field("number", &T::number), field("items", &T::items),
                      field("rejected", &T::rejected), field("bytes", &T::bytes));
  }
};
