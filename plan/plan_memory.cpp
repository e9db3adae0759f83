#include "plan/plan_memory.h"

#include <algorithm>

namespace incipit::plan {
namespace {

constexpr int kFloatBytes = 4;           // norms, row statistics, sums in attention
constexpr std::int64_t kHeadRows = 256;  // logits exist for this many rows at a time

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

double weights_held(const model::TransformerConfig& c, const PlannedPart& place,
                    const comm::MeshShape& shape, int number_bytes) {
  const auto whole =
      static_cast<double>(model::weight_bytes(c, place.part, number_bytes, kFloatBytes));
  if (shape.fsdp == 1) return whole;
  // A shard of all matrices, and buffers for two whole layers. Norms are not sharded.
  const double norms = (place.layers() * static_cast<double>(model::layer_norm_numbers(c)) +
                        static_cast<double>(c.hidden_size)) *
                       kFloatBytes;
  const auto layer = static_cast<double>(model::layer_matrix_numbers(c) * number_bytes);
  return norms + (whole - norms) / shape.fsdp + 2 * layer;
}

// Bytes of a row of each width.
struct Widths {
  double hidden, queries, keys, qkv, mlp;  // in the backbone's dtype
  double wide_queries, wide_qkv;           // in float32
  double heads;                            // one float32 per head
  bool is_wide, qk_norm;
};

Widths widths_of(const model::TransformerConfig& c, int number_bytes) {
  const auto bytes = [](std::int64_t numbers, int each) {
    return static_cast<double>(numbers * each);
  };
  return {.hidden = bytes(c.hidden_size, number_bytes),
          .queries = bytes(c.q_width(), number_bytes),
          .keys = bytes(c.kv_width(), number_bytes),
          .qkv = bytes(c.qkv_width(), number_bytes),
          .mlp = bytes(c.intermediate_size, number_bytes),
          .wide_queries = bytes(c.q_width(), kFloatBytes),
          .wide_qkv = bytes(c.qkv_width(), kFloatBytes),
          .heads = bytes(c.heads, kFloatBytes),
          .is_wide = number_bytes >= kFloatBytes,
          .qk_norm = c.qk_norm};
}

// Bytes that a layer keeps for its backward pass (BlockRecord), per row and per query.
double kept_of_row(const Widths& w) {
  return w.hidden + w.qkv + kFloatBytes + (w.qk_norm ? w.queries + w.keys : 0);
}
double kept_of_query(const Widths& w) {
  return w.queries + w.hidden + 2 * w.mlp + kFloatBytes + w.heads;
}

// Bytes per row that the backward pass of a layer needs in addition. In the MLP: the gradients of
// the row, of gate and up, and of their product. In attention: the gradients of its output and of
// queries, keys and values, and without float32 storage wide copies of the values from which they
// are computed.
double passing_of_row(const Widths& w) {
  const double mlp = w.hidden + 3 * w.mlp;
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
  const Widths w = widths_of(place.local, number_bytes);
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
  const auto gradients = static_cast<double>(2 * place.local.kv_width() * kFloatBytes);
  return std::max(branches + trunk.kept, trunk.peak) + place.layers() * rows.prompt * gradients;
}

}  // namespace

StepRows step_rows(const comm::MeshShape& shape, const Workload& w) {
  const std::int64_t examples = divided_up(w.batch_size, shape.data * shape.fsdp);
  const std::int64_t prompt_rows = std::min(w.prompts, examples) * w.prompt_rows;
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

std::vector<PlannedPart> planned_parts(const model::TransformerConfig& c,
                                       const comm::MeshShape& shape) {
  std::vector<PlannedPart> places;
  const std::vector<model::Range> layers = model::split_layers(c, shape.pipeline);
  const std::vector<model::TensorShare> shares = model::split_tensor(c, shape.tensor);
  for (int stage = 0; stage < shape.pipeline; ++stage) {
    for (const model::TensorShare& share : shares) {
      const int later = shape.pipeline - 1 - stage;
      const std::int64_t ids = share.vocabulary.size();
      places.push_back(
          {.part = {.layers = layers[stage],
                    .share = share,
                    .embeds = stage == 0,
                    .scores = later == 0},
           .local = model::local_config(c, share),
           .stages_behind = later,
           // Under FSDP, chunks fit the buffer of gate and up.
           .vocabulary_at_once = shape.fsdp > 1 ? std::min(ids, 2 * c.intermediate_size) : ids});
    }
  }
  return places;
}

RankBytes planned_bytes(const model::TransformerConfig& c, const PlannedPart& place,
                        const comm::MeshShape& shape, const StepRows& rows, const Workload& w) {
  const double hidden = static_cast<double>(c.hidden_size);
  RankBytes bytes;
  bytes.weights = weights_held(c, place, shape, w.number_bytes);
  bytes.activations = activation_bytes(place, rows, w.number_bytes);
  bytes.optimizer = static_cast<double>(w.prompts * w.prompt_rows) * hidden * kFloatBytes *
                    static_cast<double>(w.prompt_copies);
  // The received gradient of a stage's output. Sums over ranks are computed in place.
  if (!place.part.scores) bytes.buffers = rows.at_once * hidden * w.number_bytes;
  return bytes;
}

double planned_weight_bytes(const model::TransformerConfig& config, const comm::MeshShape& shape,
                            int number_bytes) {
  double most = 0;
  for (const PlannedPart& place : planned_parts(config, shape)) {
    most = std::max(most, weights_held(config, place, shape, number_bytes));
  }
  return most;
}

}  // namespace incipit::plan
