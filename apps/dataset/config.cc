#include "dataset/config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>

#include "dataset/files.h"
#include "dataset/json_places.h"
#include "dataset/near_index.h"
#include "dataset/sha256.h"

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Value;

namespace {

const char* kind_of(const Value& v) {
  switch (v.kind()) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "a boolean";
    case Value::Kind::integer:
      return "an integer";
    case Value::Kind::number:
      return "a number";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::array:
      return "an array";
    case Value::Kind::object:
      return "an object";
  }
  return "";
}

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = up;
    }
  }
  return row[b.size()];
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 50 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string last_part(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  path = path.substr(path.rfind('/') + 1);
  std::string name;
  for (char c : path.substr(0, path.find('.')))
    name += is_name(std::string_view(&c, 1)) ? c : '-';
  return name.substr(0, 50);
}

// Reads a Value into a Config and gathers what is wrong.
class Reader {
 public:
  Reader(const Value& root, std::string file, std::string folder, const JsonPlaces* places,
         const std::vector<std::string>* labelers)
      : root_(root),
        file_(std::move(file)),
        folder_(std::move(folder)),
        places_(places),
        labelers_(labelers) {}

  Result<Config> read() {
    if (!root_.is_object()) {
      wrong("", std::string("expected an object, found ") + kind_of(root_));
    } else {
      known(root_, "",
            {"name", "output", "sources", "download", "validate", "deduplicate", "label", "split",
             "batch"});
      config_.name = text(root_, "", "name", "");
      if (!is_name(config_.name)) {
        wrong("name", config_.name.empty() ? "it is missing" : "it is no name",
              "a name of up to 50 letters, digits, _ and -");
      }
      config_.output = path(text(root_, "", "output", ""));
      config_.batch = number(root_, "", "batch", config_.batch, 1, 10000);
      read_sources();
      read_limits();
      read_labels();
      read_split();
    }
    if (findings_.empty()) return std::move(config_);
    return Status(Code::invalid, findings_);
  }

 private:
  void wrong(const std::string& where, const std::string& what, const std::string& hint = {}) {
    if (!findings_.empty()) findings_ += '\n';
    findings_ += file_;
    if (places_) {
      auto place = places_->of(where);
      findings_ += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
    }
    findings_ += ": " + (where.empty() ? what : where + ": " + what);
    if (!hint.empty()) findings_ += " (" + hint + ")";
  }

  static std::string inner(const std::string& where, std::string_view key) {
    return where.empty() ? std::string(key) : where + "." + std::string(key);
  }

