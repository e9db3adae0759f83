#include "trainer/token_gradient.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>

#include "core/check.h"
#include "core/error.h"
#include "data/batch.h"
#include "methods/input_prompt.h"
#include "methods/prompted_model.h"
#include "trainer/objective.h"

namespace incipit::trainer {
namespace {

// The tokens' embeddings as rows of input, for their gradient only.
class TokenRows final : public methods::InputPrompt {
 public:
  explicit TokenRows(const at::Tensor& rows) : InputPrompt("words", rows.size(0), rows.size(1)) {
    add_parameter("values", rows);
  }
  void save_values(const std::filesystem::path&, const at::Tensor&,
                   const methods::BackboneInfo&) const override {
    throw LogicError("rows of tokens are not saved");
  }
};

// Puts rows of prompt 0 in the place of the tokens.
void use_prompt_rows(Sequence& sequence, std::int64_t first, std::span<const TokenId> tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Symbol& input = sequence.inputs.at(static_cast<std::size_t>(first) + i);
    INCIPIT_CHECK(input == Symbol::token(tokens[i]), "the tokens of the source");
    input = Symbol::prompt_row(0, static_cast<int>(i));
  }
}

struct Batch {
  PackedForest packed;
  std::unique_ptr<Objective> objective;
};

Batch make_batch(const data::Task& task, const std::vector<const data::Example*>& examples,
                 const TokenPlace& place, at::Device device) {
  const std::int64_t before =
      (task.bos_place() == data::BosPlace::kNone ? 0 : 1) + std::ssize(task.prefix()) + place.first;
  std::vector<Sequence> sequences;
  std::vector<CandidateGroup> groups;
  std::vector<std::vector<std::int32_t>> candidates;  // by group: sequences
  std::vector<std::int32_t> targets;
  const auto add = [&](const data::Example& example, std::span<const TokenId> answer) {
    sequences.push_back(data::target_sequence(task, example, {}, answer));
    use_prompt_rows(sequences.back(), before, place.tokens);
    return static_cast<std::int32_t>(sequences.size()) - 1;
  };
  for (const data::Example* example : examples) {
    if (example->candidates->empty()) {
      targets.push_back(add(*example, example->target));
      continue;
    }
    groups.emplace_back().gold = example->label;
    std::vector<std::int32_t>& own = candidates.emplace_back();
    for (const data::Candidate& candidate : *example->candidates) {
      own.push_back(add(*example, candidate.tokens));
    }
  }
  INCIPIT_CHECK(groups.empty() || targets.empty(), "candidates for all examples or for none");
  Batch batch{pack(sequences), nullptr};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (const std::int32_t sequence : candidates[i]) {
      groups[i].candidates.push_back(batch.packed.targets[sequence]);
    }
  }
  batch.objective = groups.empty() ? target_token_objective(batch.packed, targets, device)
                                   : candidate_objective(groups, device);
  return batch;
}

}  // namespace

at::Tensor token_gradient(const model::Backbone& backbone, const comm::Mesh& mesh,
                          const data::Task& task, std::span<const data::Example> examples,
                          const TokenPlace& place, const MicroBatches& micro_batches) {
  const model::ModelSpec& spec = backbone.spec();
  const double scale = spec.scales_prompts ? 1 : spec.embedding_scale;
  auto prompt = std::make_shared<TokenRows>(backbone.embed(place.tokens) * scale);
  methods::PromptedModel model(backbone, {prompt});
  std::vector<const data::Example*> mine;
  const auto ranks = static_cast<std::size_t>(mesh.batch().size());
  for (auto i = static_cast<std::size_t>(mesh.batch().rank()); i < examples.size(); i += ranks) {
    mine.push_back(&examples[i]);
  }
  const Batch batch = make_batch(task, mine, place, backbone.device());
  model.start_gradients();
  (void)forward_backward(model, batch.packed.forest, *batch.objective, micro_batches);
  model.collect_gradients();
  model.sum_gradients(mesh);
  model.finish_gradients(static_cast<double>(examples.size()));
  return prompt->parameters().front().grad.to(at::kCPU);
}

std::vector<float> first_order_losses(const model::Backbone& backbone, const at::Tensor& gradient) {
  constexpr std::int64_t kRowsAtOnce = 4096;
  const std::int64_t size = backbone.spec().vocab_size;
  std::vector<float> losses;
  losses.reserve(static_cast<std::size_t>(size));
  for (std::int64_t begin = 0; begin < size; begin += kRowsAtOnce) {
    std::vector<TokenId> ids(static_cast<std::size_t>(std::min(kRowsAtOnce, size - begin)));
    std::iota(ids.begin(), ids.end(), static_cast<TokenId>(begin));
    const at::Tensor products = at::matmul(backbone.embed(ids), gradient).contiguous();
    const float* values = products.const_data_ptr<float>();
    losses.insert(losses.end(), values, values + products.numel());
  }
  return losses;
}

}  // namespace incipit::trainer
