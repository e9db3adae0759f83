#include "trainer/optimizer.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/support/host_kernels.h"
#include "tests/support/host_path.h"

namespace incipit::trainer {
namespace {

using Matrix = std::vector<float>;  // 2 x 3

at::Tensor matrix(const Matrix& values) { return at::tensor(values).view({2, 3}); }

const Matrix kStart = {0.5F, -1.0F, 0.25F, 2.0F, 0.0F, -0.125F};
const std::array<Matrix, 3> kGradients = {Matrix{0.1F, -0.2F, 0.3F, 0.0F, 1.0F, -2.0F},
                                          Matrix{-0.1F, 0.4F, 0.3F, 0.5F, -1.0F, 0.001F},
                                          Matrix{10.0F, 0.2F, -0.3F, 0.25F, 0.125F, -0.5F}};

// Three steps with the rates 0.1, 0.05, 0.033...
Matrix after_three_steps(const OptimizerOptions& options) {
  methods::Parameter parameter("prompt", matrix(kStart));
  const auto optimizer = make_optimizer(options, {{parameter}});
  for (std::size_t i = 0; i < kGradients.size(); ++i) {
    parameter.grad.copy_(matrix(kGradients[i]));
    optimizer->step(0.1 / static_cast<double>(i + 1));
  }
  const at::Tensor flat = parameter.value.flatten();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

void expect_near(const Matrix& actual, const Matrix& expected, float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
  }
}

// The same with the kernels of a GPU, run on the host.
Matrix after_three_steps_of_kernels(const OptimizerOptions& options) {
  const ::incipit::testing::HostPath path;
  return after_three_steps(options);
}

void expect_on_both_paths(const OptimizerOptions& options, const Matrix& expected,
                          float tolerance) {
  expect_near(after_three_steps(options), expected, tolerance);
  const std::int64_t launches = ::incipit::testing::host_launches();
  expect_near(after_three_steps_of_kernels(options), expected, 2 * tolerance);
  EXPECT_GT(::incipit::testing::host_launches(), launches);
}

// Expected numbers: torch.optim of torch 2.11 in Python on the same gradients.
TEST(Optimizer, AdamWMatchesTorch) {
  expect_on_both_paths(
      {.kind = OptimizerKind::kAdamW,
       .weight_decay = 0.01,
       .beta1 = 0.9,
       .beta2 = 0.99,
       .eps = 1e-6},
      {0.38062197F, -0.933833838F, 0.0909093618F, 1.93257403F, -0.0978123918F, 0.0306915045F},
      1e-7F);
}

TEST(Optimizer, SgdMatchesTorch) {
  expect_on_both_paths(
      {.kind = OptimizerKind::kSgd},
      {0.161666662F, -1.00666666F, 0.215000004F, 1.9666667F, -0.0541666672F, 0.0916166678F}, 1e-7F);
}

TEST(Optimizer, SgdWithMomentumMatchesTorch) {
  OptimizerOptions options{.kind = OptimizerKind::kSgd, .weight_decay = 0.01, .momentum = 0.9};
  expect_on_both_paths(
      options,
      {0.156051859F, -1.00143373F, 0.183730528F, 1.94597125F, -0.0960550159F, 0.235686541F}, 1e-7F);
  options.nesterov = true;
  expect_on_both_paths(
      options,
      {-0.148780137F, -1.00616121F, 0.154992118F, 1.91440272F, -0.140399173F, 0.415939033F}, 1e-7F);
}

// Expected numbers: the formulas of T5X's adafactor.py in float64 numpy.
TEST(Optimizer, AdafactorMatchesT5xUnfactored) {
  expect_on_both_paths(
      {.kind = OptimizerKind::kAdafactor, .weight_decay = 0.01},
      {0.384070629F, -0.95478543F, 0.129242411F, 1.85126095F, -0.0547731531F, -0.0074194246F},
      1e-6F);
}

TEST(Optimizer, AdafactorMatchesT5xFactored) {
  expect_on_both_paths(
      {.kind = OptimizerKind::kAdafactor, .weight_decay = 0.01, .min_dim_size_to_factor = 2},
      {0.259337324F, -1.00178107F, 0.176082584F, 1.87240002F, -0.0117794687F, -0.0199193631F},
      1e-6F);
}

TEST(Optimizer, AdafactorScalesByTheParameterWhenAsked) {
  expect_on_both_paths(
      {.kind = OptimizerKind::kAdafactor,
       .clipping_threshold = 0,
       .min_dim_size_to_factor = 2,
       .multiply_by_parameter_scale = true},
      {-0.0738854567F, -0.960536739F, 0.135142024F, 1.93508271F, -0.0716575894F, 0.0358996729F},
      1e-6F);
}

TEST(Optimizer, FactoredStateIsARowAndAColumn) {
  const methods::Parameter large("prompt", at::zeros({128, 130}));
  const methods::Parameter small("prompt", at::zeros({127, 130}));
  const OptimizerOptions options{.kind = OptimizerKind::kAdafactor};
  const auto factored = make_optimizer(options, {{large}})->state();
  ASSERT_EQ(factored.size(), 2u);
  EXPECT_EQ(factored[0].name, "v_col");
  EXPECT_EQ(factored[0].tensors[0].numel(), 130);
  EXPECT_EQ(factored[1].name, "v_row");
  EXPECT_EQ(factored[1].tensors[0].numel(), 128);
  EXPECT_EQ(make_optimizer(options, {{small}})->state()[0].tensors[0].numel(), 127 * 130);
}

// A run that copies the state into a fresh optimizer continues bit by bit as the first one.
TEST(Optimizer, StateCopiedIntoAFreshOptimizerContinuesExactly) {
  for (const auto kind : {OptimizerKind::kAdamW, OptimizerKind::kAdafactor, OptimizerKind::kSgd}) {
    const OptimizerOptions options{.kind = kind, .momentum = 0.9, .min_dim_size_to_factor = 2};
    methods::Parameter first("prompt", matrix(kStart));
    const auto before = make_optimizer(options, {{first}});
    first.grad.copy_(matrix(kGradients[0]));
    before->step(0.1);

    methods::Parameter second("prompt", first.value.clone());
    const auto after = make_optimizer(options, {{second}});
    const auto from = before->state();
    auto to = after->state();
    ASSERT_EQ(from.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      EXPECT_EQ(from[i].name, to[i].name);
      to[i].tensors[0].copy_(from[i].tensors[0]);
    }
    after->steps().copy_(before->steps());
    first.grad.copy_(matrix(kGradients[1]));
    second.grad.copy_(matrix(kGradients[1]));
    before->step(0.1);
    after->step(0.1);
    EXPECT_TRUE(first.value.equal(second.value)) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace incipit::trainer
