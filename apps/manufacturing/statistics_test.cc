// Statistics against known answers, and where naive sums go wrong.
#include "manufacturing/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "manufacturing/batch_testing.h"

namespace manufacturing {
namespace {

using Numbers = std::vector<std::optional<double>>;
constexpr auto kGone = std::nullopt;

class StatisticsTest : public testing::Test {
 protected:
  Description described(const Numbers& values, Divisor divisor = Divisor::sample) {
    file_ = file_of(folder_, values);
    return describe(*file_, sensor(), divisor).value();
  }
  // Positions of what is out.
  std::vector<std::uint64_t> outliers(const Numbers& values, double limit = 2,
                                      Divisor divisor = Divisor::sample) {
    auto d = described(values, divisor);
    std::vector<std::uint64_t> at;
    auto found = find_outliers(*file_, sensor(), d, limit, 1000).value();
    EXPECT_EQ(found.count, found.list.size());
    for (const Outlier& o : found.list)
      at.push_back(o.position);
    return at;
  }
  Trend trend(const Numbers& values, const Numbers& times = {}) {
    file_ = file_of(folder_, values, times);
    return fit_trend(*file_, sensor()).value();
  }
  const Sensor& sensor() const { return file_->sensors()[0]; }

  TestFolder folder_;
  std::unique_ptr<ColumnFile> file_;
};

using At = std::vector<std::uint64_t>;

TEST_F(StatisticsTest, MeanAndDeviation) {
  auto d = described({2, 4, 4, kGone, 4, 5, 5, 7, 9, kGone}, Divisor::population);
  EXPECT_EQ(d.readings, 8u);
  EXPECT_EQ(d.missing, 2u);
  EXPECT_EQ(d.mean, 5);
  EXPECT_EQ(*d.deviation, 2);
  EXPECT_EQ(d.min, 2);
  EXPECT_EQ(d.max, 9);
  EXPECT_DOUBLE_EQ(*described({2, 4, 4, 4, 5, 5, 7, 9}).deviation, std::sqrt(32.0 / 7));
}

TEST_F(StatisticsTest, FewReadings) {
  EXPECT_EQ(described({}).readings, 0u);
  EXPECT_FALSE(described({}).deviation);
  EXPECT_FALSE(described({kGone, kGone}).deviation);
  auto one = described({kGone, 7});
  EXPECT_EQ(one.mean, 7);
  EXPECT_FALSE(one.deviation);
  EXPECT_EQ(outliers({7}), At{});
  EXPECT_EQ(outliers({}), At{});
}

TEST_F(StatisticsTest, AConstantSensorHasNoOutliers) {
  Numbers same(1000, 0.1);  // ten times 0.1 is not 1 in doubles
  auto d = described(same);
  EXPECT_TRUE(d.constant());
  EXPECT_EQ(d.mean, 0.1);
  EXPECT_EQ(*d.deviation, 0);
  EXPECT_EQ(outliers(same), At{});
  auto t = trend(same);
  EXPECT_EQ(*t.slope, 0);
  EXPECT_FALSE(t.r2);
}

TEST_F(StatisticsTest, ASmallSpreadOnALargeOffset) {
  Numbers values;
  for (int i = 0; i < 10'000; ++i)
    values.push_back(1e9 + (i % 2 ? 0.5 : -0.5));
  auto d = described(values, Divisor::population);
  EXPECT_DOUBLE_EQ(d.mean, 1e9);
  EXPECT_NEAR(*d.deviation, 0.5, 1e-12);
}

// The mean lies between two doubles, 120 nanounits apart, and the spread is not much wider.
TEST_F(StatisticsTest, ASpreadOfAFewDoubles) {
  const double step = 0x1p-23;  // two doubles at 1e9 are that far apart
  auto d = described({1e9, 1e9, 1e9, 1e9 + step}, Divisor::population);
  EXPECT_DOUBLE_EQ(*d.deviation, step * std::sqrt(3.0) / 4);
  auto found = find_outliers(*file_, sensor(), d, 1.7, 10).value();
  EXPECT_EQ(found.count, 1u);
  EXPECT_DOUBLE_EQ(found.largest, std::sqrt(3.0));
}

TEST_F(StatisticsTest, SumsThatCancel) {
  CompensatedSum sum;
  for (double x : {1.0, 1e100, 1.0, -1e100})
    sum.add(x);
  EXPECT_EQ(sum.value(), 2);
  auto d = described({1e100, 1, -1e100, 1});
  EXPECT_EQ(d.mean, 0.5);
}

TEST_F(StatisticsTest, MoreThanTwoDeviations) {
  EXPECT_EQ(outliers({10, 11, 10, 9, 10, 11, kGone, 9, 10, 50, 10}), At{9});
  // Exactly two deviations of the population: mean 1, deviation 2, the last is 4 away.
  EXPECT_EQ(outliers({0, 0, 0, 0, 5}, 2, Divisor::population), At{});
  EXPECT_EQ(outliers({0, 0, 0, 0, 0, 5}, 2, Divisor::population), At{5});
  EXPECT_EQ(outliers({0, 0, 0, 0, 5}, 1.9, Divisor::population), At{4});
  // With n - 1 the limit is out of reach for five readings, whatever they are.
  EXPECT_EQ(outliers({0, 0, 0, 0, 1e9}), At{});
}

TEST_F(StatisticsTest, TheFarthestAreListed) {
  Numbers values(1000, 0.0);
  for (int i = 0; i < 1000; ++i)
    values[static_cast<std::size_t>(i)] = i % 2 ? 1 : -1;
  values[100] = 30, values[200] = -40, values[300] = 50, values[400] = 30;
  auto d = described(values);
  auto found = find_outliers(*file_, sensor(), d, 2, 3).value();
  EXPECT_EQ(found.count, 4u);
  ASSERT_EQ(found.list.size(), 3u);
  EXPECT_EQ(found.list[0].position, 100u);  // as far as the one at 400, and before it
  EXPECT_EQ(found.list[1].position, 200u);
  EXPECT_LT(found.list[1].deviations, 0);
  EXPECT_EQ(found.list[2].position, 300u);
  EXPECT_DOUBLE_EQ(found.largest, (50 - d.mean) / *d.deviation);
  EXPECT_TRUE(find_outliers(*file_, sensor(), d, 2, 0).value().list.empty());
}

TEST_F(StatisticsTest, SlopeOverPositions) {
  auto t = trend({1, 3, kGone, 7, 9});
  EXPECT_EQ(t.points, 4u);
  EXPECT_FALSE(t.timed);
  EXPECT_DOUBLE_EQ(*t.slope, 2);
  EXPECT_DOUBLE_EQ(t.start, 1);
  EXPECT_DOUBLE_EQ(t.change, 8);
  EXPECT_DOUBLE_EQ(*t.r2, 1);
  EXPECT_FALSE(trend({5}).slope);
  EXPECT_FALSE(trend({}).slope);
  auto flat = trend({1, -1, -1, 1});
  EXPECT_EQ(*flat.slope, 0);
  EXPECT_EQ(*flat.r2, 0);
}

TEST_F(StatisticsTest, SlopeOverTimes) {
  // In any order, some without a time, at a time of today with a fraction of a second.
  const double now = 1.8e9;
  auto t = trend({5, 1, 3, 100, kGone}, {now + 1, now, now + 0.5, kGone, now + 2});
  EXPECT_TRUE(t.timed);
  EXPECT_EQ(t.points, 3u);
  EXPECT_EQ(t.untimed, 1u);
  EXPECT_NEAR(*t.slope, 4, 1e-9);
  EXPECT_NEAR(t.start, 1, 1e-9);
  EXPECT_NEAR(t.change, 4, 1e-9);
  EXPECT_FALSE(trend({1, 2, 3}, {now, now, now}).slope) << "all at one time";
  EXPECT_NEAR(*trend({1, 2}, {now, now + 0x1p-10}).slope, 1024, 1e-9);
}

TEST_F(StatisticsTest, ADamagedBlockIsAnError) {
  Numbers values(5000, 1.0);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(i);
  auto keep = described(values);
  auto bytes = read_file(folder_.at("one.bin")).value();
  bytes[20'000] = static_cast<char>(bytes[20'000] ^ 1);
  ASSERT_TRUE(write_file(folder_.at("one.bin"), bytes).ok());
  file_ = ColumnFile::open(folder_.at("one.bin")).value();
  using pawl::Code;
  EXPECT_EQ(describe(*file_, sensor(), Divisor::sample).status().code(), Code::corrupt);
  EXPECT_EQ(find_outliers(*file_, sensor(), keep, 2, 10).status().code(), Code::corrupt);
  EXPECT_EQ(fit_trend(*file_, sensor()).status().code(), Code::corrupt);
}

}  // namespace
}  // namespace manufacturing
