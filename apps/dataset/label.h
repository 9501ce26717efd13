#pragma once
// Labelers: what gives an image its labels. The built-in ones are small and real: by folder, by
// size, by colour. A model of yours is one class more:
//
//   class Faces : public dataset::Labeler {
//     Status label(const dataset::Image& image, dataset::Labels& labels) const override { ... }
//   };
//   auto labelers = dataset::builtin_labelers();
//   labelers.add("faces", [](const Value& options) { return std::make_unique<Faces>(options); });
//   return dataset::run_program(argc, argv, labelers);
//
// A labeler is called from several threads at a time. The same image must get the same labels.

#include <pawl/value.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataset/features.h"

namespace dataset {

// What is known of an image when it is labelled.
struct Image {
  std::string name;  // SOURCE/folders/file.jpg
  std::string path;  // where its file is
  std::string sha256;
  std::string format;
  std::uint64_t bytes = 0;
  unsigned width = 0, height = 0;
  Features features;
};

// Label to value, in order of labels.
using Labels = std::map<std::string, pawl::Value>;

class Labeler {
 public:
  virtual ~Labeler() = default;
  // Adds labels. An error is tried again with the batch, and then fails the build.
  virtual pawl::Status label(const Image& image, Labels& labels) const = 0;
};

// Names of labelers, and how each is made of its config (the object {"by": NAME, ...}).
class Labelers {
 public:
  using Make = std::function<pawl::Result<std::unique_ptr<Labeler>>(const pawl::Value& options)>;
  void add(const std::string& name, Make make);
  std::vector<std::string> names() const;
  // Errors: not_found, or whatever it says of its options.
  pawl::Result<std::unique_ptr<Labeler>> make(const std::string& name,
                                              const pawl::Value& options) const;

 private:
  std::map<std::string, Make> makes_;
};

// folder, size and colour.
Labelers builtin_labelers();

}  // namespace dataset
