// Kernels of CUDA devices that work on rows, against ATen in float64.
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include <vector>

#include "tests/unit/kernels/cuda_places.h"

namespace incipit::kernels::cuda {
namespace {

using CudaRows = CudaKernels;

// Widths with and without packs of 16 bytes, less and more than the threads of a block.
constexpr std::int64_t kWidths[] = {1, 7, 64, 130, 1028, 4096};

struct Statistics {
  at::Tensor mean, inverse;  // [rows, 1] float64
};

Statistics statistics_of(const at::Tensor& x, bool centred, double eps) {
  const at::Tensor mean = centred ? x.mean(-1, true) : x.mean(-1, true).zero_();
  return {mean, at::rsqrt((x - mean).square().mean(-1, true) + eps)};
}

TEST_P(CudaRows, NormOfASum) {
  constexpr double kEps = 1e-5;
  for (const std::int64_t width : kWidths) {
    for (const bool centred : {false, true}) {
      const at::Tensor x = random(3, width, 8);
      const at::Tensor residual = random(3, width, 16);
      const at::Tensor weight = floats({width});
      const at::Tensor bias = floats({width});
      const at::Tensor sum = unset(3, width), y = unset(3, width);
      const at::Tensor mean = floats({3}), inverse = floats({3});
      kernels().norm(launch(), {.rows = 3,
                                .width = width,
                                .centred = centred,
                                .eps = kEps,
                                .offset = 1,
                                .x = in(x),
                                .residual = in(residual),
                                .sum = out(sum),
                                .weight = data<float>(weight),
                                .bias = centred ? data<float>(bias) : nullptr,
                                .y = out(y),
                                .mean = centred ? data<float>(mean) : nullptr,
                                .inverse = data<float>(inverse)});
      expect_near(sum, exact(x) + exact(residual));
      const auto [m, r] = statistics_of(exact(sum), centred, kEps);
      at::Tensor expected = (exact(sum) - m) * r * (exact(weight) + 1);
      if (centred) expected = expected + exact(bias);
      if (width > 1 || !centred) expect_near(y, expected);
      if (width > 1) expect_within(inverse, r.squeeze(1), 1e-5);
      if (centred) expect_within(mean, m.squeeze(1), 1e-5);
    }
  }
}

TEST_P(CudaRows, NormOfHeadsInPlace) {
  constexpr std::int64_t kHeads = 3, kDim = 24;
  const at::Tensor x = random(5, kHeads * kDim, 40);
  const at::Tensor weight = floats({kDim});
  const at::Tensor inverse = floats({5 * kHeads});
  const at::Tensor before = exact(x).reshape({5 * kHeads, kDim});
  kernels().norm(launch(), {.rows = 5,
                            .groups = kHeads,
                            .width = kDim,
                            .eps = 1e-6,
                            .x = in(x),
                            .weight = data<float>(weight),
                            .y = out(x),
                            .inverse = data<float>(inverse)});
  const at::Tensor r = statistics_of(before, false, 1e-6).inverse;
  expect_near(x, (before * r * exact(weight)).reshape({5, kHeads * kDim}));
  expect_within(inverse, r.squeeze(1), 1e-5);
}

TEST_P(CudaRows, GradientOfANorm) {
  for (const std::int64_t width : kWidths) {
    for (const bool centred : {false, true}) {
      for (const bool add : {false, true}) {
        const at::Tensor x = random(4, width, 24);
        const at::Tensor grad = random(4, width);
        const at::Tensor weight = floats({width});
        const at::Tensor grad_x = random(4, width, 8);
        const at::Tensor before = exact(grad_x);
        const auto [m, r] = statistics_of(exact(x), centred, 1e-2);
        const at::Tensor mean = m.to(device_, at::kFloat), inverse = r.to(device_, at::kFloat);
        kernels().norm_backward(launch(), {.rows = 4,
                                           .width = width,
                                           .centred = centred,
                                           .offset = 1,
                                           .add = add,
                                           .grad = in(grad),
                                           .x = in(x),
                                           .weight = data<float>(weight),
                                           .mean = data<float>(mean),
                                           .inverse = data<float>(inverse),
                                           .grad_x = out(grad_x)});
        at::Tensor at = exact(x).requires_grad_();
        const auto [m_at, r_at] = statistics_of(at, centred, 1e-2);
        ((at - m_at) * r_at * (exact(weight) + 1) * exact(grad)).sum().backward();
        expect_near(grad_x, add ? before + at.grad() : at.grad());
      }
    }
  }
}

TEST_P(CudaRows, RotationAndBack) {
  constexpr std::int64_t kRows = 5, kHeads = 3, kPositions = 40;
  for (const std::int64_t dim : {6, 64}) {
    const at::Tensor x = random(kRows, kHeads * dim, 8);
    const at::Tensor before = exact(x).reshape({kRows, kHeads, dim});
    const at::Tensor angles = floats({kPositions, dim / 2});
    const at::Tensor cos = angles.cos(), sin = angles.sin();
    const std::vector<std::int32_t> at{3, 0, 39, 7, 3};
    const at::Tensor positions = at::tensor(at, at::kInt).to(device_);
    Rotate rotate{.rows = kRows,
                  .heads = kHeads,
                  .head_dim = dim,
                  .x = out(x),
                  .rotation = {data<std::int32_t>(positions), data<float>(cos), data<float>(sin)}};
    kernels().rotate(launch(), rotate);
    const at::Tensor c = exact(cos).index_select(0, positions.cpu()).unsqueeze(1);
    const at::Tensor s = exact(sin).index_select(0, positions.cpu()).unsqueeze(1);
    const at::Tensor a = before.narrow(2, 0, dim / 2), b = before.narrow(2, dim / 2, dim / 2);
    expect_near(x, at::cat({a * c - b * s, b * c + a * s}, 2).reshape({kRows, kHeads * dim}));
    rotate.rotation.sign = -1;
    kernels().rotate(launch(), rotate);
    expect_within(x, before.reshape({kRows, kHeads * dim}), dtype() == at::kFloat ? 1e-5 : 2e-2);
  }
}

TEST_P(CudaRows, ActivationsAndTheirGradients) {
  for (const Activation kind :
       {Activation::kSwiglu, Activation::kGegluTanh, Activation::kGeluTanh}) {
    const bool gated = kind != Activation::kGeluTanh;
    for (const std::int64_t width : kWidths) {
      const at::Tensor x = random(3, gated ? 2 * width : width);
      const at::Tensor grad = random(3, width);
      const at::Tensor y = unset(3, width);
      kernels().activate(launch(), {kind, 3, width, in(x), out(y)});
      at::Tensor at = exact(x).requires_grad_();
      const at::Tensor gate = at.narrow(1, 0, width);
      const at::Tensor active =
          kind == Activation::kSwiglu ? at::silu(gate) : at::gelu(gate, "tanh");
      const at::Tensor expected = gated ? active * at.narrow(1, width, width) : active;
      expect_near(y, expected.detach());
      (expected * exact(grad)).sum().backward();
      kernels().activate_backward(launch(), {kind, 3, width, in(grad), in(x), out(x)});
      expect_near(x, at.grad());
    }
  }
}

TEST_P(CudaRows, ActivationsOfExtremeNumbers) {
  const at::Tensor x = at::tensor(std::vector<double>{-60000, 60000, NAN}).to(device_, dtype());
  const at::Tensor y = unset(1, 3);
  for (const Activation kind : {Activation::kGeluTanh}) {
    kernels().activate(launch(), {kind, 1, 3, {x.data_ptr(), 3}, out(y)});
    EXPECT_EQ(y[0][0].item<double>(), 0);
    EXPECT_EQ(y[0][1].item<double>(), x[1].item<double>());
    EXPECT_TRUE(std::isnan(y[0][2].item<double>()));
  }
}

TEST_P(CudaRows, SumsAndSumsWithARepeatedRow) {
  for (const std::int64_t width : kWidths) {
    const at::Tensor a = random(3, width), b = random(3, width, 16), bias = random(1, width);
    const at::Tensor to = unset(3, width);
    kernels().add(launch(), {3, width, in(a), in(b), out(to)});
    expect_near(to, exact(a) + exact(b));
    kernels().add(launch(), {3, width, in(a), {bias.data_ptr(), 0}, out(to)});
    expect_near(to, exact(a) + exact(bias));
  }
  kernels().add(launch(), {0, 8, {}, {}, {}});  // launches nothing
}

INSTANTIATE_TEST_SUITE_P(Places, CudaRows, all_places(), name_of);

}  // namespace
}  // namespace incipit::kernels::cuda
