// GEMM of 16-bit (or float32) operands in float32 arithmetic. Compiled several times with different
// -march flags, see CMakeLists.txt. The blocking is that of Goto and van de Geijn (2008): tiles of
// kTileRows x kTileColumns sums stay in registers, and the operands are packed in the order in
// which the tile reads them. Packing also converts 16-bit numbers to float32, so that widening has
// no separate cost.
#include "kernels/cpu/matmul_kernels.h"
#include "kernels/cpu/storage.h"

namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH {
namespace {

// Registers: kTileRows * kTileVectors sums, kTileVectors columns of W and one number of x.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kTileRows = 8;
constexpr int kTileVectors = 3;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kTileRows = 4;
constexpr int kTileVectors = 3;
#else
constexpr int kLanes = 4;
constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;
#endif
constexpr int kTileColumns = kTileVectors * kLanes;

template <int kCount>
struct Vectors {
  typedef float Float __attribute__((vector_size(kCount * 4)));
  typedef float UnalignedFloat __attribute__((vector_size(kCount * 4), aligned(4), may_alias));
  typedef uint32_t Wide __attribute__((vector_size(kCount * 4)));
  typedef uint16_t Bits __attribute__((vector_size(kCount * 2), aligned(2), may_alias));
};

// Like load() of storage.h, for kCount numbers: the compiler does not generate these instructions.
template <int kCount>
inline typename Vectors<kCount>::Float load_many(const float* x) {
  return *reinterpret_cast<const typename Vectors<kCount>::UnalignedFloat*>(x);
}
template <int kCount>
inline typename Vectors<kCount>::Float load_many(const BFloat16Bits* x) {
  using V = Vectors<kCount>;
  const auto wide =
      __builtin_convertvector(*reinterpret_cast<const typename V::Bits*>(x), typename V::Wide);
  return reinterpret_cast<typename V::Float>(wide << 16);
}
template <int kCount>
inline typename Vectors<kCount>::Float load_many(const Float16Bits* x) {
  using V = Vectors<kCount>;
  const auto bits = *reinterpret_cast<const typename V::Bits*>(x);
#if defined(__AVX512F__)
  if constexpr (kCount == 16) {
    // With a mask of ones: GCC 12 takes the plain intrinsic's undefined operand for a mistake of
    // ours.
    return reinterpret_cast<typename V::Float>(
        _mm512_maskz_cvtph_ps(0xffff, reinterpret_cast<__m256i>(bits)));
  }
#endif
#if defined(__F16C__)
  if constexpr (kCount == 8) {
    return reinterpret_cast<typename V::Float>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(bits)));
  }
#endif
  typename V::Float y;
  for (int i = 0; i < kCount; ++i) y[i] = load(Float16Bits{bits[i]});
  return y;
}

using Vector = Vectors<kLanes>::Float;

template <typename T>
inline Vector load_vector(const T* x) {
  return load_many<kLanes>(x);
}
template <typename Float>
inline void store_many(float* y, Float x) {
  *reinterpret_cast<typename Vectors<sizeof(Float) / 4>::UnalignedFloat*>(y) = x;
}

using Eight = Vectors<8>::Float;

