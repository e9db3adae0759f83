#include "plan/plan_memory.h"

#include <algorithm>

namespace incipit::plan {
namespace {

constexpr int kFloatBytes = 4;           // norms, row statistics, sums in attention
constexpr std::int64_t kHeadRows = 256;  // logits exist for this many rows at a time

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

double weights_held(const model::ModelSpec& c, const PlannedPart& place,
                    const comm::MeshShape& shape, int number_bytes) {
  const auto whole =
      static_cast<double>(model::weight_bytes(c, place.part, number_bytes, kFloatBytes));
  if (shape.fsdp == 1) return whole;
  // A shard of all matrices, and buffers for two whole layers. Norms and biases are not sharded.
  const std::int64_t hidden = c.hidden_size;
  const double norms =
      (place.layers() * static_cast<double>(layer_norm_numbers(place.local, hidden)) +
       static_cast<double>(hidden)) *
      kFloatBytes;
  const double biases =
      place.layers() * static_cast<double>(layer_bias_numbers(place.local, hidden) * number_bytes);
  const auto layer = static_cast<double>(layer_matrix_numbers(place.local, hidden) * number_bytes);
  return norms + biases + (whole - norms - biases) / shape.fsdp + 2 * layer;
}

// Bytes of a row of each width.
struct Widths {
  double hidden, queries, keys, qkv, mlp;  // in the backbone's dtype
  double wide_queries, wide_qkv;           // in float32
  double heads;                            // one float32 per head
  double mlp_inputs;                       // 2 with a gate, else 1
  bool is_wide, qk_norm;
};

Widths widths_of(const PlannedPart& place, int number_bytes) {
  const model::AttentionSpec& a = place.local.attention;
  const std::int64_t qkv_width = a.q_width() + 2 * a.kv_width();
  const auto bytes = [](std::int64_t numbers, int each) {
    return static_cast<double>(numbers * each);
  };
  return {.hidden = bytes(place.hidden_size, number_bytes),
          .queries = bytes(a.q_width(), number_bytes),
          .keys = bytes(a.kv_width(), number_bytes),
          .qkv = bytes(qkv_width, number_bytes),
          .mlp = bytes(place.local.mlp.width, number_bytes),
          .wide_queries = bytes(a.q_width(), kFloatBytes),
          .wide_qkv = bytes(qkv_width, kFloatBytes),
          .heads = bytes(a.heads, kFloatBytes),
          .mlp_inputs = place.local.mlp.gate ? 2.0 : 1.0,
          .is_wide = number_bytes >= kFloatBytes,
          .qk_norm = a.query_norm.has_value()};
}

// Bytes that a layer keeps for its backward pass (BlockRecord), per row and per query.
double kept_of_row(const Widths& w) {
  return w.hidden + w.qkv + kFloatBytes + (w.qk_norm ? w.queries + w.keys : 0);
}
double kept_of_query(const Widths& w) {
  return w.queries + w.hidden + w.mlp_inputs * w.mlp + kFloatBytes + w.heads;
}

// Bytes per row that the backward pass of a layer needs in addition. In the MLP: the gradients of
// the row, of gate and up, and of their product. In attention: the gradients of its output and of
// queries, keys and values, and without float32 storage wide copies of the values from which they
// are computed.
double passing_of_row(const Widths& w) {
  const double mlp = w.hidden + (w.mlp_inputs + 1) * w.mlp;
  const double narrow = w.is_wide ? 0 : std::max(w.wide_queries, w.wide_qkv);
  const double attention = w.hidden + w.queries + w.wide_qkv + w.wide_queries + narrow;
  return std::max(mlp, attention);
}

// Memory of one pass over some rows, from its forward to the end of its backward pass.
struct PassBytes {
  double kept = 0;  // between forward and backward
  double peak = 0;
};

PassBytes pass_bytes(const PlannedPart& place, double rows, double targets, int number_bytes) {
  const Widths w = widths_of(place, number_bytes);
  const double full = place.full_layers() * rows * (kept_of_row(w) + kept_of_query(w));
  // The peak of forward is at the end of the last of these layers, that of backward at its start.
  const double gradient = place.part.scores ? rows * w.hidden : 0;  // else it is in `buffers`
  double peak = 0;
  if (place.full_layers() > 0) {
    peak = full + std::max(rows * (w.mlp + w.hidden), gradient + rows * passing_of_row(w));
  }
  if (!place.part.scores) return {.kept = full + rows * w.hidden, .peak = peak};
  // The last layer: queries and MLP of target rows only.
  const double last = rows * kept_of_row(w) + targets * (kept_of_query(w) + w.hidden);
  const double attention = w.wide_qkv + (w.is_wide ? 0 : w.qkv);
  const double input = 2 * w.hidden + w.qkv;
  const double logits = std::min(targets, static_cast<double>(kHeadRows)) *
                        static_cast<double>(place.vocabulary_at_once) * 2 * kFloatBytes;
  peak = std::max(peak, full + last + std::max(logits, rows * std::max(attention, input)));
  return {.kept = full + last, .peak = peak};
}

double activation_bytes(const PlannedPart& place, const StepRows& rows, int number_bytes) {
  const PassBytes branch = pass_bytes(place, rows.at_once, rows.targets_at_once, number_bytes);
  // 1F1B: a stage keeps one micro-batch for itself and one for each stage after it.
  const auto held =
      static_cast<double>(std::min<std::int64_t>(place.stages_behind + 1, rows.micro_batches));
  const double branches = (held - 1) * branch.kept + branch.peak;
  if (!rows.has_trunk()) return branches;
  const PassBytes trunk = pass_bytes(place, rows.prompt, 0, number_bytes);
  const auto gradients = static_cast<double>(2 * place.local.attention.kv_width() * kFloatBytes);
  return std::max(branches + trunk.kept, trunk.peak) + place.layers() * rows.prompt * gradients;
}

}  // namespace

StepRows step_rows(const comm::MeshShape& shape, const Workload& w) {
  const std::int64_t examples = divided_up(w.batch_size, shape.data * shape.fsdp);
  const std::int64_t prompt_rows =
      w.resident_prompt ? 0 : std::min(w.prompts, examples) * w.prompt_rows;
  const std::int64_t wanted = std::min<std::int64_t>(
      examples,
      w.micro_batches > 0 ? w.micro_batches : (shape.pipeline > 1 ? 2 * shape.pipeline : 1));
  // Like cut_below_shared(): the most examples per branch that fit and give enough branches.
  std::int64_t together = examples;
  if (prompt_rows + examples * w.example_rows > w.micro_batch_rows) {
    together = std::clamp<std::int64_t>(w.micro_batch_rows / w.example_rows, 1, examples);
  }
  if (wanted > 1) together = std::min(together, divided_up(examples, wanted - 1) - 1);
  together = std::max<std::int64_t>(together, 1);
  StepRows rows;
  rows.micro_batches = divided_up(examples, together);
  rows.prompt = static_cast<double>(prompt_rows);
  rows.branches = static_cast<double>(examples * w.example_rows);
  rows.targets = static_cast<double>(examples * w.target_rows);
  rows.at_once =
      static_cast<double>(together * w.example_rows) + (rows.has_trunk() ? 0 : rows.prompt);
  rows.targets_at_once = static_cast<double>(together * w.target_rows);
  return rows;
}

std::vector<PlannedPart> planned_parts(const model::ModelSpec& spec, const comm::MeshShape& shape) {
  std::vector<PlannedPart> places;
  for (int stage = 0; stage < shape.pipeline; ++stage) {
    for (int rank = 0; rank < shape.tensor; ++rank) {
      PlannedPart place;
      place.part = model::partition_of(spec, shape.pipeline, stage, shape.tensor, rank);
      place.local = model::local_layers(spec, place.part).front();
      place.hidden_size = spec.hidden_size;
      place.stages_behind = shape.pipeline - 1 - stage;
      // Under FSDP, chunks fit the buffer of gate and up.
      const std::int64_t ids = place.part.vocabulary.size();
      place.vocabulary_at_once =
          shape.fsdp > 1 ? std::min(ids, 2 * spec.layers.front().mlp.width / shape.tensor) : ids;
      places.push_back(std::move(place));
    }
  }
  return places;
}

RankBytes planned_bytes(const model::ModelSpec& c, const PlannedPart& place,
                        const comm::MeshShape& shape, const StepRows& rows, const Workload& w) {
  RankBytes bytes;
  bytes.weights = weights_held(c, place, shape, w.number_bytes);
  bytes.activations = activation_bytes(place, rows, w.number_bytes);
  bytes.optimizer = static_cast<double>(w.trained_numbers(c.hidden_size)) * kFloatBytes *
                    static_cast<double>(w.prompt_copies);
  if (w.resident_prompt) {
    // This rank's keys and values, and their gradients, instead of one of the copies.
    const std::int64_t numbers =
        w.prompts * w.prompt_rows * place.part.layers.size() * 2 * place.local.attention.kv_width();
    bytes.optimizer += 2 * static_cast<double>(numbers) * kFloatBytes -
                       static_cast<double>(w.trained_numbers(c.hidden_size)) * kFloatBytes;
  }
  // The received gradient of a stage's output. Sums over ranks are computed in place.
  if (!place.part.scores)
    bytes.buffers = rows.at_once * static_cast<double>(c.hidden_size) * w.number_bytes;
  return bytes;
}

double planned_weight_bytes(const model::ModelSpec& config, const comm::MeshShape& shape,
                            int number_bytes) {
  double most = 0;
  for (const PlannedPart& place : planned_parts(config, shape)) {
    most = std::max(most, weights_held(config, place, shape, number_bytes));
  }
  return most;
}

}  // namespace incipit::plan
