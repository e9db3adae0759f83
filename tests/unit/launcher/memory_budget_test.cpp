#include "launcher/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/threads.h"
#include "core/error.h"
#include "tests/support/llama3_8b.h"

namespace incipit::launcher {
namespace {

using ::incipit::testing::llama3_8b;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kGiB = 1024.0 * 1024 * 1024;

std::string objection(const comm::MeshShape& shape, double gib) {
  return memory_objection(llama3_8b().spec(), shape, 2, gib * kGiB);
}

TEST(MemoryBudget, IsThereWhereTheWeightsFit) {
  EXPECT_EQ(objection({}, 15.1), "");
  EXPECT_EQ(objection({.tensor = 2}, 7.6), "");
  EXPECT_EQ(objection({.data = 4, .pipeline = 2}, 7.6), "");
}

TEST(MemoryBudget, IsRefusedWithTheReasonAndTheNearestMesh) {
  EXPECT_THAT(objection({.data = 4}, 8),
              AllOf(HasSubstr("parallel: data 4: the weights of a rank take 15.0 GiB, but "
                              "each has 8.0 GiB; the nearest mesh that fits is data 2 x "),
                    Not(HasSubstr("ranks with"))));
  EXPECT_THAT(objection({.data = 4, .tensor = 2}, 4),
              HasSubstr("the nearest mesh that fits is data 2 x pipeline 2 x tensor 2"));
}

TEST(MemoryBudget, NeedsMoreRanksWhereNoMeshOfTheseHasIt) {
  EXPECT_THAT(objection({.tensor = 2}, 4),
              HasSubstr("is data 1 x pipeline 2 x tensor 2, of 4 ranks with as much memory each"));
  EXPECT_THAT(objection({}, 0.001), HasSubstr("no mesh of up to 4096 such ranks has it"));
}

TEST(MemoryBudget, IsAskedOfTheMachineAndRefusedOnEveryRank) {
  llama::Config huge = llama3_8b();  // 800 TiB
  huge.hidden_size = 65536;
  huge.layers = 2048;
  huge.intermediate_size = 262144;
  llama::Config small = llama3_8b();
  small.layers = 1;
  small.vocab_size = 100;
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    const comm::LocalRank local{.rank = world.rank(), .size = 2};
    require_memory(world, local, small.spec(), {.data = 2}, {});
    EXPECT_THROW(require_memory(world, local, huge.spec(), {.data = 2}, {}), ConfigError);
  });
}

}  // namespace
}  // namespace incipit::launcher
