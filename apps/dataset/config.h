#pragma once
// Config: what `pawl-dataset build` is asked to make, read from one JSON file (the README explains
// each member). Everything that is wrong is told at once, with file, line and what to write
// instead. Relative paths are meant from the file's own folder. JSON, because the library reads it
// already.

#include <pawl/value.h>

#include <string>
#include <vector>

#include "dataset/duplicates.h"
#include "dataset/image_decode.h"
#include "dataset/split.h"

namespace dataset {

struct Source {
  enum class Kind : unsigned char { folder, files, http };
  Kind kind = Kind::folder;
  std::string path;  // absolute: the folder, or the list
  std::string name;  // its files are NAME/...
};

struct DownloadOptions {
  std::int64_t timeout_s = 300;  // of one file
  std::int64_t connect_timeout_s = 10;
  std::int64_t stall_timeout_s = 20;  // without a byte
  int redirects = 5;
  int tries = 8;  // of one file, in one attempt
};

struct LabelerConfig {
  std::string by;       // its name in the registry
  pawl::Value options;  // the object it stands in
};

struct Config {
  std::string name;
  std::string output;  // absolute; "" not said
  std::vector<Source> sources;
  DownloadOptions download;
  Limits validate;
  NearOptions deduplicate;
  std::vector<LabelerConfig> label;
  std::vector<Part> split;
  std::string salt = "1";
  std::int64_t batch = 200;  // images an element of a fan-out

  // What it says, in one form: what a run is given, and what its job id is made of.
  pawl::Value to_value() const;
  // "flowers-3f9a0c12": the same for the same config, wherever its output is.
  std::string job() const;
};

// Reads a file. `labelers`: names that there are. Errors: not_found, io; invalid with all findings,
// a line each: "dataset.json:7:12: validate.max_pixels: expected an integer, found a string".
pawl::Result<Config> load_config(const std::string& path, const std::vector<std::string>& labelers);
// The same, of text that is here already. `file` is for messages, `folder` for relative paths.
pawl::Result<Config> parse_config(const std::string& text, const std::string& file,
                                  const std::string& folder,
                                  const std::vector<std::string>& labelers);
// Reads what to_value() wrote.
pawl::Result<Config> config_of(const pawl::Value& value);

}  // namespace dataset
