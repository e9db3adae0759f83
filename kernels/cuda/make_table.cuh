// The table of kernels, for whichever of device and host this is compiled for.
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/dense_attention.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/optimizer.cuh"
#include "kernels/cuda/vocabulary.cuh"

namespace incipit::kernels::cuda {

inline Table make_table(const char* (*last_error)()) {
  return {.last_error = last_error,
          .norm = norm,
          .norm_backward = norm_backward,
          .rotate = rotate,
          .activate = activate,
          .activate_backward = activate_backward,
          .add = add,
          .gather_rows = gather_rows,
          .expand_rows = expand_rows,
          .gather_columns = gather_columns,
          .merge = merge,
          .sum_gradients = sum_gradients,
          .dense_forward = dense_forward,
          .dense_backward = dense_backward,
          .embed = embed,
          .score_rows = score_rows,
          .combine_scores = combine_scores,
          .logit_gradient = logit_gradient,
          .adamw = adamw,
          .adafactor = adafactor,
          .sgd = sgd,
          .sum_of_squares = sum_of_squares,
          .clip_by_norm = clip_by_norm};
}

}  // namespace incipit::kernels::cuda
