#include "nn/matmul.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace incipit::nn {
namespace {

// No rows and one, and both sides of every number at which another route begins; odd widths, too.
class MatmulTest : public ::testing::TestWithParam<std::int64_t> {};

void expect_product(const at::Tensor& found, const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
  const double tolerance = found.scalar_type() == at::kBFloat16 ? 0.2
                           : found.scalar_type() == at::kHalf   ? 0.02
                                                                : 1e-4;
  EXPECT_EQ(found.scalar_type(), a.scalar_type());
  EXPECT_TRUE(found.is_contiguous());
  EXPECT_EQ(found.sizes(), expected.sizes());
  EXPECT_TRUE(at::allclose(found.to(at::kDouble), expected, 1e-2 * tolerance, tolerance));
}

void expect_both(const at::Tensor& x, const at::Tensor& grad, const at::Tensor& weight) {
  expect_product(matmul_nt(x, weight), x, weight.t());
  expect_product(matmul_nn(grad, weight), grad, weight);
}

TEST_P(MatmulTest, Dtypes) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    expect_both(at::randn({GetParam(), 96}, dtype), at::randn({GetParam(), 37}, dtype),
                at::randn({37, 96}, dtype));
  }
}

TEST_P(MatmulTest, Strides) {
  const at::Tensor wide = at::randn({GetParam(), 200});
  expect_both(wide.narrow(1, 7, 96), wide.narrow(1, 100, 37), at::randn({37, 96}));
  expect_both(wide.narrow(1, 7, 96), wide.narrow(1, 100, 37),
              at::randn({37, 150}).narrow(1, 3, 96));
  expect_both(wide.narrow(1, 7, 96), wide.narrow(1, 100, 37), at::randn({96, 37}).t());
}

TEST_P(MatmulTest, NoWidth) {  // a rank's share of a small model
  expect_both(at::randn({GetParam(), 96}), at::randn({GetParam(), 0}), at::randn({0, 96}));
  expect_both(at::randn({GetParam(), 0}), at::randn({GetParam(), 37}), at::randn({37, 0}));
}

TEST_P(MatmulTest, StridesOf16Bits) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor wide = at::randn({GetParam(), 200}, dtype);
    expect_both(wide.narrow(1, 7, 96), wide.narrow(1, 100, 37), at::randn({37, 96}, dtype));
    expect_both(wide.narrow(1, 7, 96), wide.narrow(1, 100, 37),
                at::randn({37, 150}, dtype).narrow(1, 3, 96));
  }
}

TEST_P(MatmulTest, AddsToColumnsOfASum) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const at::Tensor wide = at::randn({GetParam(), 200}, dtype);
    const at::Tensor x = wide.narrow(1, 7, 8);
    const at::Tensor grad = wide.narrow(1, 100, 37);
    const at::Tensor weight = at::randn({37, 8}, dtype);
    const at::Tensor sum = at::ones({GetParam(), 60}, dtype);
    add_matmul_nt(sum.narrow(1, 2, 37), x, weight);
    add_matmul_nn(sum.narrow(1, 45, 8), grad, weight);
    const at::Tensor found = sum.sub(1);
    expect_product(found.narrow(1, 2, 37).contiguous(), x, weight.t());
    expect_product(found.narrow(1, 45, 8).contiguous(), grad, weight);
    EXPECT_TRUE(found.narrow(1, 39, 6).eq(0).all().item<bool>());
  }
}

TEST_P(MatmulTest, WritesToRows) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const at::Tensor x = at::randn({GetParam(), 8}, dtype);
    const at::Tensor grad = at::randn({GetParam(), 37}, dtype);
    const at::Tensor weight = at::randn({37, 8}, dtype);
    const at::Tensor y = at::ones({GetParam() + 2, 37}, dtype);
    const at::Tensor grad_x = at::ones({GetParam() + 2, 8}, dtype);
    write_matmul_nt(y.narrow(0, 1, GetParam()), x, weight);
    write_matmul_nn(grad_x.narrow(0, 1, GetParam()), grad, weight);
    expect_product(y.narrow(0, 1, GetParam()), x, weight.t());
    expect_product(grad_x.narrow(0, 1, GetParam()), grad, weight);
    for (const std::int64_t row : {std::int64_t{0}, GetParam() + 1}) {
      EXPECT_TRUE(y.select(0, row).eq(1).all().item<bool>());
      EXPECT_TRUE(grad_x.select(0, row).eq(1).all().item<bool>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, MatmulTest,
                         ::testing::Values(0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 95, 96, 300, 1025));

}  // namespace
}  // namespace incipit::nn
