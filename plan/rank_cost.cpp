#include "plan/rank_cost.h"

#include <ATen/core/LegacyTypeDispatch.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "comm/mesh.h"
#include "core/check.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"
#include "model/backbone.h"
#include "nn/flops.h"
#include "nn/ledger.h"
#include "trainer/optimizer.h"
#include "trainer/train_step.h"

namespace incipit::plan {
namespace {

at::ScalarType dtype_of(int number_bytes) { return number_bytes == 2 ? at::kBFloat16 : at::kFloat; }

// Returns the number of tasks that have rows of their own in a prompt.
std::int64_t tasks_with_rows(const Workload& w) {
  if (!methods::has_rows_by_task(w.method)) return 1;
  return std::max<std::int64_t>(1, std::ssize(w.method.tasks));
}

// Examples of equal length that begin differently.
Forest forest_of(std::int64_t examples, const methods::PromptedModel& model, const Workload& w) {
  const model::ModelSpec& spec = model.backbone().spec();
  const std::int64_t vocabulary = spec.vocab_size;
  const std::int64_t targets = std::min(w.target_rows, w.example_rows);
  std::vector<Sequence> sequences(static_cast<std::size_t>(examples));
  for (std::int64_t i = 0; i < examples; ++i) {
    Sequence& sequence = sequences[i];
    sequence.append_prompt(model.rows(i % w.prompts, i % tasks_with_rows(w)));
    std::vector<TokenId> tokens(static_cast<std::size_t>(w.example_rows), 0);
    std::int64_t number = i;
    for (auto token = tokens.begin(); token != tokens.end() && number > 0; ++token) {
      *token = static_cast<TokenId>(number % vocabulary);
      number /= vocabulary;
    }
    // An encoder-decoder's targets are in the decoder.
    const std::int64_t source = w.example_rows - targets;
    sequence.append_tokens(std::span(tokens).first(source));
    if (spec.has_encoder()) sequence.start_decoder();
    sequence.append_tokens(std::span(tokens).subspan(source));
    for (std::int64_t t = 1; t <= targets; ++t) {
      sequence.predictions.push_back({std::ssize(sequence.inputs) - t, 0, 1});
    }
  }
  return pack(sequences, spec.is_causal() ? 1 : 0).forest;
}

// Counts since the start of a step.
struct Counts {
  double flops = 0;
  std::vector<comm::Sent> sent;
};

// A rank, with the model, the prompts and the optimizer of a run.
class Rank {
 public:
  Rank(const model::ModelSpec& spec, const comm::MeshShape& shape, int rank, const Workload& w)
      : w_(w),
        mesh_(comm::make_counting(shape, rank, sent_), shape),
        backbone_(
            model::Backbone::without_data(spec, dtype_of(w.number_bytes), model::Placement(mesh_))),
        model_(backbone_, prompts(spec)),
        optimizer_(trainer::make_optimizer(w.train.optimizer, parameters())) {}

  [[nodiscard]] const methods::PromptedModel& model() const { return model_; }
  [[nodiscard]] const comm::MeshShape& shape() const { return mesh_.shape(); }
  [[nodiscard]] int stages_from_here() const {
    return shape().pipeline - mesh_.position().pipeline;
  }

  // The step of training.
  [[nodiscard]] Counts step(const Forest& forest, const trainer::MicroBatches& micro_batches) {
    sent_ = {};
    const double flops = nn::counted_flops();
    (void)trainer::run_step(
        model_, *optimizer_, mesh_,
        {.forest = forest,
         .objective = trainer::target_token_objective(forest, backbone_.device())},
        {.micro_batches = micro_batches, .max_grad_norm = w_.train.max_grad_norm});
    return {nn::counted_flops() - flops, sent_.all()};
  }

  [[nodiscard]] RankBytes bytes() const {
    const nn::LedgerSnapshot seen = recording_.snapshot();
    const auto peak = [&](nn::MemoryKind kind) { return seen.of(kind).peak_bytes; };
    return {.weights = static_cast<double>(backbone_.weight_bytes()),
            .activations = peak(nn::MemoryKind::kActivations),
            .optimizer = peak(nn::MemoryKind::kOptimizer),
            .buffers = peak(nn::MemoryKind::kBuffers),
            .all = seen.total.peak_bytes};
  }

 private:
  [[nodiscard]] std::vector<std::shared_ptr<methods::Trainable>> prompts(
      const model::ModelSpec& spec) const {
    std::vector<std::shared_ptr<methods::Trainable>> all;
    for (std::int64_t i = 0; w_.method.trains() && i < w_.prompts; ++i) {
      all.push_back(
          methods::make_trainable_without_data(w_.method, spec, std::to_string(i), w_.head));
    }
    return all;
  }

  [[nodiscard]] std::vector<trainer::ParameterGroup> parameters() const {
    std::vector<trainer::ParameterGroup> all;
    for (std::size_t i = 0; i < model_.prompt_count(); ++i) {
      all.push_back(model_.prompt(i).parameters());
    }
    return all;
  }

