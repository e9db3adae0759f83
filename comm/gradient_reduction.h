// Summing gradients over the ranks that hold parts of them.
//
// Every trainable parameter declares over which dimensions of the mesh its gradient is
// *partial*. A soft prompt's is partial over the shares of the batch and over pipeline stages,
// of which only the first computes it; but with the layers split by tensor, each tensor rank
// holds it complete, and a sum over the world would count it several times. A deep prompt's is
// partial over tensor too: each rank fills in the heads and layers that it computes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"

namespace incipit::comm {

struct ReducedParameter {
  std::string name;           // for messages
  std::span<float> gradient;  // summed in place; memory as the mesh's communicators take it
  MeshDimensions partial_over = kBatch | kPipeline;
};

// What a step adds up beside gradients. Sums of double precision: the loss of a large
// batch and its number of targets do not fit a float.
struct BatchTotals {
  double loss_sum = 0;
  double target_count = 0;
  double tokens = 0;  // rows computed
  double examples = 0;
};

// Collective over the mesh. Sums the parameters' gradients in place, each over the
// dimensions it is partial over: one flat reduction per such set of dimensions, in the
// order of first appearance. All ranks pass the same parameters in the same order.
void reduce_gradients(const Mesh& mesh, std::span<const ReducedParameter> parameters);

// Collective over the mesh. The totals summed over the shares of the batch and the pipeline
// stages, as one small reduction in double precision, once a step, beside the one that carries
// the gradients in float32. Tensor ranks pass equal totals; of the pipeline stages only the one
// that computes the loss passes them, and the others pass zeros.
[[nodiscard]] BatchTotals reduce_totals(const Mesh& mesh, const BatchTotals& mine);

}  // namespace incipit::comm
