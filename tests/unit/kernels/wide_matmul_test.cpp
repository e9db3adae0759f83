// Products of 16-bit operands in float32 arithmetic, and the conversions of 16-bit numbers.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/instruction_set.h"
#include "kernels/cpu/matmul.h"

namespace incipit::kernels::cpu {
namespace {

template <typename T>
struct Storage;
template <>
struct Storage<float> {
  static constexpr at::ScalarType kType = at::kFloat;
  static constexpr double kRoundOff = 0x1p-22;  // sums in another order
};
template <>
struct Storage<BFloat16Bits> {
  static constexpr at::ScalarType kType = at::kBFloat16;
  static constexpr double kRoundOff = 0x1p-8;
};
template <>
struct Storage<Float16Bits> {
  static constexpr at::ScalarType kType = at::kHalf;
  static constexpr double kRoundOff = 0x1p-11;
};

template <typename T>
class WideMatmul : public ::testing::Test {
 protected:
  static at::Tensor random(std::int64_t rows, std::int64_t columns) {
    return at::randn({rows, columns}).to(Storage<T>::kType);
  }

  static at::Tensor product(const at::Tensor& x, const at::Tensor& w, bool transposed) {
    const std::int64_t columns = w.size(transposed ? 0 : 1);
    at::Tensor y = at::empty({x.size(0), columns}, x.options());
    const MatmulShape<T> shape{
        .rows = x.size(0), .depth = x.size(1), .columns = columns, .x_stride = x.stride(0)};
    const auto* a = static_cast<const T*>(x.const_data_ptr());
    const auto* b = static_cast<const T*>(w.const_data_ptr());
    auto* c = static_cast<T*>(y.data_ptr());
    transposed ? matmul_nt(shape, a, b, c) : matmul_nn(shape, a, b, c);
    return y;
  }

