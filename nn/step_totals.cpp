#include "nn/step_totals.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include "nn/device_path.h"

namespace incipit::nn {
namespace {

double* doubles_of(const at::Tensor& x) { return x.mutable_data_ptr<double>(); }

// decide_updates() without kernels.
at::Tensor composed_updates(const GroupNumbers& groups, const at::Tensor& totals,
                            const at::Tensor& prompt_totals, std::int64_t prompts,
                            const StepTotals& to) {
  const at::Tensor finite = groups.not_finite == 0;
  const auto sum = [&](const at::Tensor& of_groups) {
    return finite.numel() == 1 ? of_groups.squeeze(0)
                               : of_groups.masked_fill(finite.bitwise_not(), 0).sum();
  };
  at::Tensor(to.squares).copy_(sum(groups.squares));
  at::Tensor(to.none_finite).copy_(finite.any().bitwise_not());
  for (const std::int64_t i : {0, 1}) {
    at::Tensor number = to.totals.select(0, i);
    number.copy_(sum(totals.select(1, i)));
  }
  const at::Tensor learns = finite.unsqueeze(1).expand({finite.size(0), prompts}).flatten();
  return prompt_totals.defined() ? learns.bitwise_and(prompt_totals.select(1, 1) > 0) : learns;
}

}  // namespace

GroupNumbers check_finite(const at::Tensor& totals, const at::Tensor& squares) {
  const DevicePath* const path = device_path(totals.device());
  if (path == nullptr) {
    const at::Tensor sums = squares.sum(1);
    const at::Tensor finite =
        at::isfinite(totals.select(1, 0) / totals.select(1, 1)).bitwise_and_(at::isfinite(sums));
    return {sums, finite.bitwise_not().to(at::kDouble)};
  }
  const auto make = [&] { return at::empty({totals.size(0)}, totals.options()); };
  const GroupNumbers groups{make(), make()};
  launch(*path, totals.device(), path->kernels->check_finite,
         kernels::cuda::CheckFinite{.groups = squares.size(0),
                                    .prompts = squares.size(1),
                                    .totals = totals.const_data_ptr<double>(),
                                    .squares = squares.const_data_ptr<double>(),
                                    .group_squares = doubles_of(groups.squares),
                                    .not_finite = doubles_of(groups.not_finite)});
  return groups;
}

at::Tensor decide_updates(const GroupNumbers& groups, const at::Tensor& totals,
                          const at::Tensor& prompt_totals, std::int64_t prompts,
                          const StepTotals& to) {
  const DevicePath* const path = device_path(totals.device());
  if (path == nullptr) return composed_updates(groups, totals, prompt_totals, prompts, to);
  const at::Tensor learns =
      at::empty({groups.squares.size(0) * prompts}, totals.options().dtype(at::kBool));
  launch(*path, totals.device(), path->kernels->decide_updates,
         kernels::cuda::DecideUpdates{.groups = groups.squares.size(0),
                                      .prompts = prompts,
                                      .not_finite = doubles_of(groups.not_finite),
                                      .group_squares = doubles_of(groups.squares),
                                      .group_totals = totals.const_data_ptr<double>(),
                                      .prompt_totals = prompt_totals.defined()
                                                           ? prompt_totals.const_data_ptr<double>()
                                                           : nullptr,
                                      .totals = doubles_of(to.totals),
                                      .squares = doubles_of(to.squares),
                                      .none_finite = doubles_of(to.none_finite),
                                      .learns = learns.mutable_data_ptr<bool>()});
  return learns;
}

}  // namespace incipit::nn
