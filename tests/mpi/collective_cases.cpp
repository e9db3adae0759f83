// Requirements on every backend, with sizes around and beyond the limit of one internal step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "comm/bfloat16.h"
#include "core/random.h"
#include "tests/mpi/world_cases.h"

namespace incipit::comm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::size_t kLengths[] = {0, 1, 3, 7, 1000, 100'003};

std::vector<float> random_floats(std::size_t count, int rank) {
  Random random(17, static_cast<std::uint64_t>(rank));
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// As the sum over ranks, computed in double.
std::vector<double> expected_sum(std::size_t count, int ranks) {
  std::vector<double> sum(count, 0.0);
  for (int r = 0; r < ranks; ++r) {
    const auto values = random_floats(count, r);
    std::transform(sum.begin(), sum.end(), values.begin(), sum.begin(), std::plus<>());
  }
  return sum;
}

void expect_near(const std::vector<float>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] - expected[i]));
  }
  EXPECT_LT(worst, 1e-5);
}

// Expects the same bits on all ranks.
template <typename T>
void expect_same_bits(Communicator& world, const std::vector<T>& values) {
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()),
                               values.size() * sizeof(T));
  EXPECT_THAT(world.all_gather(bytes, "bits"), Each(std::string(bytes)));
}

TEST(Communicator, NumbersItsRanks) {
  on_world([](Communicator& world) {
    EXPECT_EQ(world.size(), world_size());
    std::vector<int> expected(static_cast<std::size_t>(world.size()));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(world.all_gather(world.rank(), "ranks"), expected);
    EXPECT_EQ(world.name(), "world");
  });
}

TEST(Communicator, SumsFloatsToTheSameBitsEverywhere) {
  on_world([](Communicator& world) {
    for (const std::size_t length : kLengths) {
      auto values = random_floats(length, world.rank());
      world.all_reduce_sum(std::span<float>(values), "values");
      expect_near(values, expected_sum(length, world.size()));
      expect_same_bits(world, values);
    }
  });
}

TEST(Communicator, SumsTheSameBitsAgain) {
  on_world([](Communicator& world) {
    const auto mine = random_floats(5000, world.rank());
    auto first = mine;
    auto second = mine;
    world.all_reduce_sum(std::span<float>(first), "values");
    world.all_reduce_sum(std::span<float>(second), "values");
    EXPECT_EQ(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)), 0);
  });
}

TEST(Communicator, SumsDoublesBeyondTheReachOfFloats) {
  on_world([](Communicator& world) {
    std::vector<double> values(11, 16'777'217.0 + world.rank());
    world.all_reduce_sum(std::span<double>(values), "values");
    const double n = world.size();
    EXPECT_THAT(values, Each(n * 16'777'217.0 + n * (n - 1) / 2));
  });
}

TEST(Communicator, SumsBFloat16WithOneRounding) {
  on_world([](Communicator& world) {
    // 1 + n * 2^-8: bfloat16 has 8 bits, so only the whole sum decides the rounding.
    std::vector<BFloat16> values(5, to_bfloat16(world.rank() == 0 ? 1.0f : 0.00390625f));
    world.all_reduce_sum(std::span<BFloat16>(values), "values");
    const float exact = 1.0f + 0.00390625f * static_cast<float>(world.size() - 1);
    for (const BFloat16 value : values) EXPECT_EQ(to_float(value), to_float(to_bfloat16(exact)));
  });
}

TEST(Communicator, SumsSeveralArraysAsOne) {
  on_world([](Communicator& world) {
    auto a = random_floats(300, world.rank());
    std::vector<float> b;
    std::vector<float> c(5, static_cast<float>(world.rank()));
    const std::vector<std::span<float>> parts{a, b, c};
    world.all_reduce_sum(parts, "parts");
    expect_near(a, expected_sum(300, world.size()));
    EXPECT_THAT(c, Each(static_cast<float>(world.size() * (world.size() - 1) / 2)));
  });
}

TEST(Communicator, PassesNotANumberOnToAll) {
  on_world([](Communicator& world) {
    std::vector<float> values(8, 1.0f);
    if (world.rank() == world.size() - 1) values[3] = std::nanf("");
    world.all_reduce_sum(std::span<float>(values), "values");
    EXPECT_TRUE(std::isnan(values[3]));
    EXPECT_EQ(values[4], static_cast<float>(world.size()));
  });
}

