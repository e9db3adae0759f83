// What surrounds the flash calls of attention over a forest: collecting the rows of a part, merging
// the parts, and summing the gradients that they found. A block has one row.
#pragma once

#include "kernels/cuda/elementwise.cuh"

namespace incipit::kernels::cuda {

template <typename T, int kPack>
struct GatherRowsKernel {
  GatherRows a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t to_row = block.index();
    const int store = a.store ? a.store[to_row] : 0;
    const int64_t from_row = a.long_row ? a.long_row[to_row] : a.row ? a.row[to_row] : to_row;
    block.each_thread([&](int t) {
      for (int c = 0; c < a.columns; ++c) {
        const GatherRows::Column& column = a.column[c];
        const T* const from = row_of<T>(column.sources[store], from_row);
        T* const to = row_of<T>(column.to, to_row);
        for (int64_t i = int64_t{t} * kPack; i < column.width;
             i += int64_t{block.threads()} * kPack) {
          *reinterpret_cast<Pack<T, kPack>*>(to + i) =
              *reinterpret_cast<const Pack<T, kPack>*>(from + i);
        }
      }
    });
  }
};

template <typename T, int kPack>
struct PutRowsKernel {
  PutRows a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const T* const from = row_of<T>(a.from, block.index());
    T* const to = row_of<T>(a.to, a.index[block.index()]);
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        *reinterpret_cast<Pack<T, kPack>*>(to + i) =
            *reinterpret_cast<const Pack<T, kPack>*>(from + i);
      }
    });
  }
};

template <typename T, int kPack>
struct ExpandRowsKernel {
  ExpandRows a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    int64_t begin = 0;  // of the indices, the first that is not less than this row
    int64_t end = a.from_rows;
    while (begin < end) {
      const int64_t middle = (begin + end) / 2;
      if (a.index[middle] < block.index()) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    const bool has_row = begin < a.from_rows && a.index[begin] == block.index();
    const T* const from = row_of<T>(a.from, begin);
    T* const to = row_of<T>(a.to, block.index());
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v{};
        if (has_row) v = load_pack<kPack>(from + i);
        store_pack<kPack>(to + i, v);
      }
    });
  }
};

struct GatherColumnsKernel {
  GatherColumns a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const float* const from = a.from + block.index() * a.from_columns;
    float* const to = a.to + block.index() * a.columns;
    block.each_thread([&](int t) {
      for (int64_t i = t; i < a.columns; i += block.threads()) to[i] = from[a.column[i]];
    });
  }
};

template <typename T, int kPack>
struct MergeKernel {
  Merge a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t query = block.index();
    float* const weights = block.shared<float>();  // [parts, heads]
    block.each_thread([&](int t) {
      for (int64_t head = t; head < a.heads; head += block.threads()) {
        weigh(query, head, weights);
      }
    });
    T* const to = row_of<T>(a.output, query);
    block.each_thread([&](int t) {
      const int64_t width = a.heads * a.head_dim;
      for (int64_t i = int64_t{t} * kPack; i < width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> sum{};
        for (int p = 0; p < a.parts; ++p) {
          const int32_t place = a.part[p].place[query];
          if (place < 0) continue;
          const float weight = weights[p * a.heads + i / a.head_dim];
          const Wide<kPack> v = load_pack<kPack>(row_of<T>(a.part[p].output, place) + i);
          for (int j = 0; j < kPack; ++j) sum[j] += weight * v[j];
        }
        store_pack<kPack>(to + i, sum);
      }
    });
  }

  // Writes the weights of the parts and the merged log-sum-exp of one head. A part that sees no key
  // has minus infinity and weight 0.
  INCIPIT_DEVICE void weigh(int64_t query, int64_t head, float* weights) const {
    float largest = -INFINITY;
    for (int p = 0; p < a.parts; ++p) largest = fmaxf(largest, lse_of(p, query, head));
    const float shift = largest == -INFINITY ? 0.0F : largest;
    float sum = 0;
    for (int p = 0; p < a.parts; ++p) {
      const float weight = expf(lse_of(p, query, head) - shift);
      weights[p * a.heads + head] = weight;
      sum += weight;
    }
    const float inverse = sum > 0 ? 1.0F / sum : (sum == 0 ? 0.0F : sum);  // NaN stays
    for (int p = 0; p < a.parts; ++p) weights[p * a.heads + head] *= inverse;
    a.lse[head * a.queries + query] = shift + logf(sum);
  }

  INCIPIT_DEVICE float lse_of(int part, int64_t query, int64_t head) const {
    const int32_t place = a.part[part].place[query];
    return place < 0 ? -INFINITY : a.part[part].lse[head * a.part[part].rows + place];
  }
};

