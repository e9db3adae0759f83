// Which prompts a training step updates, decided on the device.
//
// Prompts are in groups of equally many. A group is updated if its loss and its gradient are finite
// on every rank; otherwise all of its prompts stay as they were.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

struct GroupNumbers {
  at::Tensor squares;     // [groups] float64: sums of the squares of the gradients
  at::Tensor not_finite;  // [groups] float64: 1 or 0; the caller sums it over the ranks
};

// totals [groups, 2]: sum of the losses, count; squares [groups, prompts of a group]: of the
// gradients. Both are float64 and contiguous.
[[nodiscard]] GroupNumbers check_finite(const at::Tensor& totals, const at::Tensor& squares);

// The numbers of a whole step, parts of one tensor of float64.
struct StepTotals {
  at::Tensor totals;       // [2]: sum of the losses, count
  at::Tensor squares;      // []: of the gradients
  at::Tensor none_finite;  // []: 1 or 0
};

// Returns which prompts are updated, [groups * prompts] bool: those of finite groups that have
// examples, a count above 0 in `prompt_totals` [prompts, 2] (undefined: all have). Sets `to`: to
// the numbers of a single group, or to sums over the finite ones. `totals` as check_finite(), and
// may be to.totals; `prompts` of each group.
[[nodiscard]] at::Tensor decide_updates(const GroupNumbers& groups, const at::Tensor& totals,
                                        const at::Tensor& prompt_totals, std::int64_t prompts,
                                        const StepTotals& to);

}  // namespace incipit::nn
