#include "plan/plan.h"

#include <algorithm>
#include <iterator>

namespace incipit::plan {
namespace {

double bytes_over(comm::MeshDimensions over, const std::vector<comm::Sent>& sent) {
  double bytes = 0;
  for (const comm::Sent& one : sent) bytes += one.over == over ? one.bytes : 0;
  return bytes;
}

// Keeps, for each set of dimensions, what the rank that sends most along it sends.
void keep_most(std::vector<comm::Sent>& most, const std::vector<comm::Sent>& sent) {
  const std::vector<comm::Sent> before = most;
  const auto is_more = [&](comm::MeshDimensions over) {
    return bytes_over(over, sent) > bytes_over(over, before);
  };
  std::erase_if(most, [&](const comm::Sent& one) { return is_more(one.over); });
  std::copy_if(sent.begin(), sent.end(), std::back_inserter(most),
               [&](const comm::Sent& one) { return is_more(one.over); });
}

// Returns the number of consecutive ranks among which the ranks along `over` are: they differ in
// the outermost of these dimensions and may differ in all inside it.
int span_of(comm::MeshDimensions over, const comm::MeshShape& shape) {
  int span = shape.product();
  if (over.contains(comm::kData)) return span;
  span /= shape.data;
  if (over.contains(comm::kFsdp)) return span;
  span /= shape.fsdp;
  return over.contains(comm::kPipeline) ? span : span / shape.pipeline;
}

void add_times(double trunk, const Machine& machine, MeshPlan& plan) {
  const comm::MeshShape& shape = plan.shape;
  const double compute = plan.compute_seconds;
  // The trunk passes through the stages one after the other; micro-batches overlap.
  const double filled =
      shape.pipeline * trunk * compute +
      (1 - trunk) * compute * (plan.micro_batches + shape.pipeline - 1) / plan.micro_batches;
  plan.bubble = std::max(0.0, 1 - compute / filled);
  double ahead = 0;  // seconds of messages that arrive while the rank computes
  for (const comm::Sent& sent : plan.sent) {
    const bool within = span_of(sent.over, shape) <= machine.ranks_per_machine;
    const double seconds =
        sent.bytes / (within ? machine.bandwidth_within : machine.bandwidth_between);
    (sent.overlaps ? ahead : plan.communication_seconds) += seconds;
  }
  plan.communication_seconds += std::max(0.0, ahead - filled);
  plan.step_seconds = filled + plan.communication_seconds;
}

}  // namespace

MeshPlan plan_mesh(const model::ModelSpec& spec, const comm::MeshShape& shape,
                   const Workload& workload, const Machine& machine) {
  MeshPlan plan;
  plan.shape = shape;
  double trunk = 0;
  for (const int rank : distinct_ranks(spec, shape)) {
    const RankCost cost = rank_cost(spec, shape, rank, workload);
    if (cost.bytes.all > plan.bytes.all) plan.bytes = cost.bytes;
    keep_most(plan.sent, cost.sent);
    plan.compute_seconds = std::max(plan.compute_seconds, cost.flops / machine.flops);
    plan.micro_batches = cost.micro_batches;
    trunk = cost.trunk;
  }
  add_times(plan.micro_batches > 1 ? trunk : 0, machine, plan);
  plan.fits = plan.bytes.all <= machine.memory_bytes;
  return plan;
}

double planned_weight_bytes(const model::ModelSpec& spec, const comm::MeshShape& shape,
                            int number_bytes) {
  double most = 0;
  for (const int rank : distinct_ranks(spec, shape)) {
    most = std::max(most, weight_bytes(spec, shape, rank, number_bytes));
  }
  return most;
}

std::vector<comm::MeshShape> possible_meshes(const model::ModelSpec& spec, int ranks) {
  std::vector<comm::MeshShape> meshes;
  const auto divides = [](int a, int b) { return b % a == 0; };
  for (int tensor = 1; tensor <= ranks && tensor <= spec.fewest_heads(); ++tensor) {
    if (!divides(tensor, ranks)) continue;
    const int rest = ranks / tensor;
    for (int stages = 1; stages <= rest && stages <= spec.layer_count(); ++stages) {
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
  for (const MeshPlan& plan : plans) {
    if (plan.fits && (best == nullptr || plan.cost() < best->cost())) best = &plan;
  }
  return best;
}

}  // namespace incipit::plan
