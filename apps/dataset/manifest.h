#pragma once
// The results: four files in the output folder. Every line is in order of names and holds nothing
// that another machine, run or number of threads would write otherwise.
//
//   manifest.jsonl    an image of the dataset a line: file, hashes, size, labels, part
//   duplicates.jsonl  what was left out because another image says the same, and which
//   rejected.jsonl    what cannot be used, and why
//   summary.json      counts of all that, and the manifest's SHA-256

#include <map>
#include <string>
#include <vector>

#include "dataset/record.h"
#include "dataset/split.h"

namespace dataset {

struct Gathered {
  std::int64_t files = 0;
  std::vector<Labelled> images;
  std::vector<Copy> copies;
  std::vector<Checked> rejected;
};

struct Results {
  std::map<std::string, std::string> files;  // name to text
  pawl::Value summary;
};

Results write_results(Gathered all, const Splitter& splitter);

}  // namespace dataset
