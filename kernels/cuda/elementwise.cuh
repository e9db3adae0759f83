// Rotary embeddings, activations and sums. A block has one row.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

struct RotaryTableKernel {
  RotaryTable a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i >= a.positions * a.half) return;
      const float angle = static_cast<float>(i / a.half) * a.frequency[i % a.half];
      a.cos[i] = cosf(angle);
      a.sin[i] = sinf(angle);
    });
  }
};

// Rotates a pair of packs, which begins at dimension `dim` of the first half of a head.
template <int kPack>
INCIPIT_DEVICE void rotate_pair(const Rotation& rotation, int64_t row, int64_t half, int64_t dim,
                                Wide<kPack>& first, Wide<kPack>& second) {
  const int64_t angle = rotation.positions[row] * half + dim;
  for (int j = 0; j < kPack; ++j) {
    const float cos = rotation.cos[angle + j];
    const float sin = rotation.sin[angle + j] * rotation.sign;
    const float a = first[j];
    const float b = second[j];
    first[j] = a * cos - b * sin;
    second[j] = b * cos + a * sin;
  }
}

template <typename T, int kPack>
struct RotateKernel {
  Rotate a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index();
    const int64_t half = a.head_dim / 2;
    T* const x = row_of<T>(a.x, row);
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.heads * half;
           i += int64_t{block.threads()} * kPack) {
        const int64_t dim = i % half;
        T* const at = x + i / half * a.head_dim + dim;
        Wide<kPack> first = load_pack<kPack>(at);
        Wide<kPack> second = load_pack<kPack>(at + half);
        rotate_pair(a.rotation, row, half, dim, first, second);
        store_pack<kPack>(at, first);
        store_pack<kPack>(at + half, second);
      }
    });
  }
};

// The value and the slope of an activation.
struct Active {
  float value, slope;
};

INCIPIT_DEVICE Active activation_of(Activation activation, float x) {
  if (activation == Activation::kSwiglu) {
    const float sigmoid = 1.0F / (1.0F + expf(-x));
    return {x * sigmoid, sigmoid * (1.0F + x * (1.0F - sigmoid))};
  }
  // x Phi(x), with Phi(x) = (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
  constexpr float kBeta = 0.79788456080286535588F;
  constexpr float kCube = 0.044715F;
  const float tanh = tanhf(kBeta * (x + kCube * x * x * x));
  const float inner_slope = kBeta * (1.0F + 3.0F * kCube * x * x);
  return {0.5F * x * (1.0F + tanh),
          0.5F * (1.0F + tanh) + 0.5F * x * (1.0F - tanh * tanh) * inner_slope};
}

template <typename T, int kPack>
struct ActivateKernel {
  Activate a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const T* const x = row_of<T>(a.x, block.index());
    T* const out = row_of<T>(a.out, block.index());
    const bool gated = a.activation != Activation::kGeluTanh;
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(x + i);
        for (int j = 0; j < kPack; ++j) v[j] = activation_of(a.activation, v[j]).value;
        if (gated) {
          const Wide<kPack> up = load_pack<kPack>(x + a.width + i);
          for (int j = 0; j < kPack; ++j) v[j] *= up[j];
        }
        store_pack<kPack>(out + i, v);
      }
    });
  }
};

template <typename T, int kPack>
struct ActivateBackwardKernel {
  ActivateBackward a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const T* const g = row_of<T>(a.grad, block.index());
    const T* const x = row_of<T>(a.x, block.index());
    T* const to = row_of<T>(a.grad_x, block.index());
    const bool gated = a.activation != Activation::kGeluTanh;
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> grad = load_pack<kPack>(g + i);
        Wide<kPack> v = load_pack<kPack>(x + i);
        Wide<kPack> up{};
        if (gated) up = load_pack<kPack>(x + a.width + i);
        for (int j = 0; j < kPack; ++j) {
          const Active active = activation_of(a.activation, v[j]);
          v[j] = grad[j] * active.slope * (gated ? up[j] : 1.0F);
          up[j] = grad[j] * active.value;
        }
        store_pack<kPack>(to + i, v);
        if (gated) store_pack<kPack>(to + a.width + i, up);
      }
    });
  }
};

template <typename T, int kPack>
struct AddKernel {
  Add a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const T* const x = row_of<T>(a.a, block.index());
    const T* const y = row_of<T>(a.b, block.index());
    T* const to = row_of<T>(a.to, block.index());
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(x + i);
        const Wide<kPack> other = load_pack<kPack>(y + i);
        for (int j = 0; j < kPack; ++j) v[j] += other[j];
        store_pack<kPack>(to + i, v);
      }
    });
  }
};

template <typename T, int kPack>
struct AccumulateKernel {
  Accumulate a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const T* const from = row_of<T>(a.from, block.index());
    float* const to = row_of<float>(a.to, block.index());
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> v = load_pack<kPack>(from + i);
        Wide<kPack> sum = load_pack<kPack>(to + i);
        for (int j = 0; j < kPack; ++j) sum[j] += a.factor * v[j];
        store_pack<kPack>(to + i, sum);
      }
    });
  }
};

template <typename T, int kPack>
struct ConvertKernel {
  Convert a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const float* const from = row_of<float>(a.from, block.index());
    T* const to = row_of<T>(a.to, block.index());
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(from + i);
        for (int j = 0; j < kPack; ++j) v[j] *= a.factor;
        store_pack<kPack>(to + i, v);
      }
    });
  }
};

template <typename T, int kPack>
struct MaskRowsKernel {
  MaskRows a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    if (a.mask[block.index()] != 0) return;
    T* const x = row_of<T>(a.x, block.index());
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        store_pack<kPack>(x + i, Wide<kPack>{});
      }
    });
  }
};

inline void rotary_table(const Launch& to, const RotaryTable& a) {
  launch(to, RotaryTableKernel{a}, flat_blocks(a.positions * a.half), kFlatThreads, 0);
}

inline void rotate(const Launch& to, const Rotate& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const int64_t half = a.head_dim / 2;
    launch_rows<RotateKernel, T>(to, a, all_pack<T>(half, a.x), a.rows, a.heads * half, 0);
  });
}

inline void activate(const Launch& to, const Activate& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<ActivateKernel, T>(to, a, all_pack<T>(a.width, a.x, a.out), a.rows, a.width, 0);
  });
}

inline void activate_backward(const Launch& to, const ActivateBackward& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<ActivateBackwardKernel, T>(to, a, all_pack<T>(a.width, a.x, a.grad, a.grad_x),
                                           a.rows, a.width, 0);
  });
}

inline void add(const Launch& to, const Add& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<AddKernel, T>(to, a, all_pack<T>(a.width, a.a, a.b, a.to), a.rows, a.width, 0);
  });
}

inline void mask_rows(const Launch& to, const MaskRows& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<MaskRowsKernel, T>(to, a, all_pack<T>(a.width, a.x), a.rows, a.width, 0);
  });
}

inline void convert(const Launch& to, const Convert& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const bool packed = all_pack<T>(a.width, a.to) && packs<float>(a.from.data, a.from.stride);
    launch_rows<ConvertKernel, T>(to, a, packed, a.rows, a.width, 0);
  });
}

inline void accumulate(const Launch& to, const Accumulate& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const bool packed = all_pack<T>(a.width, a.from) && packs<float>(a.to.data, a.to.stride);
    launch_rows<AccumulateKernel, T>(to, a, packed, a.rows, a.width, 0);
  });
}

}  // namespace incipit::kernels::cuda