// Transposes an 8 x 8 block.
inline void transpose(Eight (&a)[8]) {
  Eight b[8];
  for (int i = 0; i < 4; ++i) {
    b[2 * i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[2 * i + 1] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int h = 0; h < 8; h += 4) {
    a[h] = __builtin_shufflevector(b[h], b[h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    a[h + 1] = __builtin_shufflevector(b[h], b[h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    a[h + 2] = __builtin_shufflevector(b[h + 1], b[h + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    a[h + 3] = __builtin_shufflevector(b[h + 1], b[h + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int j = 0; j < 4; ++j) {
    b[j] = __builtin_shufflevector(a[j], a[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[j + 4] = __builtin_shufflevector(a[j], a[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int j = 0; j < 8; ++j) a[j] = b[j];
}

// packed[k * width + r] = x[r * stride + k] for `count` <= width rows; 0 for the others.
template <typename T>
void pack_rows(const T* x, int64_t stride, int64_t count, int64_t depth, int64_t width,
               float* packed) {
  int64_t r = 0;
  for (; r + 8 <= count; r += 8) {
    int64_t k = 0;
    for (; k + 8 <= depth; k += 8) {
      Eight block[8];
      for (int i = 0; i < 8; ++i) block[i] = load_many<8>(x + (r + i) * stride + k);
      transpose(block);
      for (int j = 0; j < 8; ++j) store_many(packed + (k + j) * width + r, block[j]);
    }
    for (; k < depth; ++k) {
      for (int i = 0; i < 8; ++i) packed[k * width + r + i] = load(x[(r + i) * stride + k]);
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t i = r; i < count; ++i) packed[k * width + i] = load(x[i * stride + k]);
    for (int64_t i = count; i < width; ++i) packed[k * width + i] = 0;
  }
}

// packed[k * width + c] = w[k * stride + c] for `count` <= width columns; 0 for the others.
template <typename T>
void pack_columns(const T* w, int64_t stride, int64_t count, int64_t depth, int64_t width,
                  float* packed) {
  for (int64_t k = 0; k < depth; ++k, w += stride, packed += width) {
    widen(w, count, packed);
    for (int64_t c = count; c < width; ++c) packed[c] = 0;
  }
}

// sums[kTileRows, kTileColumns] = x w, or += if `add`; x and w packed by kTileRows and
// kTileColumns.
void tile(const float* __restrict x, const float* __restrict w, int64_t depth,
          float* __restrict sums, int64_t sums_stride, bool add) {
  Vector sum[kTileRows][kTileVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kTileVectors; ++v) {
      sum[r][v] = add ? load_vector(sums + r * sums_stride + v * kLanes) : Vector{};
    }
  }
  for (int64_t k = 0; k < depth; ++k, x += kTileRows, w += kTileColumns) {
    Vector columns[kTileVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kTileVectors; ++v) columns[v] = load_vector(w + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 3
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] += x[r] * columns[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kTileVectors; ++v) {
      store_many(sums + r * sums_stride + v * kLanes, sum[r][v]);
    }
  }
}

constexpr int64_t up_to(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Tiles read a block of W with this many columns, which stays in the L2 cache, and a strip of it of
// kDepth x kTileColumns from the L1 cache.
constexpr int64_t kBlockColumns = 96 / kTileColumns * kTileColumns;
constexpr int64_t kDepth = 256;

template <typename T>
void pack_x(const T* x, int64_t stride, int64_t rows, int64_t depth, float* packed) {
  for (int64_t row = 0; row < rows; row += kTileRows, packed += kTileRows * depth) {
    pack_rows(x + row * stride, stride, smaller(kTileRows, rows - row), depth, kTileRows, packed);
  }
}

// Computes the sums of one block over the whole depth, in float32.
template <typename T>
void block_sums(const MatmulBlock<T>& block, float* packed_w, float* sums) {
  const int64_t width = up_to(block.columns, kTileColumns);
  for (int64_t k = 0; k < block.depth; k += kDepth) {
    const int64_t depth = smaller(kDepth, block.depth - k);
    for (int64_t c = 0; c < width; c += kTileColumns) {
      const int64_t count = smaller(kTileColumns, block.columns - c);
      float* strip = packed_w + c * kDepth;
      if (block.transposed) {
        pack_rows(block.w + c * block.w_stride + k, block.w_stride, count, depth, kTileColumns,
                  strip);
      } else {
        pack_columns(block.w + k * block.w_stride + c, block.w_stride, count, depth, kTileColumns,
                     strip);
      }
      for (int64_t row = 0; row < block.rows; row += kTileRows) {
        tile(block.x + row * block.depth + k * kTileRows, strip, depth, sums + row * width + c,
             width, k > 0);
      }
    }
  }
}

template <typename T>
void multiply_block(const MatmulBlock<T>& block, float* workspace) {
  float* packed_w = workspace;
  float* sums = workspace + kBlockColumns * kDepth;
  block_sums(block, packed_w, sums);
  const int64_t width = up_to(block.columns, kTileColumns);
  for (int64_t row = 0; row < block.rows; ++row, sums += width) {
    narrow(sums, block.columns, block.y + row * block.y_stride);
  }
}

inline float sum_of(Vector x) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
}

// y[r, c] = x[r] . w[c] for R rows of x and `columns` rows of w.
template <int R, typename T>
void dots(const float* x, int64_t depth, const T* w, int64_t w_stride, int64_t columns, T* y,
          int64_t y_stride) {
  constexpr int kAtOnce = 2;
  for (int64_t c = 0; c < columns; c += kAtOnce) {
    const T* row[kAtOnce] = {w + c * w_stride, w + smaller(c + 1, columns - 1) * w_stride};
    Vector sum[R][kAtOnce] = {};
    int64_t k = 0;
    for (; k + kLanes <= depth; k += kLanes) {
      const Vector first = load_vector(row[0] + k);
      const Vector second = load_vector(row[1] + k);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const Vector own = load_vector(x + r * depth + k);
        sum[r][0] += own * first;
        sum[r][1] += own * second;
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int i = 0; i < smaller(kAtOnce, columns - c); ++i) {
        float total = sum_of(sum[r][i]);
        for (int64_t j = k; j < depth; ++j) total += x[r * depth + j] * load(row[i][j]);
        store(y[r * y_stride + c + i], total);
      }
    }
  }
}

// For few rows: reads W once, in place.
template <typename T>
void few_rows_nt(const float* x, int64_t rows, int64_t depth, const T* w, int64_t w_stride,
                 int64_t columns, T* y, int64_t y_stride) {
  constexpr int64_t kStrip = 16;  // rows of W that stay in cache for all rows of x
  for (int64_t c = 0; c < columns; c += kStrip) {
    const int64_t count = smaller(kStrip, columns - c);
    const T* strip = w + c * w_stride;
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
      dots<4>(x + row * depth, depth, strip, w_stride, count, y + row * y_stride + c, y_stride);
    }
    const float* rest = x + row * depth;
    T* y_rest = y + row * y_stride + c;
    switch (rows - row) {
      case 3:
        dots<3>(rest, depth, strip, w_stride, count, y_rest, y_stride);
        break;
      case 2:
        dots<2>(rest, depth, strip, w_stride, count, y_rest, y_stride);
        break;
      case 1:
        dots<1>(rest, depth, strip, w_stride, count, y_rest, y_stride);
        break;
      default:
        break;
    }
  }
}

template <typename T>
constexpr MatmulKernels<T> matmul() {
  return {kTileRows, kBlockColumns,     kBlockColumns * kDepth, pack_x<T>,
          widen,     multiply_block<T>, few_rows_nt<T>};
}

}  // namespace

// NOLINTNEXTLINE(misc-use-internal-linkage): dispatch.cpp declares it
extern const MatmulTable kMatmul;
const MatmulTable kMatmul{matmul<float>(), matmul<BFloat16Bits>(), matmul<Float16Bits>()};

}  // namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH
