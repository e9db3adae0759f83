// Copies with buffers in host memory: the division into parts is that of copies to a GPU.
#include "nn/staged_copies.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace incipit::nn {
namespace {

constexpr std::int64_t kBufferBytes = 1 << 10;

void expect_copied(StagedCopies& copies, const at::Tensor& from, const at::Tensor& to) {
  copies.copy(from, to);
  EXPECT_TRUE(to.equal(from.to(to.scalar_type())));
}

TEST(StagedCopies, CopyTensorsOfAnySize) {
  StagedCopies copies(at::kCPU, kBufferBytes);
  // Less than a buffer, exactly one, several, and rows that are larger than one; none at all.
  for (const std::int64_t rows : {1, 3, 16, 17, 100, 0}) {
    for (const std::int64_t columns : {1, 7, 16, 255, 256, 257}) {
      expect_copied(copies, at::randn({rows, columns}), at::zeros({rows, columns}));
    }
    expect_copied(copies, at::randn({rows}), at::zeros({rows}));
  }
}

TEST(StagedCopies, ConvertAndReadAnyStrides) {
  StagedCopies copies(at::kCPU, kBufferBytes);
  const at::Tensor from = at::randn({40, 60}, at::kDouble);
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    expect_copied(copies, from, at::zeros({40, 60}, dtype));
    expect_copied(copies, from.t(), at::zeros({60, 40}, dtype));
    expect_copied(copies, from.narrow(1, 3, 21), at::zeros({40, 21}, dtype));
  }
}

TEST(StagedCopies, ChangeNothingBesideTheirRows) {
  StagedCopies copies(at::kCPU, kBufferBytes);
  const at::Tensor whole = at::zeros({50, 8});
  copies.copy(at::randn({30, 8}), whole.narrow(0, 10, 30));
  EXPECT_EQ(whole.narrow(0, 0, 10).count_nonzero().item<std::int64_t>(), 0);
  EXPECT_EQ(whole.narrow(0, 40, 10).count_nonzero().item<std::int64_t>(), 0);
  EXPECT_EQ(whole.count_nonzero().item<std::int64_t>(), 30 * 8);
}

}  // namespace
}  // namespace incipit::nn