template <typename T, typename To, int kPack>
struct SumGradientsKernel {
  SumGradients a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index() % a.rows;
    const SumGradients::Section& section = a.section[block.index() / a.rows];
    const int64_t half = a.head_dim / 2;
    To* const to = row_of<To>(section.to, row);
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < section.heads * half;
           i += int64_t{block.threads()} * kPack) {
        const int64_t dim = i % half;
        const int64_t column = i / half * a.head_dim + dim;
        Wide<kPack> first{};
        Wide<kPack> second{};
        if (section.later.data) {
          const float* const later = row_of<float>(section.later, row) + column;
          for (int j = 0; j < kPack; ++j) {
            first[j] = later[j];
            second[j] = later[half + j];
          }
        }
        for (int32_t e = section.first[row]; e < section.first[row + 1]; ++e) {
          const T* const from = row_of<T>(section.sources[section.part[e]], section.place[e]);
          const Wide<kPack> a_half = load_pack<kPack>(from + column);
          const Wide<kPack> b_half = load_pack<kPack>(from + column + half);
          for (int j = 0; j < kPack; ++j) {
            first[j] += a_half[j];
            second[j] += b_half[j];
          }
        }
        if (section.rotates) rotate_pair(a.rotation, row, half, dim, first, second);
        store_pack<kPack>(to + column, first);
        store_pack<kPack>(to + column + half, second);
      }
    });
  }
};

inline void gather_rows(const Launch& to, const GatherRows& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    bool packed = true;
    int64_t widest = 0;
    for (int c = 0; c < a.columns; ++c) {
      const GatherRows::Column& column = a.column[c];
      packed = packed && all_pack<T>(column.width, column.to);
      for (const Input& source : column.sources) packed = packed && all_pack<T>(0, source);
      widest = widest < column.width ? column.width : widest;
    }
    launch_rows<GatherRowsKernel, T>(to, a, packed, a.rows, widest, 0);
  });
}

inline void put_rows(const Launch& to, const PutRows& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<PutRowsKernel, T>(to, a, all_pack<T>(a.width, a.from, a.to), a.rows, a.width, 0);
  });
}

inline void expand_rows(const Launch& to, const ExpandRows& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<ExpandRowsKernel, T>(to, a, all_pack<T>(a.width, a.from, a.to), a.rows, a.width, 0);
  });
}

inline void gather_columns(const Launch& to, const GatherColumns& a) {
  if (a.columns > 0) launch(to, GatherColumnsKernel{a}, a.heads, threads_for(a.columns), 0);
}

inline void merge(const Launch& to, const Merge& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    bool packed = all_pack<T>(a.head_dim, a.output);
    for (int p = 0; p < a.parts; ++p) packed = packed && all_pack<T>(0, a.part[p].output);
    const int64_t width = a.heads * a.head_dim;
    const int64_t shared = a.parts * a.heads * static_cast<int64_t>(sizeof(float));
    if (packed) {
      launch(to, MergeKernel<T, kPackOf<T>>{a}, a.queries, threads_for(width / kPackOf<T>), shared);
    } else {
      launch(to, MergeKernel<T, 1>{a}, a.queries, threads_for(width), shared);
    }
  });
}

inline void sum_gradients(const Launch& to, const SumGradients& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const int64_t half = a.head_dim / 2;
    bool packed = half % kPackOf<T> == 0;
    int64_t widest = 0;
    for (int s = 0; s < a.sections; ++s) {
      const SumGradients::Section& section = a.section[s];
      packed = packed && (a.wide ? packs<float>(section.to.data, section.to.stride) &&
                                       section.to.stride % kPackOf<T> == 0
                                 : packs<T>(section.to.data, section.to.stride));
      for (const Input& source : section.sources) packed = packed && all_pack<T>(0, source);
      widest = widest < section.heads * half ? section.heads * half : widest;
    }
    const auto run = [&](auto kernel, int pack) {
      launch(to, kernel, a.rows * a.sections, threads_for(widest / pack), 0);
    };
    if (packed && a.wide) run(SumGradientsKernel<T, float, kPackOf<T>>{a}, kPackOf<T>);
    if (packed && !a.wide) run(SumGradientsKernel<T, T, kPackOf<T>>{a}, kPackOf<T>);
    if (!packed && a.wide) run(SumGradientsKernel<T, float, 1>{a}, 1);
    if (!packed && !a.wide) run(SumGradientsKernel<T, T, 1>{a}, 1);
  });
}

}  // namespace incipit::kernels::cuda
