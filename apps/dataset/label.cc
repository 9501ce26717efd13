#include "dataset/label.h"

#include <algorithm>

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Value;

namespace {

// "class": the folder the image is in; `level` 1 is the first below the source.
class ByFolder : public Labeler {
 public:
  explicit ByFolder(std::int64_t level) : level_(level) {}
  Status label(const Image& image, Labels& labels) const override {
    std::vector<std::string> folders;
    std::string_view rest = image.name;
    for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
      folders.emplace_back(rest.substr(0, slash));
      rest.remove_prefix(slash + 1);
    }
    auto level = level_ > 0 ? static_cast<std::size_t>(level_) : folders.size() - 1;
    labels["class"] =
        folders.size() > 1 && level < folders.size() ? Value(folders[level]) : Value();
    return {};
  }

 private:
  std::int64_t level_;  // 0: the innermost
};

// "size" and "aspect".
class BySize : public Labeler {
 public:
  BySize(std::int64_t small, std::int64_t large) : small_(small), large_(large) {}
  Status label(const Image& image, Labels& labels) const override {
    auto pixels = std::int64_t{image.width} * image.height;
    labels["size"] = pixels < small_ ? "small" : pixels >= large_ ? "large" : "medium";
    std::uint64_t w = image.width, h = image.height;
    labels["aspect"] = w * 10 <= h * 11 && h * 10 <= w * 11 ? "square"
                       : w >= h * 2                         ? "panorama"
                       : w > h                              ? "landscape"
                                                            : "portrait";
    return {};
  }

 private:
  std::int64_t small_, large_;
};

const char* hue_of(const Features& f) {
  int most = std::max({f.red, f.green, f.blue}), least = std::min({f.red, f.green, f.blue});
  if (most - least < 12) return "grey";
  int middle = f.red + f.green + f.blue - most - least;
  bool mixed = (middle - least) * 2 > most - least;
  if (most == f.red) return !mixed ? "red" : middle == f.green ? "yellow" : "magenta";
  if (most == f.green) return !mixed ? "green" : middle == f.red ? "yellow" : "cyan";
  return !mixed ? "blue" : middle == f.green ? "cyan" : "magenta";
}

// "tone", "colour" and "contrast".
class ByColour : public Labeler {
 public:
  Status label(const Image& image, Labels& labels) const override {
    const Features& f = image.features;
    labels["tone"] = f.brightness < 85 ? "dark" : f.brightness < 170 ? "mid" : "bright";
    labels["colour"] = f.saturation < 12 ? "grey" : hue_of(f);
    labels["contrast"] = f.contrast < 16 ? "flat" : f.contrast < 48 ? "normal" : "strong";
    return {};
  }
};

}  // namespace

void Labelers::add(const std::string& name, Make make) { makes_[name] = std::move(make); }

std::vector<std::string> Labelers::names() const {
  std::vector<std::string> names;
  for (const auto& [name, make] : makes_)
    names.push_back(name);
  return names;
}

Result<std::unique_ptr<Labeler>> Labelers::make(const std::string& name,
                                                const Value& options) const {
  auto found = makes_.find(name);
  if (found == makes_.end()) return Status(Code::not_found, "there is no labeler '" + name + "'");
  return found->second(options);
}

Labelers builtin_labelers() {
  using Made = Result<std::unique_ptr<Labeler>>;
  Labelers all;
  all.add("folder", [](const Value& options) -> Made {
    auto level = options.get("level").as_integer(0);
    if (level < 0) return Status(Code::invalid, "folder: level is 0 (the innermost) or more");
    return std::unique_ptr<Labeler>(std::make_unique<ByFolder>(level));
  });
  all.add("size", [](const Value& options) -> Made {
    auto small = options.get("small").as_integer(256 * 256);
    auto large = options.get("large").as_integer(1024 * 1024);
    if (small > large) return Status(Code::invalid, "size: small is more than large");
    return std::unique_ptr<Labeler>(std::make_unique<BySize>(small, large));
  });
  all.add("colour", [](const Value&) -> Made {
    return std::unique_ptr<Labeler>(std::make_unique<ByColour>());
  });
  return all;
}

}  // namespace dataset
