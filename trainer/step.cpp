#include "trainer/step.h"

#include <ATen/ops/index_select.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/phase.h"
#include "model/forest_pass.h"
#include "model/stage_link.h"
#include "nn/host_copy.h"
#include "nn/losses.h"
#include "nn/ops.h"
#include "trainer/pipeline_schedule.h"

namespace incipit::trainer {
namespace {

using model::ForestPass;

// Returns, per branch, whether it shares coupled targets with another branch. The log-likelihoods
// of such branches must be known before any of them is differentiated.
std::vector<bool> entangled(const ForestCut& cut, const Objective& objective, std::size_t targets) {
  constexpr int kTrunk = -1;
  std::vector<int> branch_of(targets, kTrunk);
  for (std::size_t b = 0; b < cut.branches.size(); ++b) {
    for (const std::int32_t t : cut.branches[b].target_of) branch_of[t] = static_cast<int>(b);
  }
  std::vector<bool> result(cut.branches.size(), false);
  for (const auto& group : objective.coupled()) {
    std::vector<int> branches;
    for (const std::int32_t t : group) {
      if (branch_of[t] != kTrunk) branches.push_back(branch_of[t]);
    }
    const auto differs = [&](int branch) { return branch != branches.front(); };
    if (std::none_of(branches.begin(), branches.end(), differs)) continue;
    for (const int branch : branches) result[branch] = true;
  }
  return result;
}

at::Tensor index_on(at::Device device, std::span<const std::int32_t> target_of) {
  const std::vector<std::int64_t> index(target_of.begin(), target_of.end());
  return nn::upload(index, device);
}

// Whether the backward pass of the forest reaches what is trained.
bool learns(const Forest& forest, const methods::PromptedModel& model) {
  return forest.row_count() > 0 &&
         (model.backbone().weights().trains() || (model.has_head() && !forest.targets.empty()) ||
          !forest.prompt_spans.empty() ||
          std::any_of(forest.resident.begin(), forest.resident.end(),
                      [](const ResidentRows& resident) { return !resident.empty(); }) ||
          std::any_of(forest.adapted_by.begin(), forest.adapted_by.end(),
                      [](int prompt) { return prompt >= 0; }));
}

Objective::Value evaluated(const Objective& objective, const at::Tensor& likelihoods) {
  const Phase phase("loss");
  return objective.evaluate(likelihoods);
}

// One of the cuts of a call of forward_backward(): a trunk and its branches.
class Part {
 public:
  // `teacher`: as that of forward_backward(). `likelihoods`: of all targets of the uncut forest,
  // [targets] float64; receives the part's.
  Part(const methods::PromptedModel& model, ForestCut cut, const Objective& objective,
       bool recompute, const at::Tensor& teacher, const at::Tensor& likelihoods)
      : model_(model),
        backbone_(model.backbone()),
        link_(backbone_),
        objective_(objective),
        teacher_(teacher),
        recompute_(recompute),
        cut_(std::move(cut)),
        trunk_learns_(learns(cut_.trunk, model)),
        ahead_(entangled(cut_, objective, static_cast<std::size_t>(likelihoods.numel()))),
        likelihoods_(likelihoods) {
    trunk_targets_ = index_on(backbone_.device(), cut_.trunk_target_of);
    for (const ForestCut::Branch& branch : cut_.branches) {
      branch_targets_.push_back(index_on(backbone_.device(), branch.target_of));
    }
  }

  void run() {
    agree();
    run_trunk();
    run_ahead();
    run_branches();
    finish_trunk();
  }

 private:
  // All ranks of an FSDP group must run the same number of passes. Ranks with less to compute run
  // passes over empty forests.
  void agree() {
    std::array<std::int64_t, 4> passes{cut_.trunk.row_count() > 0 ? 1 : 0, trunk_learns_ ? 1 : 0,
                                       std::count(ahead_.begin(), ahead_.end(), true),
                                       static_cast<std::int64_t>(cut_.branches.size())};
    backbone_.placement().fsdp->all_reduce_max(std::span<std::int64_t>(passes),
                                               "passes of the step");
    any_trunk_ = passes[0] != 0;
    any_trunk_learns_ = passes[1] != 0;
    most_ahead_ = passes[2];
    cut_.branches.resize(static_cast<std::size_t>(passes[3]));
    branch_targets_.resize(cut_.branches.size(), index_on(backbone_.device(), {}));
  }

