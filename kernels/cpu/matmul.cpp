#include "kernels/cpu/matmul.h"

#include <omp.h>

#include <algorithm>
#include <vector>

namespace incipit::kernels::cpu {
namespace {

// Up to this number of rows, x W^T reads W once in place; for more rows, packing W pays off. Tiles
// of few rows are mostly padding, so the limit depends on the tile.
template <typename T>
int64_t few_rows() {
  return 2 * matmul_kernels<T>().tile_rows;
}

template <typename T>
void multiply_few(const MatmulShape<T>& shape, const T* x, const T* w, T* y) {
  const MatmulKernels<T>& kernels = matmul_kernels<T>();
  std::vector<float> wide(static_cast<std::size_t>(shape.rows * shape.depth));
  for (int64_t row = 0; row < shape.rows; ++row) {
    kernels.widen(x + row * shape.x_stride, shape.depth, wide.data() + row * shape.depth);
  }
  constexpr int64_t kStrip = 64;  // columns of a task
  const int64_t strips = (shape.columns + kStrip - 1) / kStrip;
#pragma omp parallel for schedule(static)
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t c = strip * kStrip;
    kernels.few_rows_nt(wide.data(), shape.rows, shape.depth, w + c * shape.depth, shape.depth,
                        std::min(kStrip, shape.columns - c), y + c, shape.columns);
  }
}

// Returns the rows of one task, such that every thread gets several tasks and all finish together.
int64_t rows_of_task(int64_t rows, int64_t column_blocks, int64_t tile_rows) {
  constexpr int64_t kMost = 512, kLeast = 64, kTasksPerThread = 4;
  int64_t height = kMost;
  const int64_t wanted = kTasksPerThread * omp_get_max_threads();
  while (height > kLeast && column_blocks * ((rows + height - 1) / height) < wanted) height /= 2;
  return std::max(height / tile_rows, int64_t{1}) * tile_rows;
}

// Multiplies at most kRowsAtOnce rows.
template <typename T>
void multiply_rows(const MatmulShape<T>& shape, const T* x, const T* w, bool transposed, T* y,
                   std::vector<float>& packed) {
  const MatmulKernels<T>& kernels = matmul_kernels<T>();
  const int64_t tile = kernels.tile_rows;
  const int64_t row_tiles = (shape.rows + tile - 1) / tile;
  packed.resize(static_cast<std::size_t>(row_tiles * tile * shape.depth));
  const int64_t column_blocks = (shape.columns + kernels.block_columns - 1) / kernels.block_columns;
  const int64_t height = rows_of_task(shape.rows, column_blocks, tile);
  const int64_t row_blocks = (shape.rows + height - 1) / height;
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int64_t t = 0; t < row_tiles; ++t) {
      kernels.pack_x(x + t * tile * shape.x_stride, shape.x_stride,
                     std::min(tile, shape.rows - t * tile), shape.depth,
                     packed.data() + t * tile * shape.depth);
    }
    std::vector<float> workspace(
        static_cast<std::size_t>(kernels.packed_numbers + height * kernels.block_columns));
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < column_blocks * row_blocks; ++task) {
      const int64_t column = task / row_blocks * kernels.block_columns;
      const int64_t row = task % row_blocks * height;
      kernels.multiply_block({.x = packed.data() + row * shape.depth,
                              .rows = std::min(height, shape.rows - row),
                              .depth = shape.depth,
                              .w = w + (transposed ? column * shape.depth : column),
                              .w_stride = transposed ? shape.depth : shape.columns,
                              .transposed = transposed,
                              .columns = std::min(kernels.block_columns, shape.columns - column),
                              .y = y + row * shape.columns + column,
                              .y_stride = shape.columns},
                             workspace.data());
    }
  }
}

template <typename T>
void multiply(MatmulShape<T> shape, const T* x, const T* w, bool transposed, T* y) {
  if (shape.rows == 0 || shape.columns == 0) return;
  if (shape.depth == 0) {
    std::fill_n(y, shape.rows * shape.columns, T{});
    return;
  }
  std::vector<float> packed;
  const int64_t rows = shape.rows;
  for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
    shape.rows = std::min(kRowsAtOnce, rows - row);
    multiply_rows(shape, x + row * shape.x_stride, w, transposed, y + row * shape.columns, packed);
  }
}

}  // namespace

template <typename T>
void matmul_nt(const MatmulShape<T>& shape, const T* x, const T* w, T* y) {
  if (shape.rows <= few_rows<T>() && shape.depth > 0) return multiply_few(shape, x, w, y);
  multiply(shape, x, w, /*transposed=*/true, y);
}

template <typename T>
void matmul_nn(const MatmulShape<T>& shape, const T* x, const T* w, T* y) {
  multiply(shape, x, w, /*transposed=*/false, y);
}

template void matmul_nt(const MatmulShape<float>&, const float*, const float*, float*);
template void matmul_nn(const MatmulShape<float>&, const float*, const float*, float*);
template void matmul_nt(const MatmulShape<BFloat16Bits>&, const BFloat16Bits*, const BFloat16Bits*,
                        BFloat16Bits*);
template void matmul_nn(const MatmulShape<BFloat16Bits>&, const BFloat16Bits*, const BFloat16Bits*,
                        BFloat16Bits*);
template void matmul_nt(const MatmulShape<Float16Bits>&, const Float16Bits*, const Float16Bits*,
                        Float16Bits*);
template void matmul_nn(const MatmulShape<Float16Bits>&, const Float16Bits*, const Float16Bits*,
                        Float16Bits*);

}  // namespace incipit::kernels::cpu
