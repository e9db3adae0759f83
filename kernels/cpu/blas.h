// Row-major matmuls with the BLAS inside libtorch.
#pragma once

#include <cstdint>

extern "C" {
void sgemm_(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
            const int* k, const float* alpha, const float* a, const int* lda, const float* b,
            const int* ldb, const float* beta, float* c, const int* ldc);
void dgemm_(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
            const int* k, const double* alpha, const double* a, const int* lda, const double* b,
            const int* ldb, const double* beta, double* c, const int* ldc);
}

namespace incipit::kernels::cpu {

namespace detail {

// BLAS is column-major, so a row-major C = A B is computed as C^T = B^T A^T.
template <typename A>
void gemm(char transpose_a, char transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          A alpha, const A* a, std::int64_t lda, const A* b, std::int64_t ldb, A beta, A* c,
          std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  const int rows = static_cast<int>(n), columns = static_cast<int>(m), depth = static_cast<int>(k);
  const int stride_a = static_cast<int>(lda), stride_b = static_cast<int>(ldb);
  const int stride_c = static_cast<int>(ldc);
  if constexpr (sizeof(A) == sizeof(float)) {
    sgemm_(&transpose_b, &transpose_a, &rows, &columns, &depth, &alpha, b, &stride_b, a, &stride_a,
           &beta, c, &stride_c);
  } else {
    dgemm_(&transpose_b, &transpose_a, &rows, &columns, &depth, &alpha, b, &stride_b, a, &stride_a,
           &beta, c, &stride_c);
  }
}

}  // namespace detail

// C[m, n] = alpha A[m, k] B[k, n] + beta C
template <typename A>
void gemm_nn(std::int64_t m, std::int64_t n, std::int64_t k, A alpha, const A* a, std::int64_t lda,
             const A* b, std::int64_t ldb, A beta, A* c, std::int64_t ldc) {
  detail::gemm('N', 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

// C[m, n] = alpha A[m, k] B[n, k]^T + beta C
template <typename A>
void gemm_nt(std::int64_t m, std::int64_t n, std::int64_t k, A alpha, const A* a, std::int64_t lda,
             const A* b, std::int64_t ldb, A beta, A* c, std::int64_t ldc) {
  detail::gemm('N', 'T', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

// C[m, n] = alpha A[k, m]^T B[k, n] + beta C
template <typename A>
void gemm_tn(std::int64_t m, std::int64_t n, std::int64_t k, A alpha, const A* a, std::int64_t lda,
             const A* b, std::int64_t ldb, A beta, A* c, std::int64_t ldc) {
  detail::gemm('T', 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace incipit::kernels::cpu
