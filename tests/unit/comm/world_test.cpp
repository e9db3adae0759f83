#include "comm/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>

#include "comm/guarded_main.h"
#include "comm/replicas.h"
#include "core/error.h"
#include "core/launch.h"

namespace incipit::comm {
namespace {

using ::testing::HasSubstr;

// Sets the launcher's variables for one test, and takes them away again.
class World : public ::testing::Test {
 protected:
  ~World() override {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK",
                             "PMI_RANK", "PMI_SIZE", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"}) {
      ::unsetenv(name);
    }
  }
  static void set(const std::map<std::string, std::string>& variables) {
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
};

using LaunchTest = World;
using GuardedMain = World;

TEST_F(World, IsASingleRankWithoutALauncher) {
  const auto world = make_world({.timeout_seconds = 1.5});
  EXPECT_EQ(world->backend(), "single");
  EXPECT_EQ(world->size(), 1);
  EXPECT_EQ(world->context().timeout, std::chrono::milliseconds(1500));
}

TEST_F(World, OfAnotherSizeThanTheConfigurationsIsRefused) {
  EXPECT_EQ(make_world({.world = 1})->size(), 1);
  EXPECT_THAT([] { (void)make_world({.world = 4}); },
              ::testing::ThrowsMessage<ConfigError>(
                  HasSubstr("parallel.world: expected 4 ranks, but the world has 1")));
}

TEST_F(World, RefusesSingleForSeveralRanks) {
  set({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "4"}});
  try {
    static_cast<void>(make_world({.backend = "single"}));
    ADD_FAILURE() << "four ranks each got their own world";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("4 were started"));
  }
}

TEST_F(World, RefusesALauncherThatMpiDoesNotKnow) {
  set({{"SLURM_STEP_NUM_TASKS", "2"}});
  EXPECT_THAT([] { (void)make_world({}); },
              ::testing::ThrowsMessage<ConfigError>(HasSubstr(
                  "SLURM_STEP_NUM_TASKS says that 2 processes were started, but MPI sees 1 rank")));
}

TEST_F(World, RefusesAnotherNumberOfRanksThanTheRunIsFor) {
  EXPECT_EQ(make_world({.world = 1})->size(), 1);
  EXPECT_THAT([] { (void)make_world({.world = 3}); },
              ::testing::ThrowsMessage<ConfigError>(HasSubstr("parallel.world: ")));
}

TEST_F(LaunchTest, MpirunsNumberCountsWithinAStepOfSrun) {
  EXPECT_FALSE(launched_size().has_value());
  set({{"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "16"}});
  EXPECT_EQ(launched_size()->size, 16);
}

TEST_F(LaunchTest, KnowsTheCommonLaunchers) {
  EXPECT_FALSE(read_launch().parallel);
  set({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}});
  EXPECT_TRUE(read_launch().parallel);
  EXPECT_EQ(read_launch().rank, 2);
  EXPECT_EQ(read_launch().size, 4);
}

TEST_F(LaunchTest, KnowsSlurmWithPmix) {
  set({{"PMIX_RANK", "1"}, {"SLURM_NTASKS", "2"}});
  EXPECT_EQ(read_launch().rank, 1);
  EXPECT_EQ(read_launch().size, 2);
}

TEST_F(LaunchTest, TakesASlurmAllocationWithoutPmiForASingleProcess) {
  set({{"SLURM_NTASKS", "8"}});
  EXPECT_FALSE(read_launch().parallel);
}

TEST_F(GuardedMain, ReturnsWhatTheBodyReturns) {
  EXPECT_EQ(guarded_main([] { return 75; }), 75);
}

TEST_F(GuardedMain, TurnsExceptionsIntoExitCodesAndOneLine) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded_main([]() -> int { throw ConfigError("train.steps: 0"); }), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "incipit: train.steps: 0\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded_main([]() -> int { throw DataError("a"); }), 3);
  EXPECT_EQ(guarded_main([]() -> int { throw CommError(1, "b", "c"); }), 4);
  EXPECT_EQ(guarded_main([]() -> int { throw NumericsError("d"); }), 5);
  EXPECT_EQ(guarded_main([]() -> int { throw LogicError("e"); }), 1);
  EXPECT_EQ(guarded_main([]() -> int { throw std::bad_alloc(); }), 1);
  EXPECT_EQ(guarded_main([]() -> int { throw 3; }), 1);
  EXPECT_EQ(
      testing::internal::GetCapturedStderr(),
      "incipit: a\nincipit: rank 1, b: c\nincipit: d\nincipit: a defect of incipit: e\n"
      "incipit: out of memory; use smaller batches (train.micro_batch_tokens, eval.batch_tokens, "
      "train.batch_size), or a mesh that splits the model\nincipit: a defect of incipit: unknown "
      "exception\n");
}

TEST(Checksum, SeesEveryByteAndTheLength) {
  std::vector<std::byte> bytes(37, std::byte{7});
  const auto original = checksum(bytes);
  EXPECT_EQ(checksum(bytes), original);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{0x80};
    EXPECT_NE(checksum(changed), original) << i;
  }
  bytes.push_back(std::byte{0});
  EXPECT_NE(checksum(bytes), original);
}

}  // namespace
}  // namespace incipit::comm