  const Workload& w_;
  nn::LedgerRecording recording_;
  comm::SentBytes sent_;
  comm::Mesh mesh_;
  model::Backbone backbone_;
  methods::PromptedModel model_;
  std::unique_ptr<trainer::Optimizer> optimizer_;
};

// Adds `times` x (more - less) to `cost`.
void add_difference(const Counts& less, const Counts& more, double times, RankCost& cost) {
  cost.flops += times * (more.flops - less.flops);
  for (comm::Sent& sent : cost.sent) {
    const auto bytes = [&](const Counts& counts) {
      for (const comm::Sent& other : counts.sent) {
        if (other.over == sent.over && other.purpose == sent.purpose &&
            other.overlaps == sent.overlaps) {
          return other.bytes;
        }
      }
      return 0.0;
    };
    sent.bytes += times * (bytes(more) - bytes(less));
  }
}

}  // namespace

std::vector<int> distinct_ranks(const model::ModelSpec& spec, const comm::MeshShape& shape) {
  std::vector<int> ranks;
  for (int stage = 0; stage < shape.pipeline; ++stage) {
    std::vector<model::Partition> seen;
    for (int tensor = 0; tensor < shape.tensor; ++tensor) {
      const auto part = model::partition_of(spec, shape.pipeline, stage, shape.tensor, tensor);
      const bool is_known = std::any_of(seen.begin(), seen.end(), [&](const auto& other) {
        return other.vocabulary.size() == part.vocabulary.size() &&
               other.outputs.size() == part.outputs.size() &&
               std::equal(other.shares.begin(), other.shares.end(), part.shares.begin(),
                          part.shares.end(), [](const auto& a, const auto& b) {
                            return a.heads.size() == b.heads.size() &&
                                   a.kv_heads.size() == b.kv_heads.size() &&
                                   a.columns.size() == b.columns.size();
                          });
      });
      if (is_known) continue;
      seen.push_back(part);
      ranks.push_back(stage * shape.tensor + tensor);
    }
  }
  return ranks;
}

double weight_bytes(const model::ModelSpec& spec, const comm::MeshShape& shape, int rank,
                    int number_bytes) {
  comm::SentBytes unused;
  const comm::Mesh mesh(comm::make_counting(shape, rank, unused), shape);
  return static_cast<double>(
      model::Backbone::without_data(spec, dtype_of(number_bytes), model::Placement(mesh))
          .weight_bytes());
}

RankCost rank_cost(const model::ModelSpec& spec, const comm::MeshShape& shape, int rank,
                   const Workload& w) {
  INCIPIT_CHECK(w.train.batch_size >= 1 && w.example_rows >= 1 && w.prompts >= 1);
  const at::AutoDispatchBelowADInplaceOrView no_autograd;  // twice as fast
  Rank self(spec, shape, rank, w);
  const std::int64_t copies = shape.data * shape.fsdp;
  const std::int64_t examples = (w.train.batch_size + copies - 1) / copies;
  const Forest whole = forest_of(examples, self.model(), w);
  trainer::MicroBatches micro_batches = trainer::micro_batches(w.train, shape.pipeline);
  const ForestCut cut = cut_below_shared(whole, micro_batches.max_rows, micro_batches.at_least,
                                         self.model().stores());
  const auto rows = [](const Forest& forest) { return static_cast<double>(forest.row_count()); };
  RankCost cost;
  cost.trunk = rows(cut.trunk) / rows(whole);
  // A stage has at most this many micro-batches in flight; more of them only repeat themselves.
  // Enough examples that every prompt's are cut.
  const std::int64_t some = (self.stages_from_here() + 1) * w.prompts * tasks_with_rows(w);
  if (std::ssize(cut.branches) <= some + 1) {
    cost.micro_batches = static_cast<double>(cut.branches.size());
    Counts counts = self.step(whole, micro_batches);
    cost.flops = counts.flops;
    cost.sent = std::move(counts.sent);
  } else {
    // Rows at most as in the fullest branch: with fewer examples, branches are cut alike.
    micro_batches.max_rows = cut.branches.front().forest.row_count();
    micro_batches.at_least = 1;
    const auto in_branch = static_cast<std::int64_t>(cut.branches.front().forest.targets.size()) /
                           std::min(w.target_rows, w.example_rows);
    const auto step_of = [&](std::int64_t branches) {
      return self.step(forest_of(branches * in_branch, self.model(), w), micro_batches);
    };
    const Counts less = step_of(some);
    Counts more = step_of(some + 1);
    cost.micro_batches = static_cast<double>(examples) / static_cast<double>(in_branch);
    cost.flops = more.flops;
    cost.sent = more.sent;
    add_difference(less, more, cost.micro_batches - static_cast<double>(some + 1), cost);
  }
  cost.bytes = self.bytes();
  return cost;
}

}  // namespace incipit::plan
