#include "explain/look_inside.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/check.h"
#include "data/batch.h"
#include "explain/fixed_prompt.h"
#include "explain/nearest_tokens.h"
#include "nn/attention_weights.h"
#include "nn/target_scores.h"

namespace incipit::explain {
namespace {

// The rows that precede the prompt: BOS, perhaps. Keys and values always come first.
std::int64_t rows_before(const data::Task& task, const methods::Contribution& prompt) {
  return !is_deep(prompt) && task.bos_place() == data::BosPlace::kBeforePrompt ? 1 : 0;
}

// Sums the attention weights on the prompt's positions over a pass.
class MassSum {
 public:
  MassSum(std::int64_t layers, std::int64_t first, std::int64_t positions)
      : first_(first), sums_(at::zeros({layers, positions}, at::kDouble)) {}

  // `rows`: of the answers' predictions, each once, ascending.
  void add(const model::LayerView& view, const std::vector<std::int64_t>& rows) {
    const nn::SelfAttention& attention = view.block.attention;
    at::Tensor queries = view.qkv.narrow(1, 0, attention.q_width());
    const bool selected = view.queries.index.defined();  // the last layer has only these rows
    if (selected) queries = queries.index_select(0, view.queries.index);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t query = selected ? static_cast<std::int64_t>(i) : rows[i];
      const at::Tensor weights =
          nn::attention_weights(*view.queries.plan, attention.shape, attention.rule, query, queries,
                                attention.keys_values(view.qkv), view.residents);
      sums_.select(0, static_cast<std::int64_t>(view.layer))
          .add_(weights.narrow(1, first_, sums_.size(1)).mean(0).to(at::kCPU, at::kDouble));
    }
    if (view.layer == 0) count_ += static_cast<double>(rows.size());
  }

  [[nodiscard]] at::Tensor mean() const { return sums_ / count_; }  // [layers, positions]

 private:
  std::int64_t first_;
  at::Tensor sums_;
  double count_ = 0;
};

std::vector<std::int64_t> target_rows(const Forest& forest) {
  std::vector<std::int64_t> rows;
  for (const Target& target : forest.targets) {
    if (rows.empty() || rows.back() != target.row) rows.push_back(target.row);
  }
  return rows;
}

std::vector<RatedToken> likeliest(const at::Tensor& logits, int count,
                                  const data::Tokenizer& tokenizer) {
  const at::Tensor known =
      logits.narrow(0, 0, std::min<std::int64_t>(tokenizer.vocab_size(), logits.size(0)));
  const auto [values, ids] = at::topk(known, count);
  std::vector<RatedToken> tokens;
  for (int i = 0; i < count; ++i) {
    const auto id = static_cast<TokenId>(ids[i].item<std::int64_t>());
    tokens.push_back({id, token_text(tokenizer, id), std::exp(values[i].item<double>())});
  }
  return tokens;
}

}  // namespace

std::vector<std::vector<double>> attention_mass(const Subject& subject,
                                                const methods::Contribution& prompt) {
  const methods::PromptedModel model = model_with(subject.backbone, prompt);
  const std::int64_t positions = positions_of(prompt);
  MassSum sum(subject.backbone.spec().layer_count(), rows_before(subject.task, prompt), positions);
  for (const data::Example& example : subject.examples) {
    const data::Example* const one = &example;
    const Forest forest = data::pack_targets(subject.task, {&one, 1}, model.rows(0)).forest;
    const std::vector<std::int64_t> rows = target_rows(forest);
    (void)model.forward(forest,
                        {.on_layer = [&](const model::LayerView& view) { sum.add(view, rows); }});
  }
  const at::Tensor mean = sum.mean().t().contiguous();
  std::vector<std::vector<double>> mass;
  for (std::int64_t position = 0; position < positions; ++position) {
    const double* const first = mean.const_data_ptr<double>() + position * mean.size(1);
    mass.emplace_back(first, first + mean.size(1));
  }
  return mass;
}

std::vector<std::vector<std::vector<RatedToken>>> logit_lens(const Subject& subject,
                                                             const methods::Contribution& prompt,
                                                             int count) {
  INCIPIT_CHECK(!is_deep(prompt), "a prompt of keys and values has no rows");
  const model::Backbone& backbone = subject.backbone;
  const methods::PromptedModel model = model_with(backbone, prompt);
  const std::int64_t before = rows_before(subject.task, prompt);
  const std::int64_t positions = positions_of(prompt);
  Sequence sequence;
  if (before > 0) sequence.inputs.push_back(Symbol::token(subject.task.bos()));
  sequence.append_prompt(model.rows(0));
  std::vector<Target> targets;  // at every position, so that the last layer computes them all
  for (std::int64_t position = 0; position < positions; ++position) {
    sequence.predictions.push_back({.index = before + position});
    targets.push_back({.row = position});
  }
  std::vector<at::Tensor> outputs;  // by layer: [positions, hidden]
  (void)model.forward(
      pack({&sequence, 1}).forest, {.on_layer = [&](const model::LayerView& view) {
        const at::Tensor& all = view.output;
        outputs.push_back(all.narrow(0, all.size(0) - positions, positions).clone());
      }});
  std::vector<std::vector<std::vector<RatedToken>>> lens(static_cast<std::size_t>(positions));
  for (const at::Tensor& output : outputs) {
    nn::TargetScores scores(&*backbone.head(), backbone.dtype(), backbone.device(), targets);
    backbone.weights().announce(backbone.head()->table.groups());
    scores.forward(output, /*keep_logits=*/true);
    const at::Tensor logits = at::log_softmax(scores.logits().to(at::kCPU, at::kDouble), -1);
    for (std::int64_t position = 0; position < positions; ++position) {
      lens[position].push_back(likeliest(logits[position], count, subject.task.tokenizer()));
    }
  }
  return lens;
}

}  // namespace incipit::explain