  // `targets` are as in keep_likelihoods().
  [[nodiscard]] at::Tensor teacher_of(const at::Tensor& targets) const {
    return teacher_.defined() ? teacher_.index_select(0, targets) : at::Tensor();
  }

  // Runs forward through all stages, one after the other.
  [[nodiscard]] ForestPass pass_through(const Forest& forest, const at::Tensor& targets,
                                        const model::ForestPassOptions& options) {
    ForestPass pass = model_.forward(forest, options);
    keep_likelihoods(pass, targets);
    return pass;
  }

  // `targets` are the numbers of the pass's targets in the uncut forest.
  void keep_likelihoods(const ForestPass& pass, const at::Tensor& targets) {
    nn::put_log_likelihoods(likelihoods_, targets, pass.log_likelihoods());
  }

  // Returns d loss / d log-likelihood for a pass; `targets` as keep_likelihoods().
  [[nodiscard]] at::Tensor gradient_of(const at::Tensor& targets) const {
    return nn::pick(evaluated(objective_, likelihoods_).gradient, targets);
  }

  void run_trunk() {
    if (!any_trunk_) return;
    trunk_.emplace(pass_through(cut_.trunk, trunk_targets_,
                                {.for_backward = any_trunk_learns_,
                                 .recompute = recompute_,
                                 .keep_keys_values = true,
                                 .teacher = teacher_of(trunk_targets_)}));
    if (any_trunk_learns_) trunk_->keys_values().enable_gradients();
  }

  void finish_trunk() {
    if (!any_trunk_learns_) return;
    link_.send_gradient(model_.backward(*trunk_, gradient_of(trunk_targets_),
                                        link_.receive_gradient(cut_.trunk.row_count())));
  }

  void run_ahead() {
    std::int64_t left = most_ahead_;
    for (std::size_t b = 0; b < ahead_.size(); ++b) {
      if (!ahead_[b]) continue;
      (void)pass_through(cut_.branches[b].forest, branch_targets_[b],
                         {.residents = residents(), .teacher = teacher_of(branch_targets_[b])});
      --left;
    }
    for (; left > 0; --left) (void)pass_through({}, index_on(backbone_.device(), {}), {});
  }

  [[nodiscard]] std::vector<nn::KeyValueStore*> residents() {
    return trunk_ ? std::vector{&trunk_->keys_values()} : std::vector<nn::KeyValueStore*>{};
  }

  void run_branches() {
    const comm::Communicator& stages = *backbone_.placement().pipeline;
    flying_.resize(cut_.branches.size());
    const std::vector<PipelineEvent> events =
        pipeline_schedule(stages.size(), stages.rank(), static_cast<int>(cut_.branches.size()));
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (computes(events[i])) expect_received(std::span(events).subspan(i + 1));
      handle(events[i]);
    }
  }

  // What the next computation needs may arrive during this one.
  void expect_received(std::span<const PipelineEvent> later) {
    for (const PipelineEvent& event : later) {
      if (computes(event)) return;
      if (receives_input(event)) link_.expect_input(rows(event.forward));
      if (receives_gradient(event)) link_.expect_gradient(rows(event.backward));
    }
  }

  // A branch between its forward and backward pass, and the tensors received for it.
  struct Flying {
    at::Tensor input;
    std::optional<ForestPass> pass;
    at::Tensor grad_output;
    at::Tensor grad_input;
  };

