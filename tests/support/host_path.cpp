#include "tests/support/host_path.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "tests/support/host_kernels.h"

namespace incipit::testing {
namespace {

FlashCalls calls;

// Numbers of a tensor [rows, heads, head_dim], read and written as float.
class Heads {
 public:
  explicit Heads(const at::Tensor& x) : x_(x), data_(static_cast<std::byte*>(x.data_ptr())) {}
  [[nodiscard]] std::int64_t count() const { return x_.size(1); }
  [[nodiscard]] std::int64_t dim() const { return x_.size(2); }
  [[nodiscard]] float get(std::int64_t row, std::int64_t head, std::int64_t i) const {
    void* const at = place(row, head, i);
    if (x_.scalar_type() == at::kFloat) return *static_cast<float*>(at);
    if (x_.scalar_type() == at::kHalf) return *static_cast<at::Half*>(at);
    return *static_cast<at::BFloat16*>(at);
  }
  void set(std::int64_t row, std::int64_t head, std::int64_t i, double value) const {
    void* const at = place(row, head, i);
    const auto number = static_cast<float>(value);
    if (x_.scalar_type() == at::kFloat) {
      *static_cast<float*>(at) = number;
    } else if (x_.scalar_type() == at::kHalf) {
      *static_cast<at::Half*>(at) = number;
    } else {
      *static_cast<at::BFloat16*>(at) = number;
    }
  }
  [[nodiscard]] double product(std::int64_t row, std::int64_t head, const Heads& other,
                               std::int64_t other_row, std::int64_t other_head) const {
    double sum = 0;
    for (std::int64_t i = 0; i < dim(); ++i) {
      sum += double{get(row, head, i)} * other.get(other_row, other_head, i);
    }
    return sum;
  }

 private:
  [[nodiscard]] void* place(std::int64_t row, std::int64_t head, std::int64_t i) const {
    return data_ + (row * x_.stride(0) + head * x_.stride(1) + i * x_.stride(2)) *
                       static_cast<std::int64_t>(x_.element_size());
  }
  at::Tensor x_;
  std::byte* data_;
};

// Calls f(query, end of its keys, first key) for each query of each sequence.
template <typename F>
void for_each_query(const nn::FlashCall& c, F&& f) {
  const auto* const query = c.query_ends.const_data_ptr<std::int32_t>();
  const auto* const key = c.key_ends.const_data_ptr<std::int32_t>();
  for (std::int64_t s = 0; s + 1 < c.query_ends.size(0); ++s) {
    const std::int64_t hidden = c.causal ? 1 : 0;
    for (std::int64_t i = query[s]; i < query[s + 1]; ++i) {
      f(i, key[s], key[s + 1] - hidden * (query[s + 1] - 1 - i));
    }
  }
}

at::Tensor like(const at::Tensor& x) { return at::empty(x.sizes(), x.options()); }

nn::FlashResult forward(const nn::FlashCall& c) {
  ++calls.forward;
  const Heads q(c.queries), k(c.keys), v(c.values);
  const std::int64_t group = q.count() / k.count();
  const nn::FlashResult result{like(c.queries), at::empty({q.count(), c.queries.size(0)},
                                                          c.queries.options().dtype(at::kFloat))};
  const Heads out(result.output);
  auto lse = result.lse.accessor<float, 2>();
  for_each_query(c, [&](std::int64_t i, std::int64_t first, std::int64_t end) {
    for (std::int64_t h = 0; h < q.count(); ++h) {
      std::vector<double> weights;
      double largest = -INFINITY;
      for (std::int64_t j = first; j < end; ++j) {
        weights.push_back(q.product(i, h, k, j, h / group) * c.scale);
        largest = std::max(largest, weights.back());
      }
      double sum = 0;
      for (double& weight : weights) sum += weight = std::exp(weight - largest);
      for (std::int64_t d = 0; d < q.dim(); ++d) {
        double value = 0;
        for (std::int64_t j = first; j < end; ++j) {
          value += weights[j - first] * v.get(j, h / group, d);
        }
        out.set(i, h, d, value / sum);
      }
      lse[h][i] = static_cast<float>(largest + std::log(sum));
    }
  });
  return result;
}

nn::FlashGradients backward(const nn::FlashCall& c, const at::Tensor& grad,
                            const nn::FlashResult& merged) {
  ++calls.backward;
  const Heads q(c.queries), k(c.keys), v(c.values), g(grad), o(merged.output);
  const std::int64_t group = q.count() / k.count();
  const std::int64_t dim = q.dim();
  const auto lse = merged.lse.accessor<float, 2>();
  std::vector<double> dq(c.queries.numel()), dk(c.keys.numel()), dv(c.values.numel());
  for_each_query(c, [&](std::int64_t i, std::int64_t first, std::int64_t end) {
    for (std::int64_t h = 0; h < q.count(); ++h) {
      const double delta = g.product(i, h, o, i, h);
      for (std::int64_t j = first; j < end; ++j) {
        const double p = std::exp(q.product(i, h, k, j, h / group) * c.scale - lse[h][i]);
        const double ds = p * (g.product(i, h, v, j, h / group) - delta) * c.scale;
        const std::int64_t at_query = (i * q.count() + h) * dim;
        const std::int64_t at_key = (j * k.count() + h / group) * dim;
        for (std::int64_t d = 0; d < dim; ++d) {
          dq[at_query + d] += ds * k.get(j, h / group, d);
          dk[at_key + d] += ds * q.get(i, h, d);
          dv[at_key + d] += p * g.get(i, h, d);
        }
      }
    }
  });
  const auto tensor = [](const std::vector<double>& from, const at::Tensor& shaped) {
    const at::Tensor to = like(shaped);
    const Heads heads(to);
    std::int64_t at = 0;
    for (std::int64_t row = 0; row < to.size(0); ++row) {
      for (std::int64_t h = 0; h < heads.count(); ++h) {
        for (std::int64_t d = 0; d < heads.dim(); ++d) heads.set(row, h, d, from[at++]);
      }
    }
    return to;
  };
  return {tensor(dq, c.queries), tensor(dk, c.keys), tensor(dv, c.values)};
}

bool has_flash(at::ScalarType type, std::int64_t head_dim) {
  return type != at::kDouble && head_dim % 2 == 0;
}

}  // namespace

HostPath::HostPath(bool flash) {
  static const nn::DevicePath with{&host_kernels(), forward, backward, has_flash};
  static const nn::DevicePath without{&host_kernels(), forward, backward,
                                      [](at::ScalarType, std::int64_t) { return false; }};
  nn::set_cpu_path(flash ? &with : &without);
}

HostPath::~HostPath() { nn::set_cpu_path(nullptr); }

FlashCalls flash_calls() { return calls; }

}  // namespace incipit::testing