TEST(Communicator, FindsExtremes) {
  on_world([](Communicator& world) {
    const std::int64_t large = std::int64_t{1} << 60;
    const int last = world.size() - 1;
    EXPECT_EQ(world.all_reduce_max(large + world.rank(), "largest"), large + last);
    EXPECT_EQ(world.all_reduce_min(large + world.rank(), "smallest"), large);
    std::vector<double> values{-1.5 * world.rank(), 2.0};
    auto smallest = values;
    world.all_reduce_max(std::span<double>(values), "largest");
    world.all_reduce_min(std::span<double>(smallest), "smallest");
    EXPECT_THAT(values, ElementsAre(0.0, 2.0));
    EXPECT_THAT(smallest, ElementsAre(-1.5 * last, 2.0));
  });
}

TEST(Communicator, BroadcastsFromEveryRoot) {
  on_world([](Communicator& world) {
    for (int root = 0; root < world.size(); ++root) {
      for (const std::size_t length : kLengths) {
        std::vector<float> values(length, -1.0f);
        const auto expected = random_floats(length, root);
        if (world.rank() == root) values = expected;
        world.broadcast(std::as_writable_bytes(std::span(values)), root, "values");
        EXPECT_EQ(values, expected);
      }
      const std::string mine(static_cast<std::size_t>(world.rank()), 'x');
      EXPECT_EQ(world.broadcast(mine, root, "text"),
                std::string(static_cast<std::size_t>(root), 'x'));
    }
  });
}

TEST(Communicator, GathersBlocksInOrderOfRank) {
  on_world([](Communicator& world) {
    for (const std::size_t length : kLengths) {
      const auto mine = random_floats(length, world.rank());
      std::vector<float> all(length * static_cast<std::size_t>(world.size()));
      world.all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)),
                       "blocks");
      for (int r = 0; r < world.size(); ++r) {
        const auto theirs = random_floats(length, r);
        EXPECT_TRUE(std::equal(theirs.begin(), theirs.end(),
                               all.begin() + static_cast<std::ptrdiff_t>(length) * r));
      }
    }
  });
}

TEST(Communicator, GathersTextsOfDifferentLengths) {
  on_world([](Communicator& world) {
    const auto text_of = [](int rank) {
      return rank % 2 == 0 ? std::string()
                           : std::string(static_cast<std::size_t>(rank), 'a') + '\0';
    };
    const auto texts = world.all_gather(text_of(world.rank()), "texts");
    ASSERT_EQ(texts.size(), static_cast<std::size_t>(world.size()));
    for (int r = 0; r < world.size(); ++r) {
      EXPECT_EQ(texts[static_cast<std::size_t>(r)], text_of(r));
    }
  });
}

TEST(Communicator, ScattersTheSum) {
  on_world([](Communicator& world) {
    for (const std::size_t length : {0, 1, 50, 20'001}) {
      const std::size_t total = length * static_cast<std::size_t>(world.size());
      const auto all = random_floats(total, world.rank());
      std::vector<float> mine(length);
      world.reduce_scatter_sum(all, mine, "shards");
      const auto sum = expected_sum(total, world.size());
      const auto begin = sum.begin() + static_cast<std::ptrdiff_t>(length) * world.rank();
      expect_near(mine, {begin, begin + static_cast<std::ptrdiff_t>(length)});
    }
  });
}

TEST(Communicator, SplitsByColorInOrderOfKey) {
  on_world([](Communicator& world) {
    const int color = world.rank() % 2;
    const auto part = world.split(color, -world.rank(), "half");
    EXPECT_EQ(part->name(), "half");
    EXPECT_EQ(part->size(), (world.size() + 1 - color) / 2);
    std::vector<int> expected;  // of this color, highest rank first
    for (int r = world.size() - 1; r >= 0; --r) {
      if (r % 2 == color) expected.push_back(r);
    }
    EXPECT_EQ(part->all_gather(world.rank(), "world ranks"), expected);
    const auto pair = part->split(0, part->rank(), "again");
    EXPECT_EQ(pair->all_reduce_max(std::int64_t{world.rank()}, "largest"), expected.front());
    world.barrier("end of the case");
  });
}

TEST(Communicator, SendsToNeighboursInOrder) {
  if (world_size() < 2) GTEST_SKIP() << "needs two ranks";
  on_world([](Communicator& world) {
    const int next = (world.rank() + 1) % world.size();
    const int previous = (world.rank() + world.size() - 1) % world.size();
    for (const std::size_t length : kLengths) {
      const auto mine = random_floats(length, world.rank());
      std::vector<float> theirs(length);
      const auto pass = [&] { world.send(std::as_bytes(std::span(mine)), next, 3, "ring"); };
      if (world.rank() % 2 == 0) pass();
      world.recv(std::as_writable_bytes(std::span(theirs)), previous, 3, "ring");
      if (world.rank() % 2 == 1) pass();
      EXPECT_EQ(theirs, random_floats(length, previous));
    }
  });
}

TEST(Communicator, ExchangesWithEveryPeerWhateverTheSizes) {
  on_world([](Communicator& world) {
    for (int low = 0; low < world.size(); ++low) {
      for (int high = low + 1; high < world.size(); ++high) {
        if (world.rank() != low && world.rank() != high) continue;
        const int peer = low + high - world.rank();
        const auto length_from = [&](int rank, std::size_t length) {
          return rank == low ? length : 100'003 - length;
        };
        for (const std::size_t length : kLengths) {
          const auto mine = random_floats(length_from(world.rank(), length), world.rank());
          std::vector<float> theirs(length_from(peer, length));
          world.exchange(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(theirs)),
                         peer, 5, "pair");
          EXPECT_EQ(theirs, random_floats(theirs.size(), peer));
        }
      }
    }
    world.barrier("end of the case");
  });
}

