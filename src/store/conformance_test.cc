// The conformance suite over the stores at hand.

#include <gtest/gtest.h>

#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

namespace {

std::vector<Backend> backends() {
  return {
      {"memory", [](const std::string&) { return open_memory(); }, false},
      {"sqlite",
       [](const std::string& directory) -> std::unique_ptr<Store> {
         auto store = open_sqlite({.directory = directory});
         if (!store.ok()) {
           ADD_FAILURE() << store.error().message;
           return nullptr;
         }
         return std::move(*store);
       },
       true},
  };
}

using Param = std::tuple<Backend, ConformanceCase>;

class Conformance : public testing::TestWithParam<Param> {};

TEST_P(Conformance, Holds) { std::get<1>(GetParam()).run(std::get<0>(GetParam())); }

std::string name_of(const testing::TestParamInfo<Param>& param) {
  return std::get<0>(param.param).name + "_" + std::get<1>(param.param).name;
}

INSTANTIATE_TEST_SUITE_P(Stores, Conformance,
                         testing::Combine(testing::ValuesIn(backends()),
                                          testing::ValuesIn(conformance_cases())),
                         name_of);

}  // namespace

}  // namespace pawl::store
