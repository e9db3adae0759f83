#include "model/plan.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "model/partition.h"

namespace incipit::model {
namespace {

constexpr int kFloatBytes = 4;                // norms, statistics of rows, sums in attention
constexpr int kDoubleBytes = 8;               // what ranks tell each other of scores
constexpr std::int64_t kHeadRows = 256;       // logits exist for so many rows at a time
constexpr std::int64_t kMostBatch = 1 << 20;  // looked at for the largest batch

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// How a rank's examples are computed: all at once, or the prompt first and then branches.
struct Rows {
  double prompt = 0;
  double branches = 0;  // of all micro-batches
  double targets = 0;   // of all micro-batches
  double at_once = 0;   // of one micro-batch
  double targets_at_once = 0;
  std::int64_t micro_batches = 1;
  [[nodiscard]] bool has_trunk() const { return micro_batches > 1; }
  [[nodiscard]] double all() const { return prompt + branches; }
};

Rows rows_of(const comm::MeshShape& shape, const Workload& w) {
  const std::int64_t examples = divided_up(w.batch_size, shape.data * shape.gathered);
  const std::int64_t wanted =
      w.micro_batches > 0 ? w.micro_batches : (shape.pipeline > 1 ? 2 * shape.pipeline : 1);
  const std::int64_t all = w.prompt_rows + examples * w.example_rows;
  const std::int64_t fitting = std::max<std::int64_t>(1, w.micro_batch_rows / w.example_rows);
  const std::int64_t needed = all <= w.micro_batch_rows ? 1 : divided_up(examples, fitting);
  Rows rows;
  rows.micro_batches = std::min(examples, std::max(wanted, needed));
  const auto together = static_cast<double>(divided_up(examples, rows.micro_batches));
  rows.prompt = static_cast<double>(w.prompt_rows);
  rows.branches = static_cast<double>(examples * w.example_rows);
  rows.targets = static_cast<double>(examples * w.target_rows);
  rows.at_once =
      together * static_cast<double>(w.example_rows) + (rows.has_trunk() ? 0 : rows.prompt);
  rows.targets_at_once = together * static_cast<double>(w.target_rows);
  return rows;
}

// One rank's part, and the model as its blocks see it.
struct Place {
  Partition part;
  TransformerConfig local;
  int stages_behind = 0;
  [[nodiscard]] double layers() const { return static_cast<double>(part.layers.size()); }
  [[nodiscard]] double full_layers() const { return layers() - (part.scores ? 1 : 0); }
};

double weights_held(const TransformerConfig& c, const Place& place, const comm::MeshShape& shape,
                    int number_bytes) {
  const auto whole = static_cast<double>(weight_bytes(c, place.part, number_bytes, kFloatBytes));
  if (shape.gathered == 1) return whole;
  // A share of all matrices, and room for two whole layers; norms are everywhere.
  const double norms = (place.layers() * static_cast<double>(layer_norm_numbers(c)) +
                        static_cast<double>(c.hidden_size)) *
                       kFloatBytes;
  const auto layer = static_cast<double>(layer_matrix_numbers(c) * number_bytes);
  return norms + (whole - norms) / shape.gathered + std::min(2.0, place.layers()) * layer;
}

// What a layer keeps for its backward pass (BlockRecord): of every row, and of those that have
// queries.
double kept_of_row(const TransformerConfig& c, int number_bytes) {
  const std::int64_t numbers =
      c.hidden_size + c.qkv_width() + (c.qk_norm ? c.q_width() + c.kv_width() : 0);
  return static_cast<double>(numbers * number_bytes + kFloatBytes);
}
double kept_of_query(const TransformerConfig& c, int number_bytes) {
  const std::int64_t numbers = c.q_width() + c.hidden_size + 2 * c.intermediate_size;
  return static_cast<double>(numbers * number_bytes + (1 + c.heads) * kFloatBytes);
}

double kept_bytes(const Place& place, double rows, double targets, int number_bytes) {
  const double row = kept_of_row(place.local, number_bytes);
  const double query = kept_of_query(place.local, number_bytes);
  return place.layers() * rows * row +
         (place.full_layers() * rows + (place.part.scores ? targets : 0)) * query;
}

// The most that the backward pass of one layer, or the scores of one block of rows, need.
double passing_bytes(const Place& place, const Rows& rows, int number_bytes) {
  const TransformerConfig& c = place.local;
  const auto mlp = static_cast<double>((c.hidden_size + 3 * c.intermediate_size) * number_bytes);
  const auto attention = static_cast<double>(
      (c.hidden_size + c.q_width()) * number_bytes +
      c.qkv_width() * (kFloatBytes + (number_bytes == kFloatBytes ? 0 : number_bytes)));
  const double layer = rows.at_once * std::max(mlp, attention);
  if (!place.part.scores) return layer;
  const double scored = std::min(rows.targets_at_once, static_cast<double>(kHeadRows));
  const auto vocabulary = static_cast<double>(place.part.share.vocabulary.size());
  return std::max(layer, scored * vocabulary * 2 * kFloatBytes);
}

double activation_bytes(const Place& place, const Rows& rows, int number_bytes) {
  // One forward and one backward: a stage holds a micro-batch for itself and each one behind it.
  const auto held =
      static_cast<double>(std::min<std::int64_t>(place.stages_behind + 1, rows.micro_batches));
  double bytes = held * kept_bytes(place, rows.at_once, rows.targets_at_once, number_bytes) +
                 passing_bytes(place, rows, number_bytes);
  if (rows.has_trunk()) {
    const auto gradients = static_cast<double>(2 * place.local.kv_width() * kFloatBytes);
    bytes +=
        kept_bytes(place, rows.prompt, 0, number_bytes) + place.layers() * rows.prompt * gradients;
  }
  return bytes;
}

// Operations of a rank's part of training_flops() (model/flops.h).
double flops_of(const Place& place, const Rows& rows, const Workload& w) {
  const TransformerConfig& c = place.local;
  const auto product = [](std::int64_t in, std::int64_t out) {
    return 2.0 * static_cast<double>(in) * static_cast<double>(out);
  };
  const double keys_values = product(c.hidden_size, 2 * c.kv_width());
  const double queries = product(c.hidden_size, c.q_width());
  const double rest = 2 * queries + product(c.hidden_size, 3 * c.intermediate_size);
  const double pair = 2 * product(c.q_width(), 1);
  const auto example = static_cast<double>(w.example_rows);
  const double pairs =
      rows.prompt * (rows.prompt + 1) / 2 + rows.branches * (rows.prompt + (example + 1) / 2);
  const double target_pairs = rows.targets * (rows.prompt + example);
  double forward = place.layers() * rows.all() * keys_values +
                   place.full_layers() * (rows.all() * rest + pairs * pair);
  if (place.part.scores) {
    forward += rows.targets * rest + target_pairs * pair +
               rows.targets * product(c.hidden_size, place.part.share.vocabulary.size());
  }
  // In front of the first layer only the prompt's rows need a gradient.
  const double spared = place.part.embeds ? rows.branches * (keys_values + queries) : 0;
  return 2 * forward - spared;
}

// Bytes that one of `ranks` sends for a sum that all of them get.
double sum_bytes(double bytes, int ranks) { return 2 * bytes * (ranks - 1) / ranks; }

Traffic traffic_of(const TransformerConfig& c, const Place& place, const comm::MeshShape& shape,
                   const Rows& rows, const Workload& w) {
  const auto row = static_cast<double>(c.hidden_size * w.number_bytes);
  const int t = shape.tensor;
  Traffic traffic;
  traffic.gradient = sum_bytes(rows.prompt * static_cast<double>(c.hidden_size * kFloatBytes),
                               shape.data * shape.gathered * shape.pipeline);
  double summed = 4 * place.full_layers() * rows.all();
  if (place.part.embeds) summed += rows.branches;
  if (place.part.scores) summed += rows.all() + 3 * rows.targets;
  traffic.tensor = sum_bytes(summed * row, t);
  if (place.part.scores) {
    traffic.head = (t - 1) * rows.targets * 4 * kDoubleBytes + sum_bytes(rows.targets * row, t);
  }
  const int directions = (place.part.embeds ? 0 : 1) + (place.part.scores ? 0 : 1);
  traffic.pipeline = directions * rows.all() * row;
  if (shape.gathered > 1) {
    const double sweeps =
        2.0 * static_cast<double>(rows.micro_batches + (rows.has_trunk() ? 1 : 0));
    const auto layers =
        static_cast<double>(c.layers * layer_matrix_numbers(c) + c.vocab_size * c.hidden_size);
    traffic.gathered = sweeps * layers * w.number_bytes * (shape.gathered - 1) / shape.gathered;
  }
  return traffic;
}

std::vector<Place> places_of(const TransformerConfig& c, const comm::MeshShape& shape) {
  std::vector<Place> places;
  const std::vector<Range> layers = split_layers(c, shape.pipeline);
  const std::vector<TensorShare> shares = split_tensor(c, shape.tensor);
  for (int stage = 0; stage < shape.pipeline; ++stage) {
    for (const TensorShare& share : shares) {
      const int behind = shape.pipeline - 1 - stage;
      places.push_back({.part = {.layers = layers[stage],
                                 .share = share,
                                 .embeds = stage == 0,
                                 .scores = behind == 0},
                        .local = local_config(c, share),
                        .stages_behind = behind});
    }
  }
  return places;
}

RankBytes bytes_of(const TransformerConfig& c, const std::vector<Place>& places,
                   const comm::MeshShape& shape, const Rows& rows, const Workload& w) {
  RankBytes fullest;
  for (const Place& place : places) {
    RankBytes bytes;
    bytes.weights = weights_held(c, place, shape, w.number_bytes);
    bytes.activations = activation_bytes(place, rows, w.number_bytes);
    bytes.optimizer =
        rows.prompt * static_cast<double>(c.hidden_size * kFloatBytes) * w.prompt_copies;
    if (shape.tensor > 1 || shape.pipeline > 1) {
      bytes.buffers = rows.at_once * static_cast<double>(c.hidden_size * w.number_bytes);
    }
    if (bytes.total() > fullest.total()) fullest = bytes;
  }
  return fullest;
}

std::int64_t largest_batch(const TransformerConfig& c, const std::vector<Place>& places,
                           const comm::MeshShape& shape, Workload w, const Machine& machine) {
  w.micro_batch_rows = std::numeric_limits<std::int64_t>::max();
  const auto fits = [&](std::int64_t batch) {
    w.batch_size = batch;
    return bytes_of(c, places, shape, rows_of(shape, w), w).total() <= machine.memory_bytes;
  };
  const std::int64_t copies = shape.data * shape.gathered;
  std::int64_t fitting = 0;
  std::int64_t beyond = kMostBatch / copies + 1;  // examples of a copy
  while (beyond - fitting > 1) {
    const std::int64_t middle = (fitting + beyond) / 2;
    (fits(middle * copies) ? fitting : beyond) = middle;
  }
  return fitting * copies;
}

void add_times(const comm::MeshShape& shape, const Rows& rows, const Machine& machine,
               MeshPlan& plan) {
  const double compute = plan.compute_seconds;
  const double trunk = rows.has_trunk() ? compute * rows.prompt / rows.all() : 0;
  const auto micro_batches = static_cast<double>(rows.micro_batches);
  // The prompt passes through the stages one after another, micro-batches side by side.
  const double filled = shape.pipeline * trunk +
                        (compute - trunk) * (micro_batches + shape.pipeline - 1) / micro_batches;
  plan.bubble = 1 - compute / filled;
  // Ranks that differ in a dimension and those inside it are neighbours.
  const auto seconds = [&](double bytes, int span) {
    const bool within = span <= machine.ranks_per_machine;
    return bytes / (within ? machine.bandwidth_within : machine.bandwidth_between);
  };
  const int model_ranks = shape.pipeline * shape.tensor;
  const double gathering = seconds(plan.traffic.gathered, shape.gathered * model_ranks);
  plan.communication_seconds = seconds(plan.traffic.gradient, shape.product()) +
                               seconds(plan.traffic.tensor + plan.traffic.head, shape.tensor) +
                               seconds(plan.traffic.pipeline, model_ranks) +
                               std::max(0.0, gathering - filled);
  plan.step_seconds = filled + plan.communication_seconds;
}

}  // namespace

MeshPlan plan_mesh(const TransformerConfig& config, const comm::MeshShape& shape,
                   const Workload& workload, const Machine& machine) {
  INCIPIT_CHECK(workload.batch_size >= 1 && workload.example_rows >= 1 &&
                workload.prompt_rows >= 1 && workload.target_rows >= 1);
  INCIPIT_CHECK(shape.gathered == 1 || (shape.tensor == 1 && shape.pipeline == 1));
  const std::vector<Place> places = places_of(config, shape);
  const Rows rows = rows_of(shape, workload);
  MeshPlan plan;
  plan.shape = shape;
  plan.micro_batches = rows.micro_batches;
  plan.bytes = bytes_of(config, places, shape, rows, workload);
  const auto raise = [](double& most, double value) { most = std::max(most, value); };
  for (const Place& place : places) {
    raise(plan.compute_seconds, flops_of(place, rows, workload) / machine.flops);
    const Traffic sent = traffic_of(config, place, shape, rows, workload);
    raise(plan.traffic.gradient, sent.gradient);
    raise(plan.traffic.tensor, sent.tensor);
    raise(plan.traffic.head, sent.head);
    raise(plan.traffic.pipeline, sent.pipeline);
    raise(plan.traffic.gathered, sent.gathered);
  }
  add_times(shape, rows, machine, plan);
  plan.fits = plan.bytes.total() <= machine.memory_bytes;
  plan.largest_batch = largest_batch(config, places, shape, workload, machine);
  return plan;
}

std::vector<comm::MeshShape> possible_meshes(const TransformerConfig& config, int ranks) {
  std::vector<comm::MeshShape> meshes;
  const auto divides = [](int a, int b) { return b % a == 0; };
  for (int tensor = 1; tensor <= ranks && tensor <= config.heads; ++tensor) {
    if (!divides(tensor, ranks)) continue;
    const int rest = ranks / tensor;
    for (int stages = 1; stages <= rest && stages <= config.layers; ++stages) {
      if (!divides(stages, rest)) continue;
      meshes.push_back(
          {.data = rest / stages, .gathered = 1, .pipeline = stages, .tensor = tensor});
    }
  }
  for (int gathered = 2; gathered <= ranks; ++gathered) {
    if (divides(gathered, ranks))
      meshes.push_back({.data = ranks / gathered, .gathered = gathered});
  }
  return meshes;
}

const MeshPlan* cheapest(const std::vector<MeshPlan>& plans) {
  const MeshPlan* best = nullptr;
  const auto cost = [](const MeshPlan& plan) { return plan.shape.product() * plan.step_seconds; };
  for (const MeshPlan& plan : plans) {
    if (plan.fits && (best == nullptr || cost(plan) < cost(*best))) best = &plan;
  }
  return best;
}

}  // namespace incipit::model