  // One rounding to the storage type, and what float32 sums may differ by.
  static void expect_rounded(const at::Tensor& found, const at::Tensor& exact) {
    const at::Tensor f = found.to(at::kDouble).contiguous();
    const at::Tensor e = exact.contiguous();
    for (std::int64_t i = 0; i < e.numel(); ++i) {
      const double wanted = e.data_ptr<double>()[i];
      ASSERT_NEAR(f.data_ptr<double>()[i], wanted,
                  1.01 * Storage<T>::kRoundOff * std::abs(wanted) + 3e-4)
          << "at " << i;
    }
  }
};

using StorageTypes = ::testing::Types<float, BFloat16Bits, Float16Bits>;
TYPED_TEST_SUITE(WideMatmul, StorageTypes);

TYPED_TEST(WideMatmul, RoundsTheExactProductOnce) {
  for (const std::int64_t rows : {1, 3, 8, 13, 16, 17, 40, 130, 1030}) {
    for (const auto& [depth, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {33, 7}, {64, 96}, {300, 97}, {257, 49}, {576, 200}}) {
      const at::Tensor x = this->random(rows, depth);
      const at::Tensor w = this->random(columns, depth);
      const at::Tensor exact = at::mm(x.to(at::kDouble), w.to(at::kDouble).t());
      this->expect_rounded(this->product(x, w, true), exact);
      this->expect_rounded(this->product(x, w.t().contiguous(), false), exact);
    }
  }
}

TYPED_TEST(WideMatmul, ARowDoesNotDependOnTheRowsBesideIt) {
  const at::Tensor x = this->random(1500, 300);
  const at::Tensor w = this->random(130, 300);
  const at::Tensor all = this->product(x, w, true);
  for (const std::int64_t first : {0, 511, 1023, 1460}) {
    const at::Tensor part = this->product(x.narrow(0, first, 40), w, true);
    EXPECT_TRUE(at::equal(part, all.narrow(0, first, 40))) << first;
  }
}

TYPED_TEST(WideMatmul, NoDepthGivesZeros) {
  EXPECT_TRUE(at::equal(this->product(this->random(20, 0), this->random(5, 0), true),
                        at::zeros({20, 5}, Storage<TypeParam>::kType)));
}

TYPED_TEST(WideMatmul, WhatIsNoNumberStaysSo) {
  for (const std::int64_t rows : {2, 40}) {
    at::Tensor x = this->random(rows, 64);
    x[1][5] = std::numeric_limits<float>::quiet_NaN();
    for (const bool transposed : {true, false}) {
      const at::Tensor y = this->product(x, this->random(64, 64), transposed).to(at::kFloat);
      EXPECT_TRUE(std::isfinite(y[0].sum().template item<float>()));
      for (std::int64_t c = 0; c < 64; ++c) EXPECT_TRUE(std::isnan(y[1][c].template item<float>()));
    }
  }
}

// x * 1 goes through the conversions in both directions: every number of 16 bits comes back.
template <typename T>
void expect_every_number_back() {
  const at::Tensor bits = at::arange(0, 65536, at::kInt).to(at::kUInt16).view({65536, 1});
  const at::Tensor x = bits.view(Storage<T>::kType);
  const at::Tensor one = at::zeros({1, 1}, Storage<T>::kType).fill_(1);
  at::Tensor y = at::empty({65536, 1}, x.options());
  matmul_nn<T>({.rows = 65536, .depth = 1, .columns = 1, .x_stride = 1},
               static_cast<const T*>(x.const_data_ptr()),
               static_cast<const T*>(one.const_data_ptr()), static_cast<T*>(y.data_ptr()));
  const at::Tensor before = x.to(at::kFloat), after = y.to(at::kFloat);
  for (std::int64_t i = 0; i < 65536; ++i) {
    const float a = before.data_ptr<float>()[i], b = after.data_ptr<float>()[i];
    if (std::isnan(a)) {
      EXPECT_TRUE(std::isnan(b)) << i;
    } else {
      EXPECT_EQ(a, b) << i;
    }
  }
}

TEST(Storage16Bits, EveryNumberIsReadAndWrittenAsItIs) {
  expect_every_number_back<BFloat16Bits>();
  expect_every_number_back<Float16Bits>();
}

// Sums between two 16-bit numbers, also at the ends of the range, are rounded as ATen rounds them.
TEST(Storage16Bits, RoundsAsATenDoes) {
  std::vector<float> values{65504.0F, 65519.0F, 65520.0F, 1e6F,           -1e30F,   5.96e-8F,
                            2.98e-8F, 2.99e-8F, 1e-8F,    6.1e-5F,        6.09e-5F, 3.0e-40F,
                            -0.0F,    2049.0F,  2051.0F,  1.00048828125F, 257.0F,   259.0F};
  const at::Tensor random = at::randn({4096}) * at::randn({4096}).mul(12).exp();
  values.insert(values.end(), random.data_ptr<float>(), random.data_ptr<float>() + 4096);
  const auto count = static_cast<std::int64_t>(values.size());
  // The float32 kernels bring the sum, the 16-bit ones the rounding: high + low = value.
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor exact = at::empty({count}, at::kFloat);
    std::copy(values.begin(), values.end(), exact.data_ptr<float>());
    const at::Tensor high = exact.to(type), low = (exact - high.to(at::kFloat)).to(type);
    at::Tensor x = at::zeros({count, 2}, type);
    x.select(1, 0).copy_(high);
    x.select(1, 1).copy_(low);
    const at::Tensor ones = at::zeros({1, 2}, type).fill_(1);
    const at::Tensor sums = high.to(at::kFloat) + low.to(at::kFloat);
    at::Tensor y = at::empty({count, 1}, type);
    const auto run = [&](auto storage) {
      using T = decltype(storage);
      matmul_nt<T>({.rows = count, .depth = 2, .columns = 1, .x_stride = 2},
                   static_cast<const T*>(x.const_data_ptr()),
                   static_cast<const T*>(ones.const_data_ptr()), static_cast<T*>(y.data_ptr()));
    };
    type == at::kHalf ? run(Float16Bits{}) : run(BFloat16Bits{});
    const at::Tensor expected = sums.to(type).to(at::kFloat),
                     found = y.view({count}).to(at::kFloat);
    for (std::int64_t i = 0; i < count; ++i) {
      const float wanted = expected.data_ptr<float>()[i], got = found.data_ptr<float>()[i];
      if (std::isnan(wanted)) continue;  // infinity less infinity
      EXPECT_EQ(got, wanted) << values[static_cast<std::size_t>(i)];
    }
  }
}

TEST(InstructionSet, IsNamed) {
  EXPECT_FALSE(instruction_set_text().empty());
  EXPECT_TRUE(instruction_set() == InstructionSet::kAvx512 || !has_bfloat16_units());
}

}  // namespace
}  // namespace incipit::kernels::cpu
