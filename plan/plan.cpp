#include "plan/plan.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "plan/plan_memory.h"

namespace incipit::plan {
namespace {

constexpr int kGradientBytes = 4;             // float32
constexpr int kDoubleBytes = 8;               // scores that ranks exchange
constexpr std::int64_t kMostBatch = 1 << 20;  // upper limit in the search for the largest batch

// Returns the FLOPs of a rank's part of training_flops() (model/flops.h).
double flops_of(const PlannedPart& place, const StepRows& rows, const Workload& w) {
  const model::AttentionSpec& a = place.local.attention;
  const auto product = [](std::int64_t in, std::int64_t out) {
    return 2.0 * static_cast<double>(in) * static_cast<double>(out);
  };
  const double keys_values = product(place.hidden_size, 2 * a.kv_width());
  const double queries = product(place.hidden_size, a.q_width());
  const double rest = 2 * queries + product(place.hidden_size,
                                            (place.local.mlp.gate ? 3 : 2) * place.local.mlp.width);
  const double pair = 2 * product(a.q_width(), 1);
  const auto example = static_cast<double>(w.example_rows);
  const auto own_prompt = static_cast<double>(w.prompt_rows);
  const double pairs =
      rows.prompt * (own_prompt + 1) / 2 + rows.branches * (own_prompt + (example + 1) / 2);
  const double target_pairs = rows.targets * (own_prompt + example);
  double forward = place.layers() * rows.all() * keys_values +
                   place.full_layers() * (rows.all() * rest + pairs * pair);
  if (place.part.scores) {
    forward += rows.targets * rest + target_pairs * pair +
               rows.targets * product(place.hidden_size, place.part.vocabulary.size());
  }
  // Before the first layer only the prompt rows need a gradient.
  const double spared = place.part.embeds ? rows.branches * (keys_values + queries) : 0;
  return 2 * forward - spared;
}

// Returns the bytes that each of `ranks` ranks sends in an all-reduce.
double sum_bytes(double bytes, int ranks) { return 2 * bytes * (ranks - 1) / ranks; }

Traffic traffic_of(const model::ModelSpec& c, const PlannedPart& place,
                   const comm::MeshShape& shape, const StepRows& rows, const Workload& w) {
  const auto row = static_cast<double>(c.hidden_size * w.number_bytes);
  const int t = shape.tensor;
  Traffic traffic;
  traffic.gradient =
      sum_bytes(static_cast<double>(w.trained_numbers(c.hidden_size) * kGradientBytes),
                shape.data * shape.fsdp * shape.pipeline * (w.resident_prompt ? t : 1));
  double summed = 4 * place.full_layers() * rows.all();
  if (place.part.embeds) summed += rows.branches;
  if (place.part.scores) summed += rows.all() + 3 * rows.targets;
  traffic.tensor = sum_bytes(summed * row, t);
  if (place.part.scores) {
    traffic.head = (t - 1) * rows.targets * 4 * kDoubleBytes + sum_bytes(rows.targets * row, t);
  }
  const int directions = (place.part.embeds ? 0 : 1) + (place.part.scores ? 0 : 1);
  traffic.pipeline = directions * rows.all() * row;
  if (shape.fsdp > 1) {
    const double sweeps =
        2.0 * static_cast<double>(rows.micro_batches + (rows.has_trunk() ? 1 : 0));
    const std::int64_t layer = model::layer_matrix_numbers(place.local, c.hidden_size);
    const auto layers = static_cast<double>(place.part.layers.size() * layer +
                                            place.part.vocabulary.size() * c.hidden_size);
    traffic.fsdp = sweeps * layers * w.number_bytes * (shape.fsdp - 1) / shape.fsdp;
  }
  return traffic;
}

RankBytes fullest_of(const model::ModelSpec& c, const std::vector<PlannedPart>& places,
                     const comm::MeshShape& shape, const StepRows& rows, const Workload& w) {
  RankBytes fullest;
  for (const PlannedPart& place : places) {
    const RankBytes bytes = planned_bytes(c, place, shape, rows, w);
    if (bytes.total() > fullest.total()) fullest = bytes;
  }
  return fullest;
}

std::int64_t largest_batch(const model::ModelSpec& c, const std::vector<PlannedPart>& places,
                           const comm::MeshShape& shape, Workload w, const Machine& machine) {
  w.micro_batch_rows = std::numeric_limits<std::int64_t>::max();
  const auto fits = [&](std::int64_t batch) {
    w.batch_size = batch;
    return fullest_of(c, places, shape, step_rows(shape, w), w).total() <= machine.memory_bytes;
  };
  const std::int64_t copies = shape.data * shape.fsdp;
  std::int64_t fitting = 0;
  std::int64_t beyond = kMostBatch / copies + 1;  // examples per copy
  while (beyond - fitting > 1) {
    const std::int64_t middle = (fitting + beyond) / 2;
    (fits(middle * copies) ? fitting : beyond) = middle;
  }
  return fitting * copies;
}

void add_times(const comm::MeshShape& shape, const StepRows& rows, const Machine& machine,
               MeshPlan& plan) {
  const double compute = plan.compute_seconds;
  const double trunk = rows.has_trunk() ? compute * rows.prompt / rows.all() : 0;
  const auto micro_batches = static_cast<double>(rows.micro_batches);
  // The prompt passes through the stages one after the other; micro-batches overlap.
  const double filled = shape.pipeline * trunk +
                        (compute - trunk) * (micro_batches + shape.pipeline - 1) / micro_batches;
  plan.bubble = 1 - compute / filled;
  // Ranks that differ only in a dimension and the dimensions inside it are neighbours.
  const auto seconds = [&](double bytes, int span) {
    const bool within = span <= machine.ranks_per_machine;
    return bytes / (within ? machine.bandwidth_within : machine.bandwidth_between);
  };
  const int model_ranks = shape.pipeline * shape.tensor;
  const double gathering = seconds(plan.traffic.fsdp, shape.fsdp * model_ranks);
  plan.communication_seconds = seconds(plan.traffic.gradient, shape.product()) +
                               seconds(plan.traffic.tensor + plan.traffic.head, shape.tensor) +
                               seconds(plan.traffic.pipeline, model_ranks) +
                               std::max(0.0, gathering - filled);
  plan.step_seconds = filled + plan.communication_seconds;
}

}  // namespace

MeshPlan plan_mesh(const model::ModelSpec& config, const comm::MeshShape& shape,
                   const Workload& workload, const Machine& machine) {
  INCIPIT_CHECK(workload.batch_size >= 1 && workload.example_rows >= 1 &&
                workload.prompt_rows >= 0 && workload.prompts >= 1 && workload.target_rows >= 1);
  const std::vector<PlannedPart> places = planned_parts(config, shape);
  const StepRows rows = step_rows(shape, workload);
  MeshPlan plan;
  plan.shape = shape;
  plan.micro_batches = rows.micro_batches;
  plan.bytes = fullest_of(config, places, shape, rows, workload);
  const auto raise = [](double& most, double value) { most = std::max(most, value); };
  for (const PlannedPart& place : places) {
    raise(plan.compute_seconds, flops_of(place, rows, workload) / machine.flops);
    const Traffic sent = traffic_of(config, place, shape, rows, workload);
    raise(plan.traffic.gradient, sent.gradient);
    raise(plan.traffic.tensor, sent.tensor);
    raise(plan.traffic.head, sent.head);
    raise(plan.traffic.pipeline, sent.pipeline);
    raise(plan.traffic.fsdp, sent.fsdp);
  }
  add_times(shape, rows, machine, plan);
  plan.fits = plan.bytes.total() <= machine.memory_bytes;
  plan.largest_batch = largest_batch(config, places, shape, workload, machine);
  return plan;
}

std::vector<comm::MeshShape> possible_meshes(const model::ModelSpec& config, int ranks) {
  std::vector<comm::MeshShape> meshes;
  const auto divides = [](int a, int b) { return b % a == 0; };
  for (int tensor = 1; tensor <= ranks && tensor <= config.fewest_heads(); ++tensor) {
    if (!divides(tensor, ranks)) continue;
    const int rest = ranks / tensor;
    for (int stages = 1; stages <= rest && stages <= config.layer_count(); ++stages) {
      if (!divides(stages, rest)) continue;
      const int copies = rest / stages;
      for (int fsdp = 1; fsdp <= copies; ++fsdp) {
        if (!divides(fsdp, copies)) continue;
        meshes.push_back(
            {.data = copies / fsdp, .fsdp = fsdp, .pipeline = stages, .tensor = tensor});
      }
    }
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

}  // namespace incipit::plan
