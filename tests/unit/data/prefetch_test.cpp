#include "data/prefetch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "core/error.h"
#include "tests/support/errors.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using Values = Prefetcher<std::unique_ptr<int>>;  // values need not be copied

TEST(Prefetcher, HandsOutEveryValueInOrder) {
  int next = 0;
  Values values(
      [&]() -> std::optional<std::unique_ptr<int>> {
        if (next == 100) return std::nullopt;
        return std::make_unique<int>(next++);
      },
      3);
  for (int i = 0; i < 100; ++i) {
    const auto value = values.next();
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(**value, i);
  }
  EXPECT_FALSE(values.next().has_value());
  EXPECT_FALSE(values.next().has_value());
}

TEST(Prefetcher, RethrowsBehindTheValuesMadeBefore) {
  int next = 0;
  Prefetcher<int> values(
      [&]() -> std::optional<int> {
        if (next == 2) throw DataError("f:3: bad");
        return next++;
      },
      8);
  EXPECT_EQ(values.next(), 0);
  EXPECT_EQ(values.next(), 1);
  EXPECT_EQ(message_of<DataError>([&] { (void)values.next(); }), "f:3: bad");
  EXPECT_EQ(message_of<DataError>([&] { (void)values.next(); }), "f:3: bad");
}

TEST(Prefetcher, NeverRunsFurtherAheadThanItsCapacity) {
  std::atomic<int> made = 0;
  {
    Prefetcher<int> values([&]() -> std::optional<int> { return made++; }, 4);
    for (int taken = 0; taken < 50; ++taken) {
      EXPECT_EQ(values.next(), taken);
      EXPECT_LE(made.load(), taken + 1 + 4 + 1);  // 4 wait, and one is being made
    }
  }
  EXPECT_LE(made.load(), 50 + 4 + 1);
}

TEST(Prefetcher, EndsWithValuesLeft) {
  Prefetcher<int> values([]() -> std::optional<int> { return 1; }, 2);
  EXPECT_EQ(values.next(), 1);
}

TEST(Prefetcher, MeasuresHowLongItsConsumerWaits) {
  using std::chrono::milliseconds;
  int next = 0;
  Prefetcher<int> values(
      [&]() -> std::optional<int> {
        std::this_thread::sleep_for(milliseconds(100));
        return next++;
      },
      1);
  (void)values.next();
  const double slow = values.wait_seconds();
  EXPECT_GE(slow, 0.08);
  std::this_thread::sleep_for(milliseconds(400));
  (void)values.next();
  EXPECT_LT(values.wait_seconds() - slow, 0.05);
}

}  // namespace
}  // namespace incipit::data
