#pragma once
// JsonPlaces: where in a JSON text each member stands, for messages about what a valid text says.
// Value does not keep positions; this walks the text once more. REQUIRES: text that Value::parse
// took.

#include <map>
#include <string>
#include <string_view>

namespace dataset {

struct Place {
  int line = 1, column = 1;
};

class JsonPlaces {
 public:
  explicit JsonPlaces(std::string_view text);
  // Of "validate.max_pixels" or "sources[2].http": the value; of something that is not there: of
  // what would hold it.
  Place of(std::string path) const;

 private:
  void value(const std::string& path);
  std::string string();
  void space();
  void note(const std::string& path);

  std::string_view text_;
  std::size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
  std::map<std::string, Place> places_;
};

}  // namespace dataset
