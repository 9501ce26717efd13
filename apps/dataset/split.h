#pragma once
// Split: which part of the dataset an image goes to, by its content alone. An image keeps its part
// when others come or go; another salt deals anew.

#include <string>
#include <string_view>
#include <vector>

namespace dataset {

struct Part {
  std::string name;
  double share = 0;  // of 1
};

// REQUIRES: shares add up to 1. Parts are taken in order of their names.
class Splitter {
 public:
  Splitter(std::vector<Part> parts, std::string salt);
  const std::string& part_of(std::string_view sha256) const;

 private:
  std::vector<Part> parts_;
  std::string salt_;
};

}  // namespace dataset
