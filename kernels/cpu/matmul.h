// Matmuls with a weight stored in 16 bits (or in float32), in float32 arithmetic, on all OpenMP
// threads. The weight in memory is not converted: blocks of it are widened where they are used.
// Row-major plain memory. Not collective.
//
// In addition to the operands, a matmul needs memory for float32 copies of at most kRowsAtOnce rows
// of x and, per thread, of a block of the weight and of its sums.
#pragma once

#include <stdint.h>

#include "kernels/cpu/matmul_kernels.h"

namespace incipit::kernels::cpu {

// The number of rows of x that are widened at a time.
constexpr int64_t kRowsAtOnce = 1024;

template <typename T>
struct MatmulShape {
  int64_t rows, depth, columns;
  int64_t x_stride;  // numbers from one row of x to the next
};

// y[rows, columns] = x[rows, depth] W^T; W[columns, depth] is contiguous.
template <typename T>
void matmul_nt(const MatmulShape<T>& shape, const T* x, const T* w, T* y);

// y[rows, columns] = x[rows, depth] W; W[depth, columns] is contiguous.
template <typename T>
void matmul_nn(const MatmulShape<T>& shape, const T* x, const T* w, T* y);

}  // namespace incipit::kernels::cpu