  void handle(const PipelineEvent& event) {
    using Kind = PipelineEvent::Kind;
    Flying* const forward = event.forward < 0 ? nullptr : &flying_[event.forward];
    Flying* const backward = event.backward < 0 ? nullptr : &flying_[event.backward];
    switch (event.kind) {
      case Kind::kReceiveInput:
        forward->input = link_.receive_input(rows(event.forward));
        break;
      case Kind::kForward:
        run_forward(event.forward);
        break;
      case Kind::kSendOutput:
        link_.send_output(forward->pass->output());
        break;
      case Kind::kReceiveGradient:
        backward->grad_output = link_.receive_gradient(rows(event.backward));
        break;
      case Kind::kBackward:
        run_backward(event.backward);
        break;
      case Kind::kSendGradient:
        link_.send_gradient(backward->grad_input);
        backward->grad_input.reset();
        break;
      case Kind::kSendOutputReceiveGradient:
        backward->grad_output =
            link_.send_output_receive_gradient(forward->pass->output(), rows(event.backward));
        break;
      case Kind::kSendGradientReceiveInput:
        forward->input =
            link_.send_gradient_receive_input(backward->grad_input, rows(event.forward));
        backward->grad_input.reset();
        break;
    }
  }

  [[nodiscard]] std::int64_t rows(int branch) const {
    return cut_.branches[branch].forest.row_count();
  }

  void run_forward(int branch) {
    Flying& flying = flying_[branch];
    flying.pass.emplace(model_.stage_forward(cut_.branches[branch].forest,
                                             {.for_backward = true,
                                              .recompute = recompute_,
                                              .residents = residents(),
                                              .teacher = teacher_of(branch_targets_[branch]),
                                              .input = std::move(flying.input)}));
    keep_likelihoods(*flying.pass, branch_targets_[branch]);
  }

  void run_backward(int branch) {
    Flying& flying = flying_[branch];
    flying.grad_input = model_.backward(*flying.pass, gradient_of(branch_targets_[branch]),
                                        std::move(flying.grad_output));
    flying.pass.reset();
  }

  const methods::PromptedModel& model_;
  const model::Backbone& backbone_;
  model::StageLink link_;
  const Objective& objective_;
  const at::Tensor teacher_;  // by target of the uncut forest; undefined: none
  const bool recompute_;
  ForestCut cut_;  // with empty branches where other ranks have more
  const bool trunk_learns_;
  const std::vector<bool> ahead_;  // per branch: runs an extra forward pass first
  // Maxima over the ranks of an FSDP group.
  bool any_trunk_ = false;
  bool any_trunk_learns_ = false;
  std::int64_t most_ahead_ = 0;

  // Indices into the targets of the uncut forest.
  at::Tensor trunk_targets_;
  std::vector<at::Tensor> branch_targets_;
  const at::Tensor likelihoods_;  // 0 until they have been computed
  std::optional<ForestPass> trunk_;
  std::vector<Flying> flying_;
};

}  // namespace

MicroBatches micro_batches(const TrainOptions& options, int stages) {
  const int automatic = stages > 1 ? 2 * stages : 1;
  return {.max_rows = options.micro_batch_tokens,
          .at_least = options.micro_batches > 0 ? options.micro_batches : automatic,
          .recompute = options.recompute == Recompute::kLayer};
}

StepSums forward_backward(const methods::PromptedModel& model, const Forest& forest,
                          const Objective& objective, const MicroBatches& micro_batches,
                          const at::Tensor& teacher) {
  const model::Backbone& backbone = model.backbone();
  std::vector<ForestCut> parts;
  if (forest.row_count() > 0) {
    parts = cut_into_parts(forest, micro_batches.max_rows, micro_batches.at_least, model.stores());
  }
  const auto most = backbone.placement().fsdp->all_reduce_max(std::ssize(parts), "parts of a step");
  parts.resize(static_cast<std::size_t>(most));
  const at::TensorOptions numbers = at::TensorOptions(backbone.device()).dtype(at::kDouble);
  const at::Tensor likelihoods = nn::ops::zeros({std::ssize(forest.targets)}, numbers);
  for (ForestCut& part : parts) {
    Part(model, std::move(part), objective, micro_batches.recompute, teacher, likelihoods).run();
  }
  const Objective::Value value = evaluated(objective, likelihoods);
  if (!backbone.partition().scores) {
    return {.loss = nn::ops::zeros({}, numbers), .log_likelihoods = likelihoods};
  }
  return {.loss = value.loss,
          .count = objective.count(),
          .rows = forest.row_count(),
          .log_likelihoods = likelihoods};
}

}  // namespace incipit::trainer