  void known(const Value& object, const std::string& where, const std::vector<std::string>& keys) {
    for (std::size_t i = 0; i < object.size(); ++i) {
      std::string key(object.key(i));
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      auto like = std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
        return edits(key, a) < edits(key, b);
      });
      wrong(inner(where, key), "there is no such member",
            edits(key, *like) <= 2 ? "did you mean " + *like + "?" : "there are " + list_of(keys));
    }
  }

  Value object(const std::string& key) {
    Value v = root_.get(key);
    if (v.is_null()) return Value::object();
    if (v.is_object()) return v;
    wrong(key, std::string("expected an object, found ") + kind_of(v));
    return Value::object();
  }

  std::string text(const Value& object, const std::string& where, const char* key,
                   const std::string& otherwise) {
    Value v = object.get(key);
    if (v.is_null()) return otherwise;
    if (v.is_string()) return std::string(v.as_string());
    wrong(inner(where, key), std::string("expected a string, found ") + kind_of(v));
    return otherwise;
  }

  template <typename T>
  T number(const Value& object, const std::string& where, const char* key, T otherwise,
           std::int64_t least, std::int64_t most) {
    Value v = object.get(key);
    if (v.is_null()) return otherwise;
    if (!v.is_integer()) {
      wrong(inner(where, key), std::string("expected an integer, found ") + kind_of(v));
    } else if (v.as_integer() < least || v.as_integer() > most) {
      wrong(inner(where, key), std::to_string(v.as_integer()) + " is out of range",
            std::to_string(least) + " to " + std::to_string(most));
    } else {
      return static_cast<T>(v.as_integer());
    }
    return otherwise;
  }

  bool yes(const Value& object, const std::string& where, const char* key, bool otherwise) {
    Value v = object.get(key);
    if (v.is_null() || v.is_bool()) return v.as_bool(otherwise);
    wrong(inner(where, key), std::string("expected true or false, found ") + kind_of(v));
    return otherwise;
  }

  std::string path(const std::string& name) const {
    return name.empty() ? name : join_path(folder_, name);
  }

  void read_sources() {
    Value list = root_.get("sources");
    if (!list.is_array() || list.size() == 0) {
      wrong("sources", list.is_null() ? "it is missing" : "it names no source",
            R"(an array such as [{"folder": "photos"}])");
      return;
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::string where = "sources[" + std::to_string(i) + "]";
      Value v = list.at(i);
      if (!v.is_object()) {
        wrong(where, std::string("expected an object, found ") + kind_of(v));
        continue;
      }
      known(v, where, {"folder", "files", "http", "name"});
      Source source;
      int kinds = 0;
      for (auto [key, kind] :
           {std::pair("folder", Source::Kind::folder), std::pair("files", Source::Kind::files),
            std::pair("http", Source::Kind::http)}) {
        if (!v.has(key)) continue;
        ++kinds;
        source.kind = kind;
        source.path = path(text(v, where, key, ""));
        if (source.path.empty()) wrong(inner(where, key), "it names nothing");
      }
      if (kinds != 1) wrong(where, "a source has one of folder, files and http");
      source.name = text(v, where, "name", last_part(source.path));
      if (!is_name(source.name) && kinds == 1) {
        wrong(inner(where, "name"), "'" + source.name + "' is no name",
              "up to 50 letters, digits, _ and -");
      } else if (kinds == 1 && !names.insert(source.name).second) {
        wrong(where, "another source is called '" + source.name + "' too",
              "give one of them another \"name\"");
      }
      config_.sources.push_back(std::move(source));
    }
  }

  void read_limits() {
    constexpr std::int64_t kMany = std::int64_t{1} << 40;
    Value d = object("download");
    known(d, "download",
          {"timeout_s", "connect_timeout_s", "stall_timeout_s", "redirects", "tries"});
    auto& download = config_.download;
    download.timeout_s = number(d, "download", "timeout_s", download.timeout_s, 1, 86400);
    download.connect_timeout_s =
        number(d, "download", "connect_timeout_s", download.connect_timeout_s, 1, 600);
    download.stall_timeout_s =
        number(d, "download", "stall_timeout_s", download.stall_timeout_s, 1, 3600);
    download.redirects = number(d, "download", "redirects", download.redirects, 0, 20);
    download.tries = number(d, "download", "tries", download.tries, 1, 100);
    Value v = object("validate");
    known(
        v, "validate",
        {"max_bytes", "max_pixels", "max_memory", "max_trailing_bytes", "min_width", "min_height"});
    Limits& limits = config_.validate;
    limits.max_bytes = number(v, "validate", "max_bytes", limits.max_bytes, 1, 1 << 30);
    limits.max_pixels = number(v, "validate", "max_pixels", limits.max_pixels, 1, kMany);
    limits.max_memory = number(v, "validate", "max_memory", limits.max_memory, 1 << 20, kMany);
    limits.max_trailing_bytes =
        number(v, "validate", "max_trailing_bytes", limits.max_trailing_bytes, 0, kMany);
    limits.min_width = number(v, "validate", "min_width", limits.min_width, 1, 65535);
    limits.min_height = number(v, "validate", "min_height", limits.min_height, 1, 65535);
    Value n = object("deduplicate");
    known(n, "deduplicate", {"near", "distance", "colour"});
    NearOptions& near = config_.deduplicate;
    near.near = yes(n, "deduplicate", "near", near.near);
    near.distance = number(n, "deduplicate", "distance", near.distance, 0, kMaxNearDistance);
    near.colour = number(n, "deduplicate", "colour", near.colour, 0, 255);
  }

  void read_labels() {
    Value list = root_.get("label");
    if (list.is_null()) return;
    if (!list.is_array()) {
      wrong("label", std::string("expected an array, found ") + kind_of(list),
            R"([{"by": "folder"}])");
      return;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::string where = "label[" + std::to_string(i) + "]";
      Value v = list.at(i);
      std::string by(v.get("by").as_string());
      if (by.empty()) {
        wrong(where, "it does not say by what", R"({"by": "folder"})");
      } else if (labelers_ &&
                 std::find(labelers_->begin(), labelers_->end(), by) == labelers_->end()) {
        wrong(where + ".by", "there is no labeler '" + by + "'",
              "there are " + list_of(*labelers_));
      }
      config_.label.push_back({by, v});
    }
  }

  void read_split() {
    Value v = root_.get("split");
    if (v.is_null()) {
      config_.split = {{"train", 0.8}, {"val", 0.1}, {"test", 0.1}};
      return;
    }
    if (!v.is_object()) {
      wrong("split", std::string("expected an object, found ") + kind_of(v));
      return;
    }
    known(v, "split", {"parts", "salt"});
    config_.salt = text(v, "split", "salt", config_.salt);
    Value parts = v.get("parts");
    double sum = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::string name(parts.key(i)), where = "split.parts." + name;
      double share = parts.at(i).as_double(-1);
      if (!is_name(name)) wrong(where, "it is no name", "up to 50 letters, digits, _ and -");
      if (!(share >= 0 && share <= 1)) wrong(where, "a share is a number from 0 to 1");
      sum += share;
      config_.split.push_back({name, share});
    }
    if (!parts.is_object() || parts.size() == 0) {
      wrong("split.parts", "it names no part", R"({"train": 0.9, "test": 0.1})");
    } else if (std::fabs(sum - 1) > 1e-6) {
      wrong("split.parts", "the shares do not add up to 1");
    }
  }

  const Value& root_;
  std::string file_, folder_;
  const JsonPlaces* places_;
  const std::vector<std::string>* labelers_;
  Config config_;
  std::string findings_;
};

