#include "tests/conformance/steps.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <span>
#include <utility>

#include "comm/replicas.h"
#include "comm/single.h"
#include "nn/collectives.h"
#include "trainer/objective.h"

namespace incipit::conformance {
namespace {

void check_replicas(const methods::Trainable& trained, const comm::Mesh& mesh) {
  std::vector<comm::Replica> replicas;
  for (const methods::Parameter& parameter : trained.parameters()) {
    replicas.push_back({parameter.name, nn::bytes_of(parameter.grad)});
  }
  comm::check_replicas(mesh.along(trained.replicated_over()), replicas);
}

// Returns hidden states of a teacher, a function of the position of each target's row.
at::Tensor made_up_teacher(const Forest& forest, const model::Backbone& backbone) {
  const std::int64_t width = backbone.spec().hidden_size;
  const at::Tensor columns = at::arange(width, at::kDouble);
  at::Tensor hidden = at::empty({std::ssize(forest.targets), width}, at::kDouble);
  for (std::int64_t t = 0; t < hidden.size(0); ++t) {
    const Target& target = forest.targets[static_cast<std::size_t>(t)];
    const std::int64_t position = forest.positions[static_cast<std::size_t>(target.row)];
    hidden.select(0, t).copy_(columns.mul(0.37).add_(position).sin_());
  }
  return hidden.to(backbone.dtype());
}

}  // namespace

const comm::Mesh& one_rank() {
  static const comm::Mesh mesh(comm::make_single(), {});
  return mesh;
}

trainer::StepSums run_passes(methods::PromptedModel& model, const std::vector<Sequence>& batch,
                             const StepWay& way) {
  const Forest forest = pack(batch, way.min_shared_rows).forest;
  const auto objective = trainer::target_token_objective(forest, model.backbone().device());
  const at::Tensor teacher = way.distils ? made_up_teacher(forest, model.backbone()) : at::Tensor();
  model.start_gradients();
  const auto sums = trainer::forward_backward(
      model, forest, *objective, {.max_rows = way.max_rows, .recompute = way.recompute}, teacher);
  model.collect_gradients();
  return sums;
}

Outcome step(methods::PromptedModel& model, const std::vector<Sequence>& batch,
             const StepWay& way) {
  const auto sums = run_passes(model, batch, way);
  Outcome outcome{sums.loss.item<double>(), {}};
  model.sum_gradients(way.mesh);
  way.mesh.along(comm::kBatch | comm::kPipeline)
      .all_reduce_sum(std::span<double>(&outcome.loss, 1), "loss");
  model.finish_gradients(1);
  for (std::size_t i = 0; i < model.prompt_count(); ++i) {
    if (model.is_frozen(i)) continue;
    const methods::Trainable& trained = model.prompt(i);
    check_replicas(trained, way.mesh);
    std::vector<at::Tensor> parts;
    for (const methods::Parameter& parameter : trained.parameters()) {
      parts.push_back(parameter.grad);
    }
    for (auto& [name, gradient] : trained.whole(way.mesh, parts)) {
      outcome.gradients[std::to_string(i) + "." + name] = std::move(gradient);
    }
  }
  return outcome;
}

}  // namespace incipit::conformance
