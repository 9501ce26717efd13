#pragma once
// DagReader: the DAG file's tree, checked member by member, mistakes collected rather than returned
// one at a time. What it makes is of use only where there are none.

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "manufacturing/dag.h"
#include "manufacturing/json_tree.h"

namespace manufacturing {

class DagReader {
 public:
  explicit DagReader(std::string file) : file_(std::move(file)) {}
  void read(const JsonNode& root, Dag& dag);
  const std::vector<std::string>& mistakes() const { return mistakes_; }

 private:
  struct Bounds {
    double least, most;
    bool whole = false;
  };
  void say(const JsonNode& at, const std::string& what) { say(at.place, what); }
  void say(Place at, const std::string& what);
  bool object(const JsonNode& node, const std::string& what,
              std::initializer_list<const char*> known);
  bool number(const JsonNode& of, const char* key, Bounds bounds, double& into);
  template <typename T>
  void whole(const JsonNode& of, const char* key, double least, double most, T& into) {
    double v = static_cast<double>(into);
    if (number(of, key, {least, most, true}, v)) into = static_cast<T>(v);
  }
  void name(const JsonNode& of, const char* key, std::string& into);
  void task(const JsonNode& node, TaskSpec& task);
  void depends_on(const JsonNode& node, TaskSpec& task);
  void input_data(const JsonNode* node, TaskSpec& task);
  void outlier_options(const JsonNode& node, OutlierOptions& o);
  void trend_options(const JsonNode& node, TrendOptions& o);
  void verdict_options(const JsonNode& node, VerdictOptions& o);
  void check_names(const JsonNode& tasks, const Dag& dag);
  void check_kinds(const JsonNode& tasks, const Dag& dag);
  void sort(const JsonNode& tasks, Dag& dag);

  std::string file_;
  std::vector<std::string> mistakes_;
};

// The one task among those it depends on that is of this type; "" where there is none, or several.
std::string dependency_of_type(const Dag& dag, const TaskSpec& task, std::string_view type);

}  // namespace manufacturing
