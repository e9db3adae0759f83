// RMSNorm and LayerNorm. A block has one group of one row.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

template <typename T, int kPack>
struct NormKernel {
  Norm a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index() / a.groups;
    const int64_t begin = block.index() % a.groups * a.width;
    const T* x = row_of<T>(a.x, row) + begin;
    if (a.residual.data) {
      add_residual(block, x, row_of<T>(a.residual, row) + begin, row_of<T>(a.sum, row) + begin);
      x = row_of<T>(a.sum, row) + begin;
    }
    const float count = static_cast<float>(a.width);
    const float mean = a.centred ? sum(block, x, 0, false) / count : 0;
    const float inverse = 1.0F / sqrtf(sum(block, x, mean, true) / count + a.eps);
    T* const y = row_of<T>(a.y, row) + begin;
    block.each_thread([&](int t) {
      if (t == 0 && a.inverse) a.inverse[block.index()] = inverse;
      if (t == 0 && a.mean) a.mean[block.index()] = mean;
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(x + i);
        for (int j = 0; j < kPack; ++j) {
          v[j] = (v[j] - mean) * inverse * (a.weight[i + j] + a.offset);
          if (a.bias) v[j] += a.bias[i + j];
        }
        store_pack<kPack>(y + i, v);
      }
    });
  }

  INCIPIT_DEVICE void add_residual(const Block& block, const T* x, const T* residual, T* to) const {
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(x + i);
        const Wide<kPack> other = load_pack<kPack>(residual + i);
        for (int j = 0; j < kPack; ++j) v[j] += other[j];
        store_pack<kPack>(to + i, v);
      }
    });
  }

  // Returns the sum of x - mean, or of its squares.
  INCIPIT_DEVICE float sum(const Block& block, const T* x, float mean, bool squares) const {
    float* const partial = block.shared<float>();
    block.each_thread([&](int t) {
      float sum = 0;
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> v = load_pack<kPack>(x + i);
        for (int j = 0; j < kPack; ++j) {
          const float centred = v[j] - mean;
          sum += squares ? centred * centred : centred;
        }
      }
      partial[t] = sum;
    });
    return block.reduce(partial, Sum());
  }
};

template <typename T, int kPack>
struct NormBackwardKernel {
  NormBackward a;

  struct Sums {
    float grad, with_normal;
    INCIPIT_DEVICE Sums operator+(const Sums& other) const {
      return {grad + other.grad, with_normal + other.with_normal};
    }
  };

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index() / a.groups;
    const int64_t begin = block.index() % a.groups * a.width;
    const T* const x = row_of<T>(a.x, row) + begin;
    const T* const g = row_of<T>(a.grad, row) + begin;
    T* const to = row_of<T>(a.grad_x, row) + begin;
    const float mean = a.centred ? a.mean[block.index()] : 0;
    const float inverse = a.inverse[block.index()];
    Sums* const partial = block.shared<Sums>();
    block.each_thread([&](int t) {
      Sums sums{0, 0};
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> grad = load_pack<kPack>(g + i);
        const Wide<kPack> v = load_pack<kPack>(x + i);
        for (int j = 0; j < kPack; ++j) {
          const float scaled = grad[j] * (a.weight[i + j] + a.offset);
          sums.grad += scaled;
          sums.with_normal += scaled * ((v[j] - mean) * inverse);
        }
      }
      partial[t] = sums;
    });
    const Sums sums = block.reduce(partial, Sum());
    const float count = static_cast<float>(a.width);
    const float mean_grad = a.centred ? sums.grad / count : 0;
    const float mean_product = sums.with_normal / count;
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> grad = load_pack<kPack>(g + i);
        const Wide<kPack> v = load_pack<kPack>(x + i);
        Wide<kPack> out{};
        if (a.add) out = load_pack<kPack>(to + i);
        for (int j = 0; j < kPack; ++j) {
          const float scaled = grad[j] * (a.weight[i + j] + a.offset);
          const float normal = (v[j] - mean) * inverse;
          out[j] += (scaled - mean_grad - normal * mean_product) * inverse;
        }
        store_pack<kPack>(to + i, out);
      }
    });
  }
};

inline void norm(const Launch& to, const Norm& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    bool packed = all_pack<T>(a.width, a.x, a.y);
    if (a.residual.data) packed = packed && all_pack<T>(a.width, a.residual, a.sum);
    launch_rows<NormKernel, T>(to, a, packed, a.rows * a.groups, a.width, sizeof(float));
  });
}

inline void norm_backward(const Launch& to, const NormBackward& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const bool packed = all_pack<T>(a.width, a.x, a.grad, a.grad_x);
    launch_rows<NormBackwardKernel, T>(to, a, packed, a.rows * a.groups, a.width,
                                       2 * sizeof(float));
  });
}

}  // namespace incipit::kernels::cuda
