#include "launcher/model_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/threads.h"

namespace incipit::launcher {
namespace {

using model::Device;
using model::Dtype;
using ::testing::HasSubstr;

constexpr ModelMachine kPlain{
    .gpus = 0, .bfloat16_units = false, .float32_bytes = 100, .memory = 1000};

ModelMachine with_units() {
  ModelMachine machine = kPlain;
  machine.bfloat16_units = true;
  return machine;
}

TEST(ModelChoice, IsFloat32WithoutUnitsForBFloat16) {
  const ModelChoice choice = choose_model({}, kPlain);
  EXPECT_EQ(choice.options.dtype, Dtype::kFloat32);
  EXPECT_EQ(choice.options.device, Device::kCpu);
  EXPECT_THAT(dtype_text(choice), HasSubstr("float32 (auto: this processor has no bfloat16 units"));
  EXPECT_EQ(device_text(choice), "cpu (auto: no GPU is visible)");
}

TEST(ModelChoice, IsBFloat16WhereItIsFastest) {
  EXPECT_EQ(choose_model({}, with_units()).options.dtype, Dtype::kBFloat16);
  ModelMachine gpu = kPlain;
  gpu.gpus = 2;
  const ModelChoice choice = choose_model({}, gpu);
  EXPECT_EQ(choice.options.dtype, Dtype::kBFloat16);
  EXPECT_EQ(device_text(choice), "cuda (auto: 2 GPUs are visible)");
}

TEST(ModelChoice, IsBFloat16WhereFloat32DoesNotFit) {
  ModelMachine small = kPlain;
  small.memory = 99;
  EXPECT_EQ(choose_model({}, small).options.dtype, Dtype::kBFloat16);
}

TEST(ModelChoice, KeepsWhatIsSet) {
  const ModelChoice choice =
      choose_model({.path = "", .dtype = Dtype::kFloat16, .device = Device::kCpu}, with_units());
  EXPECT_EQ(choice.options.dtype, Dtype::kFloat16);
  EXPECT_EQ(dtype_text(choice), "float16 (set in the configuration)");
}

TEST(ModelChoice, IsOneForAllRanks) {
  comm::run_on_threads(3, [](comm::Communicator& world) {
    // One of three has no units: none computes in bfloat16.
    const ModelMachine mine = world.rank() == 1 ? kPlain : with_units();
    EXPECT_EQ(agree(world, {}, mine).options.dtype, Dtype::kFloat32);
    ModelMachine gpus = kPlain;
    gpus.gpus = world.rank() == 2 ? 0 : 1;
    EXPECT_EQ(agree(world, {}, gpus).options.device, Device::kCpu);
  });
}

TEST(ModelChoice, OfARunThatResumesIsThatOfItsFirstRank) {
  comm::run_on_threads(2, [](comm::Communicator& world) {
    model::ModelOptions options;
    if (world.rank() == 0) options.dtype = Dtype::kBFloat16;
    EXPECT_EQ(agree(world, options, kPlain).options.dtype, Dtype::kBFloat16);
  });
}

}  // namespace
}  // namespace incipit::launcher