TEST(Communicator, GathersWhileOtherOperationsGoOn) {
  on_world([](Communicator& world) {
    for (const std::size_t length : kLengths) {
      const auto mine = random_floats(length, world.rank());
      const auto others = random_floats(length, world.rank() + 100);
      std::vector<float> all(length * static_cast<std::size_t>(world.size()));
      std::vector<float> all_others(all.size());
      const auto start = [&](const std::vector<float>& from, std::vector<float>& to) {
        return world.start_all_gather(std::as_bytes(std::span(from)),
                                      std::as_writable_bytes(std::span(to)), "blocks");
      };
      Pending first = start(mine, all);
      first.poll();
      Pending second = start(others, all_others);
      EXPECT_EQ(world.all_reduce_max(std::int64_t{world.rank()}, "largest"), world.size() - 1);
      first.wait();
      second.wait();
      for (int r = 0; r < world.size(); ++r) {
        const auto block = [&](const std::vector<float>& of) {
          const auto begin = of.begin() + static_cast<std::ptrdiff_t>(length) * r;
          return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(length));
        };
        EXPECT_EQ(block(all), random_floats(length, r));
        EXPECT_EQ(block(all_others), random_floats(length, r + 100));
      }
    }
  });
}

TEST(Communicator, StartsAnySum) {
  on_world([](Communicator& world) {
    std::vector<double> values(1000, world.rank() + 1);
    std::optional<Pending> sum =
        world.start("sum", [&] { world.all_reduce_sum(std::span(values), "sum"); });
    EXPECT_EQ(world.all_reduce_max(std::int64_t{world.rank()}, "largest"), world.size() - 1);
    if (sum) sum->wait();
    EXPECT_THAT(values, ::testing::Each(world.size() * (world.size() + 1) / 2));
  });
}

TEST(Communicator, AddsUpItsTime) {
  on_world([](Communicator& world) {
    const double before = world.context().seconds;
    world.barrier("roll call");
    const double barrier = world.context().seconds - before;
    EXPECT_GE(barrier, 0);
    EXPECT_LT(barrier, 60);
    EXPECT_EQ(world.context().nested, 0);
  });
}

TEST(Communicator, KnowsTheRanksOfThisMachine) {
  on_world([](Communicator& world) {
    const LocalRank local = world.local_rank("local rank");
    EXPECT_EQ(local.size, world.size());  // these tests run on one machine
    EXPECT_EQ(local.rank, world.rank());
  });
}

TEST(Communicator, ReportsWhatItDoes) {
  on_world([](Communicator& world) {
    world.context().activity->set_step(41);
    world.barrier("roll call");
    const auto seen = world.context().activity->read();
    EXPECT_EQ(seen.describe(), "step 41, in start, last collective roll call (barrier)");
    EXPECT_FALSE(seen.in_collective);
  });
}

}  // namespace
}  // namespace incipit::comm
