// The table of kernels, for whichever of device and host this is compiled for.
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/dense_attention.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/optimizer.cuh"
#include "kernels/cuda/step.cuh"
#include "kernels/cuda/vocabulary.cuh"

namespace incipit::kernels::cuda {

inline Table make_table(const char* (*last_error)()) {
  return {.last_error = last_error,
          .norm = norm,
          .norm_backward = norm_backward,
          .rotary_table = rotary_table,
          .rotate = rotate,
          .activate = activate,
          .activate_backward = activate_backward,
          .add = add,
          .accumulate = accumulate,
          .convert = convert,
          .clear = clear,
          .gather_rows = gather_rows,
          .mask_rows = mask_rows,
          .expand_rows = expand_rows,
          .put_rows = put_rows,
          .gather_columns = gather_columns,
          .merge = merge,
          .sum_gradients = sum_gradients,
          .dense_forward = dense_forward,
          .dense_backward = dense_backward,
          .embed = embed,
          .score_rows = score_rows,
          .combine_scores = combine_scores,
          .logit_gradient = logit_gradient,
          .scatter_numbers = scatter_numbers,
          .gather_numbers = gather_numbers,
          .token_loss = token_loss,
          .candidate_loss = candidate_loss,
          .check_finite = check_finite,
          .decide_updates = decide_updates,
          .count_steps = count_steps,
          .divide = divide,
          .adamw = adamw,
          .adafactor = adafactor,
          .sgd = sgd,
          .sum_of_squares = sum_of_squares,
          .clip_by_norm = clip_by_norm};
}

}  // namespace incipit::kernels::cuda
