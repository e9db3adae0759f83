// Sums gradients over the ranks that have parts of them.
//
// Every trainable parameter declares over which dimensions of the mesh its gradient is *partial*.
// The gradient of a soft prompt is partial over the shares of the batch and over pipeline stages,
// of which only the first computes it. It is complete on every tensor parallel rank, so a sum over
// the world would count it several times. The gradient of a deep prompt is partial over tensor
// parallel ranks as well: each rank fills in the heads and layers that it computes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"

namespace incipit::comm {

struct ReducedParameter {
  std::string name;           // for messages
  std::span<float> gradient;  // summed in place; in memory that the mesh's communicators accept
  MeshDimensions partial_over = kBatch | kPipeline;
};

// Sums the gradients of the parameters in place, each over the dimensions over which it is partial:
// one flat reduction per set of dimensions, in the order of first appearance. All ranks pass the
// same parameters in the same order. Collective over the mesh.
void reduce_gradients(const Mesh& mesh, std::span<const ReducedParameter> parameters);

}  // namespace incipit::comm
