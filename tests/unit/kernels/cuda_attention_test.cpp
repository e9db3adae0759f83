// Kernels of CUDA devices around the parts of attention, against plain arithmetic in float64.
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <vector>

#include "tests/unit/kernels/cuda_places.h"

namespace incipit::kernels::cuda {
namespace {

class CudaAttention : public CudaKernels {
 protected:
  [[nodiscard]] at::Tensor ints(const std::vector<std::int32_t>& numbers) const {
    return at::tensor(numbers, at::kInt).to(device_);
  }
};

TEST_P(CudaAttention, GathersRowsOfSeveralStores) {
  for (const std::int64_t width : {5, 64, 520}) {
    const std::vector<at::Tensor> keys{random(6, width, 8), random(3, width)};
    const std::vector<at::Tensor> values{random(6, 2 * width), random(3, 2 * width, 8)};
    const std::vector<std::int32_t> stores{0, 1, 1, 0, 0}, rows{5, 0, 2, 5, 1};
    const at::Tensor k = unset(5, width), v = unset(5, 2 * width);
    const at::Tensor store = ints(stores), row = ints(rows);
    GatherRows gather{.rows = 5,
                      .columns = 2,
                      .store = data<std::int32_t>(store),
                      .row = data<std::int32_t>(row)};
    gather.column[0] = {{in(keys[0]), in(keys[1])}, width, out(k)};
    gather.column[1] = {{in(values[0]), in(values[1])}, 2 * width, out(v)};
    kernels().gather_rows(launch(), gather);
    for (std::int64_t i = 0; i < 5; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_TRUE(k[i].equal(keys[stores[at]][rows[at]]));
      EXPECT_TRUE(v[i].equal(values[stores[at]][rows[at]]));
    }
  }
}

TEST_P(CudaAttention, SelectsAndExpandsRows) {
  for (const std::int64_t width : {5, 520}) {
    const at::Tensor x = random(3, width, 8), all = unset(6, width), again = unset(3, width);
    const at::Tensor index = at::tensor(std::vector<std::int64_t>{0, 2, 5}).to(device_);
    kernels().expand_rows(launch(), {6, width, 3, data<std::int64_t>(index), in(x), out(all)});
    EXPECT_TRUE(all.index_select(0, index).equal(x));
    EXPECT_EQ(exact(all[1]).abs().max().item<double>(), 0);
    EXPECT_EQ(exact(all[4]).abs().max().item<double>(), 0);
    GatherRows gather{.rows = 3, .columns = 1};
    gather.long_row = data<std::int64_t>(index);
    gather.column[0] = {{in(all)}, width, out(again)};
    kernels().gather_rows(launch(), gather);
    EXPECT_TRUE(again.equal(x));
    const at::Tensor put = unset(6, width);
    kernels().put_rows(launch(), {3, width, data<std::int64_t>(index), in(x), out(put)});
    EXPECT_TRUE(put.index_select(0, index).equal(x));
    EXPECT_EQ(exact(put[4]).min().item<double>(), 77);
    gather.long_row = nullptr;  // in order
    kernels().gather_rows(launch(), gather);
    EXPECT_TRUE(again.equal(all.narrow(0, 0, 3)));
  }
}

TEST_P(CudaAttention, GathersColumns) {
  const at::Tensor from = floats({3, 300}), to = floats({3, 4});
  const at::Tensor column = ints({299, 0, 17, 17});
  kernels().gather_columns(
      launch(), {3, 300, 4, data<float>(from), data<std::int32_t>(column), data<float>(to)});
  EXPECT_TRUE(to.equal(from.index_select(1, column)));
}

// Three parts of different queries equal one softmax over their keys.
TEST_P(CudaAttention, MergesParts) {
  constexpr std::int64_t kQueries = 6, kHeads = 3, kKeys = 4;
  const std::vector<std::vector<std::int32_t>> places{
      {0, 1, 2, 3, 4, 5}, {-1, 0, 1, 2, -1, -1}, {1, -1, -1, 0, -1, 2}};
  for (const std::int64_t dim : {5, 64}) {
    const at::Tensor scores = at::randn({3, kHeads, kQueries, kKeys}, at::kDouble) * 4;
    const at::Tensor values = at::randn({3, kHeads, kKeys, dim}, at::kDouble);
    Merge merge{.queries = kQueries, .heads = kHeads, .head_dim = dim, .parts = 3};
    std::vector<at::Tensor> keep;
    at::Tensor all = at::zeros({kHeads, kQueries, 3 * kKeys}, at::kDouble) - INFINITY;
    for (std::int64_t p = 0; p < 3; ++p) {
      std::vector<std::int64_t> queries(kQueries);
      std::int64_t rows = 0;
      for (std::size_t q = 0; q < kQueries; ++q) {
        if (places[p][q] < 0) continue;
        queries[places[p][q]] = static_cast<std::int64_t>(q);
        ++rows;
        all.select(1, static_cast<std::int64_t>(q))
            .narrow(1, p * kKeys, kKeys)
            .copy_(scores[p].select(1, static_cast<std::int64_t>(q)));
      }
      queries.resize(rows);
      const at::Tensor s = scores[p].index_select(1, at::tensor(queries));
      const at::Tensor output = at::matmul(at::softmax(s, -1), values[p]).transpose(0, 1);
      keep.push_back(output.reshape({rows, kHeads * dim}).to(device_, dtype()));
      keep.push_back(at::logsumexp(s, -1).to(device_, at::kFloat).contiguous());
      keep.push_back(ints(places[p]));
      merge.part[p] = {in(keep[3 * p]), data<float>(keep[3 * p + 1]), rows,
                       data<std::int32_t>(keep[3 * p + 2])};
    }
    const at::Tensor output = unset(kQueries, kHeads * dim), lse = floats({kHeads, kQueries});
    merge.output = out(output);
    merge.lse = data<float>(lse);
    kernels().merge(launch(), merge);
    const at::Tensor v = values.transpose(0, 1).reshape({kHeads, 3 * kKeys, dim});
    const at::Tensor expected = at::matmul(at::softmax(all, -1), v).transpose(0, 1);
    expect_within(output, expected.reshape({kQueries, kHeads * dim}),
                  dtype() == at::kFloat ? 2e-6 : 1e-2);
    expect_within(lse, at::logsumexp(all, -1), 2e-6);
  }
}

TEST_P(CudaAttention, SumsGradientsOfPartsAndRotatesThem) {
  constexpr std::int64_t kRows = 4, kHeads = 2, kKeyHeads = 1;
  for (const std::int64_t dim : {6, 64}) {
    const at::Tensor first = random(3, kHeads * dim), second = random(5, kHeads * dim, 8);
    const at::Tensor of_keys = random(2, kKeyHeads * dim), later = floats({kRows, dim});
    const at::Tensor query_first = ints({0, 2, 2, 3, 4}), part = ints({0, 1, 1, 0});
    const at::Tensor place = ints({2, 4, 0, 1});
    const at::Tensor key_first = ints({0, 0, 1, 2, 2}), key_part = ints({0, 0});
    const at::Tensor key_place = ints({1, 0}), positions = ints({0, 1, 2, 3});
    const at::Tensor angles = floats({4, dim / 2}), cos = angles.cos(), sin = angles.sin();
    const at::Tensor to = unset(kRows, (kHeads + kKeyHeads) * dim);
    SumGradients sum{.rows = kRows, .head_dim = dim, .sections = 2};
    sum.rotation = {data<std::int32_t>(positions), data<float>(cos), data<float>(sin), -1};
    sum.section[0] = {.heads = kHeads,
                      .sources = {in(first), in(second)},
                      .first = data<std::int32_t>(query_first),
                      .part = data<std::int32_t>(part),
                      .place = data<std::int32_t>(place),
                      .later = {},
                      .rotates = true,
                      .to = out(to)};
    sum.section[1] = {.heads = kKeyHeads,
                      .sources = {in(of_keys)},
                      .first = data<std::int32_t>(key_first),
                      .part = data<std::int32_t>(key_part),
                      .place = data<std::int32_t>(key_place),
                      .later = in(later),
                      .rotates = false,
                      .to = out(to.narrow(1, kHeads * dim, dim))};
    kernels().sum_gradients(launch(), sum);
    at::Tensor q = at::zeros({kRows, kHeads, dim}, at::kDouble);
    const auto a = exact(first).reshape({3, kHeads, dim}),
               b = exact(second).reshape({5, kHeads, dim});
    q[0] = a[2] + b[4];
    q[2] = b[0];
    q[3] = a[1];
    const at::Tensor c = exact(cos).unsqueeze(1), s = exact(sin).unsqueeze(1);
    const at::Tensor x = q.narrow(2, 0, dim / 2), y = q.narrow(2, dim / 2, dim / 2);
    at::Tensor k = exact(later).clone();
    k[1] += exact(of_keys)[1];
    k[2] += exact(of_keys)[0];
    expect_near(to,
                at::cat({at::cat({x * c + y * s, y * c - x * s}, 2).reshape({kRows, -1}), k}, 1));
  }
}

TEST_P(CudaAttention, AddsToTheGradientsOfResidentRows) {
  constexpr std::int64_t kDim = 64;
  const at::Tensor found = random(2, kDim), gradient = floats({3, kDim});
  const at::Tensor before = exact(gradient);
  const at::Tensor first = ints({0, 1, 1, 3}), part = ints({0, 0, 0}), place = ints({1, 0, 1});
  SumGradients sum{.rows = 3, .head_dim = kDim, .sections = 1, .wide = true};
  sum.section[0] = {.heads = 1,
                    .sources = {in(found)},
                    .first = data<std::int32_t>(first),
                    .part = data<std::int32_t>(part),
                    .place = data<std::int32_t>(place),
                    .later = in(gradient),
                    .rotates = false,
                    .to = out(gradient)};
  kernels().sum_gradients(launch(), sum);
  at::Tensor expected = before.clone();
  expected[0] += exact(found)[1];
  expected[2] += exact(found)[0] + exact(found)[1];
  expect_within(gradient, expected, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Places, CudaAttention, all_places(), name_of);

}  // namespace
}  // namespace incipit::kernels::cuda
