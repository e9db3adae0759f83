// The parts of a matmul in float32 arithmetic, for numbers stored as float32, bfloat16 or float16.
// Compiled once per instruction set; like kernels.h, without torch and the C++ library.
// kernels/cpu/matmul.cpp divides a matmul into blocks and distributes them over threads.
//
// A sum runs over the depth in a fixed order, whatever the blocks and threads: a result depends
// only on the instruction set, the depth and the number of rows.
#pragma once

#include "kernels/cpu/kernels.h"

namespace incipit::kernels::cpu {

// y[rows, columns] = x[rows, depth] W, with W[depth, columns]. If transposed, x W^T with
// W[columns, depth].
template <typename T>
struct MatmulBlock {
  const float* x;  // packed by pack_x
  int64_t rows, depth;
  const T* w;
  int64_t w_stride;
  bool transposed;
  int64_t columns;  // at most block_columns
  T* y;
  int64_t y_stride;
};

template <typename T>
struct MatmulKernels {
  int64_t tile_rows;       // packed rows are padded to a multiple of this
  int64_t block_columns;   // maximum number of columns of a block
  int64_t packed_numbers;  // float32 numbers of workspace for W; the sums need another
                           // padded rows * block_columns

  // Widens and packs rows of x: padded rows * depth numbers.
  void (*pack_x)(const T* x, int64_t stride, int64_t rows, int64_t depth, float* packed);
  void (*widen)(const T* x, int64_t count, float* y);
  void (*multiply_block)(const MatmulBlock<T>& block, float* workspace);
  // y[rows, columns] = x W^T, with x [rows, depth] in float32, contiguous. Reads W once and in
  // place, so that memory bandwidth is the limit for few rows.
  void (*few_rows_nt)(const float* x, int64_t rows, int64_t depth, const T* w, int64_t w_stride,
                      int64_t columns, T* y, int64_t y_stride);
};

struct MatmulTable {
  MatmulKernels<float> float32;
  MatmulKernels<BFloat16Bits> bfloat16;
  MatmulKernels<Float16Bits> float16;
};

template <typename T>
const MatmulKernels<T>& matmul_kernels();

}  // namespace incipit::kernels::cpu
