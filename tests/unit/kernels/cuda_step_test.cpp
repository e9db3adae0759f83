// Kernels of CUDA devices for what a step computes once, against ATen in float64.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/unit/kernels/cuda_places.h"

namespace incipit::kernels::cuda {
namespace {

class CudaStep : public CudaKernels {
 protected:
  [[nodiscard]] at::Tensor doubles(const std::vector<double>& numbers) const {
    return at::tensor(numbers, at::kDouble).to(device_);
  }
  [[nodiscard]] at::Tensor ints(const std::vector<std::int32_t>& numbers) const {
    return at::tensor(numbers, at::kInt).to(device_);
  }
  [[nodiscard]] at::Tensor longs(const std::vector<std::int64_t>& numbers) const {
    return at::tensor(numbers, at::kLong).to(device_);
  }
  [[nodiscard]] at::Tensor random_doubles(std::int64_t count) const {
    return at::randn({count}, at::kDouble).to(device_);
  }
  [[nodiscard]] at::Tensor unset_bools(std::int64_t count) const {
    return at::full({count}, 77, at::kByte).to(device_);
  }
  static std::vector<int> bools_of(const at::Tensor& x) {
    const at::Tensor host = x.to(at::kCPU, at::kInt);
    return {host.data_ptr<int>(), host.data_ptr<int>() + host.numel()};
  }
};

TEST_P(CudaStep, RotaryTables) {
  constexpr std::int64_t kPositions = 3000, kHalf = 5;
  const at::Tensor frequency = at::tensor({1.0F, 0.3F, 0.02F, 1e-4F, 0.0F}).to(device_);
  const at::Tensor cos = floats({kPositions, kHalf}), sin = floats({kPositions, kHalf});
  kernels().rotary_table(
      launch(), {kPositions, kHalf, data<float>(frequency), data<float>(cos), data<float>(sin)});
  const at::Tensor position = at::arange(kPositions, at::kFloat).unsqueeze(1);
  const at::Tensor angle = (position * frequency.cpu()).to(at::kDouble);  // rounded to float32
  expect_within(cos, angle.cos(), 1e-6);
  expect_within(sin, angle.sin(), 1e-6);
}

TEST_P(CudaStep, ClearsOnlyItsOwn) {
  const at::Tensor bytes = at::full({64}, 7, at::kByte).to(device_);
  kernels().clear(launch(), {.bytes = 13, .data = data<std::uint8_t>(bytes) + 3});
  const at::Tensor expected = at::full({64}, 7, at::kByte);
  expected.narrow(0, 3, 13).zero_();
  EXPECT_TRUE(bytes.cpu().equal(expected));
}

TEST_P(CudaStep, NumbersAtPlaces) {
  const at::Tensor index = longs({4, 0, 9}), from = floats({3});
  const at::Tensor to = at::full({10}, 5, at::kDouble).to(device_);
  kernels().scatter_numbers(launch(),
                            {3, data<float>(from), data<std::int64_t>(index), data<double>(to)});
  at::Tensor expected = at::full({10}, 5, at::kDouble);
  expected.index_copy_(0, index.cpu(), exact(from));
  EXPECT_TRUE(to.cpu().equal(expected));
  const at::Tensor back = random_doubles(3);
  kernels().gather_numbers(launch(),
                           {3, data<double>(to), data<std::int64_t>(index), data<double>(back)});
  EXPECT_TRUE(back.cpu().equal(exact(from)));
}

TEST_P(CudaStep, LossOfWeightedTargets) {
  for (const std::int64_t targets : {1, 1000}) {
    const at::Tensor weight = random_doubles(targets), likelihoods = random_doubles(targets);
    const double expected = -(exact(weight) * exact(likelihoods)).sum().item<double>();
    const at::Tensor loss = doubles({NAN}), gradient = random_doubles(targets);
    const auto run = [&](std::int64_t count) {
      kernels().token_loss(launch(), {count, data<double>(weight), data<double>(likelihoods),
                                      data<double>(loss), data<double>(gradient)});
    };
    run(targets);
    EXPECT_NEAR(loss.item<double>(), expected, 1e-11);
    EXPECT_TRUE(gradient.cpu().equal(-exact(weight)));
    // Those of weight 0 are others', and may not be finite.
    const double first = weight[0].item<double>() * likelihoods[0].item<double>();
    weight[0].fill_(0);
    likelihoods[0].fill_(-INFINITY);
    run(targets);
    EXPECT_NEAR(loss.item<double>(), expected + first, 1e-11);
    run(0);
    EXPECT_EQ(loss.item<double>(), 0);
  }
}

// Groups of 1 to 5 candidates of 1 to 3 targets, of which candidates of a group share the first.
// The last two targets are of no candidate.
TEST_P(CudaStep, LossOfCandidates) {
  for (const std::int32_t groups : {1, 300}) {
    std::vector<std::int32_t> gold, first_candidate{0}, first_target{0}, target_of;
    std::vector<std::vector<std::int32_t>> candidates_of;
    for (std::int32_t g = 0; g < groups; ++g) {
      const auto shared = static_cast<std::int32_t>(candidates_of.size());
      candidates_of.emplace_back();
      for (std::int32_t c = 0; c <= g % 5; ++c) {
        const auto candidate = static_cast<std::int32_t>(first_target.size()) - 1;
        candidates_of[shared].push_back(candidate);
        target_of.push_back(shared);
        for (std::int32_t extra = 0; extra < c % 3; ++extra) {
          target_of.push_back(static_cast<std::int32_t>(candidates_of.size()));
          candidates_of.push_back({candidate});
        }
        first_target.push_back(static_cast<std::int32_t>(target_of.size()));
      }
      gold.push_back(first_candidate.back() + g % 5);
      first_candidate.push_back(static_cast<std::int32_t>(first_target.size()) - 1);
    }
    std::vector<std::int32_t> first_use{0}, candidate_of;
    for (const auto& candidates : candidates_of) {
      candidate_of.insert(candidate_of.end(), candidates.begin(), candidates.end());
      first_use.push_back(static_cast<std::int32_t>(candidate_of.size()));
    }
    const auto used = static_cast<std::int64_t>(candidates_of.size());
    const std::int64_t candidates = first_candidate.back();
    const at::Tensor likelihoods = random_doubles(used + 2);
    const at::Tensor slopes = random_doubles(candidates), loss = doubles({NAN});
    const at::Tensor gradient = random_doubles(used + 2);
    const at::Tensor arrays[] = {ints(gold),      ints(first_candidate), ints(first_target),
                                 ints(target_of), ints(first_use),       ints(candidate_of)};
    kernels().candidate_loss(launch(), {.groups = groups,
                                        .candidates = candidates,
                                        .targets = used + 2,
                                        .used_targets = used,
                                        .gold = data<std::int32_t>(arrays[0]),
                                        .first_candidate = data<std::int32_t>(arrays[1]),
                                        .first_target = data<std::int32_t>(arrays[2]),
                                        .target_of = data<std::int32_t>(arrays[3]),
                                        .first_use = data<std::int32_t>(arrays[4]),
                                        .candidate_of = data<std::int32_t>(arrays[5]),
                                        .log_likelihoods = data<double>(likelihoods),
                                        .slopes = data<double>(slopes),
                                        .loss = data<double>(loss),
                                        .gradient = data<double>(gradient)});
    const at::Tensor x = exact(likelihoods).requires_grad_();
    at::Tensor expected = at::zeros({}, at::kDouble);
    for (std::int32_t g = 0; g < groups; ++g) {
      std::vector<at::Tensor> logits;
      for (std::int32_t c = first_candidate[g]; c < first_candidate[g + 1]; ++c) {
        const std::vector<std::int64_t> own(target_of.begin() + first_target[c],
                                            target_of.begin() + first_target[c + 1]);
        logits.push_back(x.index_select(0, at::tensor(own, at::kLong)).sum());
      }
      const at::Tensor all = at::stack(logits);
      expected = expected + at::logsumexp(all, 0) - all[gold[g] - first_candidate[g]];
    }
    expected.backward();
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-10);
    expect_within(gradient, x.grad(), 1e-12);
  }
}

// Prompts that are updated together: all or none, except for one without examples.
TEST_P(CudaStep, OneGroupOfPromptsIsUpdatedIfItsNumbersAreFinite) {
  for (const double square : {2.0, static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
    const at::Tensor totals = doubles({6, 3}), squares = doubles({1, square, 4});
    const at::Tensor of_tasks = doubles({1, 1, 5, 0, 0, 2});  // loss, count
    const at::Tensor sum = doubles({77}), not_finite = doubles({77});
    kernels().check_finite(launch(), {1, 3, data<double>(totals), data<double>(squares),
                                      data<double>(sum), data<double>(not_finite)});
    const bool finite = std::isfinite(square);
    EXPECT_EQ(not_finite.item<double>(), finite ? 0 : 1);
    const at::Tensor none = doubles({77}), norm = doubles({77}), learns = unset_bools(3);
    const auto decide = [&](const double* tasks) {
      kernels().decide_updates(launch(), {.groups = 1,
                                          .prompts = 3,
                                          .not_finite = data<double>(not_finite),
                                          .group_squares = data<double>(sum),
                                          .group_totals = data<double>(totals),
                                          .prompt_totals = tasks,
                                          .totals = data<double>(totals),
                                          .squares = data<double>(norm),
                                          .none_finite = data<double>(none),
                                          .learns = static_cast<bool*>(learns.data_ptr())});
    };
    decide(data<double>(of_tasks));
    EXPECT_EQ(bools_of(learns), (finite ? std::vector{1, 0, 1} : std::vector{0, 0, 0}));
    decide(nullptr);
    EXPECT_EQ(bools_of(learns), (finite ? std::vector{1, 1, 1} : std::vector{0, 0, 0}));
    EXPECT_EQ(none.item<double>(), finite ? 0 : 1);
    EXPECT_TRUE(totals.cpu().equal(at::tensor({6.0, 3.0}, at::kDouble)));
    EXPECT_EQ(std::isfinite(norm.item<double>()), finite);
    EXPECT_TRUE(!finite || norm.item<double>() == 7);
  }
}

// More groups than threads: every third has no examples, every fifth a gradient that overflowed.
TEST_P(CudaStep, OfManyGroupsTheFiniteOnesAreUpdated) {
  constexpr int kGroups = 600;
  std::vector<double> totals, squares;
  std::vector<int> expected;
  double loss = 0, count = 0, square = 0;
  for (int g = 0; g < kGroups; ++g) {
    totals.insert(totals.end(), {g % 3 == 0 ? 0.0 : g, g % 3 == 0 ? 0.0 : 2.0});
    squares.push_back(g % 5 == 0 ? INFINITY : g);
    expected.push_back(g % 3 != 0 && g % 5 != 0 ? 1 : 0);
    if (expected.back() == 0) continue;
    loss += g;
    count += 2;
    square += g;
  }
  const at::Tensor all = doubles(totals), each = doubles(squares);
  const at::Tensor sums = random_doubles(kGroups), not_finite = random_doubles(kGroups);
  const at::Tensor to = doubles({7, 7}), norm = doubles({7}), none = doubles({7});
  const at::Tensor learns = unset_bools(kGroups);
  kernels().check_finite(launch(), {kGroups, 1, data<double>(all), data<double>(each),
                                    data<double>(sums), data<double>(not_finite)});
  const auto decide = [&] {
    kernels().decide_updates(launch(), {.groups = kGroups,
                                        .prompts = 1,
                                        .not_finite = data<double>(not_finite),
                                        .group_squares = data<double>(sums),
                                        .group_totals = data<double>(all),
                                        .prompt_totals = data<double>(all),
                                        .totals = data<double>(to),
                                        .squares = data<double>(norm),
                                        .none_finite = data<double>(none),
                                        .learns = static_cast<bool*>(learns.data_ptr())});
  };
  decide();
  EXPECT_EQ(bools_of(learns), expected);
  EXPECT_TRUE(to.cpu().equal(at::tensor({loss, count}, at::kDouble)));
  EXPECT_EQ(norm.item<double>(), square);
  EXPECT_EQ(none.item<double>(), 0);
  not_finite.fill_(2);  // on two ranks
  decide();
  EXPECT_EQ(bools_of(learns), std::vector<int>(kGroups, 0));
  EXPECT_EQ(none.item<double>(), 1);
}

TEST_P(CudaStep, CountsTheStepsOfGroupsThatLearn) {
  const at::Tensor learns = at::tensor({1, 0, 1, 0}, at::kByte).to(device_);
  const at::Tensor steps = longs({0, 0, 8, 5}), rests = unset_bools(4), counts = random_doubles(4);
  kernels().count_steps(launch(),
                        {4, static_cast<const bool*>(learns.data_ptr()), data<std::int64_t>(steps),
                         static_cast<bool*>(rests.data_ptr()), data<double>(counts)});
  EXPECT_TRUE(steps.cpu().equal(at::tensor({1, 0, 9, 5}, at::kLong)));
  EXPECT_TRUE(counts.cpu().equal(at::tensor({1.0, 1.0, 9.0, 5.0}, at::kDouble)));
  EXPECT_EQ(bools_of(rests), (std::vector{0, 1, 0, 1}));
}

TEST_P(CudaStep, DividesByANumberOfTheDevice) {
  const at::Tensor x = floats({1000}), before = exact(x), divisor = doubles({3});
  kernels().divide(launch(), {999, data<float>(x), data<double>(divisor)});
  expect_within(x.narrow(0, 0, 999), before.narrow(0, 0, 999) / 3, 1e-7);
  EXPECT_EQ(x[999].item<float>(), before[999].item<double>());
}

INSTANTIATE_TEST_SUITE_P(Places, CudaStep, places_and({at::kFloat}), name_of);

using CudaSums = CudaKernels;

TEST_P(CudaSums, AddTheGradientsOfPromptsInFloat32) {
  for (const std::int64_t width : {1, 7, 64, 1028}) {
    const at::Tensor from = random(3, width, 8);
    const at::Tensor all = floats({3, width + 4});
    const at::Tensor to = all.narrow(1, 0, width), before = exact(all);
    kernels().accumulate(
        launch(), {.rows = 3, .width = width, .from = in(from), .factor = 2.5, .to = out(to)});
    expect_within(to, before.narrow(1, 0, width) + 2.5 * exact(from), 1e-6);
    EXPECT_TRUE(exact(all).narrow(1, width, 4).equal(before.narrow(1, width, 4)));
  }
}

TEST_P(CudaSums, ConvertFloat32ToTheStorageType) {
  for (const std::int64_t width : {1, 7, 64, 1028}) {
    const at::Tensor from = floats({3, width + 4}).narrow(1, 0, width), to = unset(3, width);
    kernels().convert(launch(),
                      {.rows = 3, .width = width, .from = in(from), .factor = 2.5, .to = out(to)});
    expect_near(to, 2.5 * exact(from));
  }
}

TEST_P(CudaSums, MaskedRowsAreZeros) {
  const at::Tensor mask = at::tensor({1, 0, 0, 1}, at::kInt).to(device_);
  for (const std::int64_t width : {1, 7, 64, 1028}) {
    const at::Tensor x = random(4, width, 8);
    x.select(0, 1).fill_(NAN);
    const at::Tensor before = exact(x);
    kernels().mask_rows(launch(), {4, width, data<std::int32_t>(mask), out(x)});
    before.narrow(0, 1, 2).zero_();
    EXPECT_TRUE(exact(x).equal(before));
  }
}

INSTANTIATE_TEST_SUITE_P(Places, CudaSums, all_places(), name_of);

}  // namespace
}  // namespace incipit::kernels::cuda
