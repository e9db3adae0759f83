#include "eval/nearest_shots.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "core/error.h"
#include "data/demonstrations.h"
#include "eval/batches.h"
#include "model/forest_pass.h"

namespace incipit::eval {
namespace {

// Returns the hidden states of all rows after the final norm: [rows, hidden] float64 on the CPU;
// undefined on all but the last pipeline stage. Every row has a target, so that the last layer
// computes it.
at::Tensor final_states(const methods::PromptedModel& model, const Forest& forest) {
  at::Tensor last;
  (void)model.forward(
      forest, {.on_layer = [&](const model::LayerView& view) { last = view.output.clone(); }});
  const auto& head = model.backbone().head();
  if (!head) return {};
  nn::NormStatistics unused;
  return head->norm.forward(last, unused).to(at::kCPU, at::kDouble).contiguous();
}

// Adds the mean state of each of the sources to its row of `means`.
void add_means(const methods::PromptedModel& model, const data::Dataset& dataset,
               std::span<const std::int64_t> indices, std::int64_t width,
               std::vector<double>& means) {
  std::vector<Sequence> sequences;
  for (const std::int64_t index : indices) {
    Sequence& sequence = sequences.emplace_back();
    sequence.append_tokens(dataset.source(index));
    for (std::int64_t row = 0; row < std::ssize(sequence.inputs); ++row) {
      sequence.predictions.push_back({.index = row});
    }
  }
  const PackedForest packed = pack(sequences);
  const at::Tensor states = final_states(model, packed.forest);
  if (!states.defined()) return;
  const double* values = states.const_data_ptr<double>();
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    double* mean = means.data() + indices[s] * width;
    for (const std::int32_t target : packed.targets[s]) {
      const double* state =
          values + packed.forest.targets[static_cast<std::size_t>(target)].row * width;
      for (std::int64_t k = 0; k < width; ++k) mean[k] += state[k];
    }
  }
}

void scale_to_length_1(std::span<double> row) {
  double squares = 0;
  for (const double value : row) squares += value * value;
  if (squares == 0) return;
  for (double& value : row) value /= std::sqrt(squares);
}

}  // namespace

at::Tensor mean_states(const model::Backbone& backbone, const data::Dataset& dataset,
                       std::int64_t batch_tokens, comm::Communicator& ranks) {
  const methods::PromptedModel model(backbone);
  const std::int64_t width = backbone.spec().hidden_size;
  std::vector<double> means(static_cast<std::size_t>(dataset.size() * width));
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    rows.push_back(static_cast<std::int64_t>(dataset.source(i).size()));
  }
  const Batches plan = plan_batches(dataset, rows, batch_tokens, ranks.size());
  for (int turn = 0; turn < plan.count(); turn += ranks.size()) {
    const int b = turn + ranks.rank();
    if (b >= plan.count()) {
      (void)model.forward({});  // ranks that hold one model together run the last batch together
      break;
    }
    add_means(model, dataset,
              std::span(plan.order).subspan(plan.begins[b], plan.begins[b + 1] - plan.begins[b]),
              width, means);
  }
  backbone.placement().pipeline->all_reduce_sum(std::span(means), "mean states");
  ranks.all_reduce_sum(std::span(means), "mean states");
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    scale_to_length_1(std::span(means).subspan(i * width, width));
  }
  return at::from_blob(means.data(), {dataset.size(), width}, at::kDouble).clone();
}

std::vector<std::vector<std::int64_t>> nearest_rows(const at::Tensor& queries,
                                                    const at::Tensor& pool, std::int64_t count) {
  constexpr double kDecimals = 1e5;
  const at::Tensor similar = at::matmul(queries, pool.t()).contiguous();
  std::vector<std::vector<std::int64_t>> nearest;
  for (std::int64_t q = 0; q < similar.size(0); ++q) {
    const double* row = similar.const_data_ptr<double>() + q * similar.size(1);
    std::vector<std::int64_t> order(static_cast<std::size_t>(similar.size(1)));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [row](std::int64_t a, std::int64_t b) {
      return std::round(row[a] * kDecimals) > std::round(row[b] * kDecimals);
    });
    order.resize(static_cast<std::size_t>(count));
    nearest.push_back(std::move(order));
  }
  return nearest;
}

data::Dataset with_nearest_shots(const model::Backbone& backbone, const data::Task& task,
                                 const data::Dataset& dataset, const ShotPool& pool,
                                 std::int64_t prompt_rows, std::int64_t batch_tokens,
                                 comm::Communicator& ranks) {
  const auto chosen = nearest_rows(mean_states(backbone, dataset, batch_tokens, ranks), pool.states,
                                   task.options().shots);
  std::vector<data::Example> examples;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    std::vector<data::Record> shown;
    for (const std::int64_t index : chosen[static_cast<std::size_t>(i)]) {
      shown.insert(shown.begin(), pool.records[static_cast<std::size_t>(index)]);
    }
    data::Example& example = examples.emplace_back(dataset[i]);
    const std::vector<TokenId> before = task.few_shot_tokens(shown);
    example.source.insert(example.source.begin(), before.begin() + std::ssize(task.prefix()),
                          before.end());
    task.check_rows(example, dataset.file(), prompt_rows);
  }
  return {dataset.file(), std::move(examples), dataset.skipped()};
}

ShotPool make_shot_pool(const model::Backbone& backbone, const data::Task& task,
                        const data::Dataset& train, std::int64_t batch_tokens,
                        comm::Communicator& ranks) {
  if (train.size() < task.options().shots) {
    throw DataError(train.file() + ": has " + std::to_string(train.size()) +
                    " examples, but task.shots is " + std::to_string(task.options().shots));
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(train.size()));
  std::iota(all.begin(), all.end(), 0);
  return {data::demonstration_records(task, train, all),
          mean_states(backbone, train, batch_tokens, ranks)};
}

}  // namespace incipit::eval