const char* key_of(Source::Kind kind) {
  switch (kind) {
    case Source::Kind::folder:
      return "folder";
    case Source::Kind::files:
      return "files";
    case Source::Kind::http:
      return "http";
  }
  return "";
}

}  // namespace

Value Config::to_value() const {
  Value all = Value::array();
  for (const Source& s : sources)
    all.push(Value::object({{key_of(s.kind), s.path}, {"name", s.name}}));
  Value labels = Value::array();
  for (const LabelerConfig& l : label)
    labels.push(l.options);
  Value parts = Value::object();
  for (const Part& p : split)
    parts.set(p.name, p.share);
  return Value::object(
      {{"name", name},
       {"sources", all},
       {"download", Value::object({{"timeout_s", download.timeout_s},
                                   {"connect_timeout_s", download.connect_timeout_s},
                                   {"stall_timeout_s", download.stall_timeout_s},
                                   {"redirects", download.redirects},
                                   {"tries", download.tries}})},
       {"validate", Value::object({{"max_bytes", validate.max_bytes},
                                   {"max_pixels", validate.max_pixels},
                                   {"max_memory", validate.max_memory},
                                   {"max_trailing_bytes", validate.max_trailing_bytes},
                                   {"min_width", validate.min_width},
                                   {"min_height", validate.min_height}})},
       {"deduplicate", Value::object({{"near", deduplicate.near},
                                      {"distance", deduplicate.distance},
                                      {"colour", deduplicate.colour}})},
       {"label", labels},
       {"split", Value::object({{"parts", parts}, {"salt", salt}})},
       {"batch", batch}});
}

std::string Config::job() const { return name + "-" + sha256_hex(to_value().json()).substr(0, 12); }

Result<Config> parse_config(const std::string& text, const std::string& file,
                            const std::string& folder, const std::vector<std::string>& labelers) {
  auto value = Value::parse(text);
  if (!value.ok()) return Status(Code::invalid, file + ": " + value.status().text());
  JsonPlaces places(text);
  return Reader(*value, file, folder, &places, &labelers).read();
}

Result<Config> load_config(const std::string& path, const std::vector<std::string>& labelers) {
  auto text = read_file(path, 1u << 20);
  if (!text.ok()) return text.status();
  std::unique_ptr<char, void (*)(void*)> whole(::realpath(path.c_str(), nullptr), ::free);
  if (!whole) return file_error("reading", path);
  return parse_config(*text, path, folder_of(whole.get()), labelers);
}

Result<Config> config_of(const Value& value) {
  return Reader(value, "the run's input", "", nullptr, nullptr).read();
}

}  // namespace dataset
