// Kernels of CUDA devices for the vocabulary and for optimizers, against plain arithmetic.
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/unit/kernels/cuda_places.h"

namespace incipit::kernels::cuda {
namespace {

class CudaScores : public CudaKernels {
 protected:
  [[nodiscard]] at::Tensor ints(const std::vector<std::int32_t>& numbers) const {
    return at::tensor(numbers, at::kInt).to(device_);
  }
  [[nodiscard]] at::Tensor doubles(at::IntArrayRef shape) const {
    return at::zeros(shape, at::kDouble).to(device_);
  }
};

TEST_P(CudaScores, EmbedsTokensPromptsAndPositions) {
  for (const std::int64_t width : {5, 64}) {
    const at::Tensor table = random(9, width, 8), learned = random(4, width);
    const std::vector<at::Tensor> prompts{floats({2, width}), floats({3, width})};
    // Token 8, prompt rows 0, 1 and 4 of both prompts, none, token 0.
    const at::Tensor source = ints({8, -2, -3, -6, -1, 0});
    const at::Tensor positions = ints({0, 1, 2, 3, 0, 1});
    const at::Tensor to = unset(6, width);
    Embed embed{.rows = 6,
                .width = width,
                .source = data<std::int32_t>(source),
                .table = in(table),
                .scale = 2,
                .prompt_scale = 4,
                .prompts = 2,
                .prompt = {data<float>(prompts[0]), data<float>(prompts[1])},
                .prompt_first = {0, 2},
                .to = out(to)};
    kernels().embed(launch(), embed);
    const auto rounded = [&](const at::Tensor& x) { return exact(x.to(dtype())) * 4; };
    const at::Tensor expected =
        at::stack({exact(table[8]) * 2, rounded(prompts[0][0]), rounded(prompts[0][1]),
                   rounded(prompts[1][2]), exact(table[0]) * 0, exact(table[0]) * 2});
    expect_near(to, expected);
    embed.positions_table = in(learned);
    embed.positions = data<std::int32_t>(positions);
    kernels().embed(launch(), embed);
    expect_near(to, exact(expected.to(dtype())) + exact(learned).index_select(0, positions.cpu()));
  }
}

// Two parts of the vocabulary, of which the rows of three targets each know one.
TEST_P(CudaScores, LogLikelihoodsAndTheGradientOfLogits) {
  constexpr std::int64_t kRows = 3, kTargets = 4;
  for (const std::int64_t columns : {40, 1000, 999}) {
    for (const double softcap : {0.0, 3.0}) {
      const std::vector<at::Tensor> parts{random(kRows, columns, 8) * 4,
                                          random(kRows, columns) * 4};
      const at::Tensor raw = at::cat({exact(parts[0]), exact(parts[1])}, 1).requires_grad_();
      const at::Tensor logits = softcap == 0 ? raw : at::tanh(raw / softcap) * softcap;
      const std::vector<std::int64_t> id{3, columns + 7, 0, 2 * columns - 1}, row{0, 0, 1, 2};
      const at::Tensor first = ints({0, 2, 3, 4}), ids = at::tensor(id).to(device_);
      const std::int64_t per_part = 3 * kRows + kTargets;
      const at::Tensor numbers = doubles({2, per_part}), normalisers = doubles({kRows});
      for (std::int64_t p = 0; p < 2; ++p) {
        kernels().score_rows(launch(), {.rows = kRows,
                                        .columns = columns,
                                        .targets = kTargets,
                                        .logits = in(parts[p]),
                                        .softcap = static_cast<float>(softcap),
                                        .first_id = p * columns,
                                        .first_target = data<std::int32_t>(first),
                                        .target_id = data<std::int64_t>(ids),
                                        .numbers = data<double>(numbers) + p * per_part});
      }
      const at::Tensor likelihoods = floats({kTargets}), argmax = ids.clone();
      kernels().combine_scores(launch(), {.rows = kRows,
                                          .targets = kTargets,
                                          .parts = 2,
                                          .first_target = data<std::int32_t>(first),
                                          .numbers = data<double>(numbers),
                                          .normalisers = data<double>(normalisers),
                                          .log_likelihoods = data<float>(likelihoods),
                                          .argmax = data<std::int64_t>(argmax)});
      const at::Tensor all = at::log_softmax(logits, -1);
      const at::Tensor grad = at::tensor(std::vector<double>{1, -2, 0.5, 3}).to(device_);
      at::Tensor loss = at::zeros({}, at::kDouble);
      for (std::size_t t = 0; t < kTargets; ++t) {
        const auto at = static_cast<std::int64_t>(t);
        EXPECT_NEAR(likelihoods[at].item<double>(), all[row[t]][id[t]].item<double>(), 1e-5);
        EXPECT_EQ(argmax[at].item<std::int64_t>(),
                  exact(raw.detach())[row[t]].argmax().item<std::int64_t>());
        loss = loss + all[row[t]][id[t]] * grad.cpu()[at];
      }
      expect_within(normalisers, at::logsumexp(logits, -1).detach(), 1e-6);
      loss.backward();
      for (std::int64_t p = 0; p < 2; ++p) {
        kernels().logit_gradient(launch(), {.rows = kRows,
                                            .columns = columns,
                                            .logits = out(parts[p]),
                                            .softcap = static_cast<float>(softcap),
                                            .first_id = p * columns,
                                            .first_target = data<std::int32_t>(first),
                                            .target_id = data<std::int64_t>(ids),
                                            .grad = data<double>(grad),
                                            .normalisers = data<double>(normalisers)});
        expect_near(parts[p], raw.grad().narrow(1, p * columns, columns));
      }
    }
  }
}

TEST_P(CudaScores, ARowWithNaNHasNoLogLikelihood) {
  const at::Tensor logits = random(1, 300);
  logits[0][123].fill_(NAN);
  const at::Tensor first = ints({0, 1}), id = at::tensor(std::vector<std::int64_t>{5}).to(device_);
  const at::Tensor numbers = doubles({4}), normalisers = doubles({1});
  kernels().score_rows(launch(), {.rows = 1,
                                  .columns = 300,
                                  .targets = 1,
                                  .logits = in(logits),
                                  .first_target = data<std::int32_t>(first),
                                  .target_id = data<std::int64_t>(id),
                                  .numbers = data<double>(numbers)});
  const at::Tensor likelihood = floats({1}), argmax = id.clone();
  kernels().combine_scores(launch(), {.rows = 1,
                                      .targets = 1,
                                      .parts = 1,
                                      .first_target = data<std::int32_t>(first),
                                      .numbers = data<double>(numbers),
                                      .normalisers = data<double>(normalisers),
                                      .log_likelihoods = data<float>(likelihood),
                                      .argmax = data<std::int64_t>(argmax)});
  EXPECT_TRUE(std::isnan(likelihood.item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Places, CudaScores, all_places(), name_of);

// Optimizers update float32.
class CudaOptimizers : public CudaScores {
 protected:
  [[nodiscard]] at::Tensor rests(bool value) const {
    return at::full({}, value, at::kBool).to(device_);
  }
  [[nodiscard]] at::Tensor step(double number) const {
    return at::full({}, number, at::kDouble).to(device_);
  }
};

TEST_P(CudaOptimizers, AdamWFollowsItsDefinition) {
  constexpr std::int64_t kCount = 1000;
  constexpr double kRate = 0.01, kBeta1 = 0.9, kBeta2 = 0.95, kEps = 1e-6, kDecay = 0.1;
  const at::Tensor value = floats({kCount}), grad = floats({kCount});
  const at::Tensor mean = at::zeros_like(value), square = at::zeros_like(value);
  at::Tensor v = exact(value), m = exact(mean), s = exact(square);
  for (int n = 1; n <= 4; ++n) {
    const bool resting = n == 3;
    grad.copy_(floats({kCount}));
    if (resting) grad.fill_(INFINITY);
    const at::Tensor still = rests(resting), number = step(resting ? n - 1 : n);
    kernels().adamw(launch(), {kCount, data<float>(value), data<float>(grad), data<float>(mean),
                               data<float>(square), data<bool>(still), data<double>(number), kRate,
                               kBeta1, kBeta2, kEps, kDecay});
    if (resting) {
      EXPECT_EQ(exact(grad).abs().max().item<double>(), 0);
    } else {
      const at::Tensor g = exact(grad);
      v = v * (1 - kRate * kDecay);
      m = m * kBeta1 + g * (1 - kBeta1);
      s = s * kBeta2 + g * g * (1 - kBeta2);
      v = v -
          m / (1 - std::pow(kBeta1, n)) * kRate / ((s / (1 - std::pow(kBeta2, n))).sqrt() + kEps);
    }
    expect_within(value, v, 2e-6);
    expect_within(square, s, 2e-6);
  }
}

TEST_P(CudaOptimizers, SgdFollowsItsDefinition) {
  constexpr std::int64_t kCount = 1000;
  constexpr double kRate = 0.1, kMomentum = 0.9, kDecay = 0.01;
  for (const bool has_momentum : {true, false}) {
    for (const bool nesterov : {has_momentum, false}) {
      const at::Tensor value = floats({kCount}), grad = floats({kCount});
      const at::Tensor velocity = at::zeros_like(value);
      at::Tensor v = exact(value), m = exact(velocity);
      for (int n = 1; n <= 3; ++n) {
        const bool resting = n == 2;
        grad.copy_(floats({kCount}));
        const at::Tensor g = exact(grad), still = rests(resting);
        if (resting) grad.fill_(INFINITY);
        kernels().sgd(launch(), {.count = kCount,
                                 .value = data<float>(value),
                                 .grad = data<float>(grad),
                                 .velocity = has_momentum ? data<float>(velocity) : nullptr,
                                 .rests = data<bool>(still),
                                 .learning_rate = kRate,
                                 .momentum = kMomentum,
                                 .weight_decay = kDecay,
                                 .nesterov = nesterov});
        if (resting) {
          EXPECT_EQ(exact(grad).abs().max().item<double>(), 0);
          continue;
        }
        at::Tensor change = g + kDecay * v;
        if (has_momentum) {
          m = kMomentum * m + change;
          change = nesterov ? change + kMomentum * m : m;
        }
        v = v - kRate * change;
        expect_within(value, v, 2e-6);
      }
    }
  }
}

TEST_P(CudaOptimizers, ClipsToTheNormOfSeveralTensors) {
  const at::Tensor a = floats({70000}), b = floats({3});  // more than all threads, and a few
  const at::Tensor scratch = at::full({kSquareBlocks}, NAN, at::kDouble).to(device_);
  const at::Tensor squares = at::zeros({}, at::kDouble).to(device_);
  for (const at::Tensor& x : {a, b}) {
    kernels().sum_of_squares(
        launch(), {x.numel(), data<float>(x), data<double>(scratch), data<double>(squares)});
  }
  const double expected =
      exact(a).square().sum().item<double>() + exact(b).square().sum().item<double>();
  EXPECT_NEAR(squares.item<double>(), expected, 1e-12 * expected);
  for (const double max_norm : {1.0, 1e6}) {
    const at::Tensor before = exact(a);
    kernels().clip_by_norm(launch(), {a.numel(), data<float>(a), data<double>(squares), max_norm});
    expect_within(a, before * std::min(1.0, max_norm / (std::sqrt(expected) + 1e-6)), 1e-6);
  }
}

TEST_P(CudaOptimizers, AdafactorFollowsItsDefinition) {
  constexpr std::int64_t kRows = 5, kColumns = 300;
  for (const bool factored : {true, false}) {
    const at::Tensor value = floats({kRows, kColumns}), grad = floats({kRows, kColumns});
    const at::Tensor row = at::zeros_like(value.select(1, 0)).contiguous();
    const at::Tensor column = at::zeros_like(value[0]), full = at::zeros_like(value);
    const at::Tensor scratch = floats({kAdafactorScratch});
    at::Tensor v = exact(value), r = exact(row), c = exact(column), f = exact(full);
    for (int n = 1; n <= 3; ++n) {
      const bool resting = n == 2;
      grad.copy_(floats({kRows, kColumns}) * 3);
      const at::Tensor g = exact(grad), still = rests(resting), number = step(n);
      kernels().adafactor(launch(), {.rows = kRows,
                                     .columns = kColumns,
                                     .value = data<float>(value),
                                     .grad = data<float>(grad),
                                     .row = factored ? data<float>(row) : nullptr,
                                     .column = factored ? data<float>(column) : nullptr,
                                     .full = factored ? nullptr : data<float>(full),
                                     .scratch = data<float>(scratch),
                                     .rests = data<bool>(still),
                                     .step = data<double>(number),
                                     .learning_rate = 0.1,
                                     .decay_rate = 0.8,
                                     .eps = 1e-30,
                                     .weight_decay = 0.01,
                                     .clipping_threshold = 1,
                                     .least_scale = 1e-3,
                                     .scaled_by_value = true});
      if (!resting) {
        const double decay = 1 - std::pow(n, -0.8);
        r = r * decay + g.square().mean(1) * (1 - decay);
        c = c * decay + g.square().mean(0) * (1 - decay);
        f = f * decay + g.square() * (1 - decay);
        at::Tensor change =
            factored ? g * (r / r.mean()).rsqrt().unsqueeze(1) * c.rsqrt() : g * f.rsqrt();
        change = change / change.square().mean().sqrt().clamp_min(1.0);
        change = change * v.square().mean().sqrt().clamp_min(1e-3);
        v = v * 0.99 - change * 0.1;
      }
      expect_within(value, v, 5e-6);
      if (resting) {
        EXPECT_EQ(exact(grad).abs().max().item<double>(), 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Places, CudaOptimizers, places_and({at::kFloat}), name_of);

}  // namespace
}  // namespace incipit::kernels::cuda
