// Collectives on tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <span>
#include <string>

#include "comm/communicator.h"
#include "comm/mesh.h"

namespace incipit::nn {

// Returns the bytes of a contiguous tensor, for communicators.
[[nodiscard]] inline std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

// Sums `values` (contiguous; float32, float64 or bfloat16; any device) over the ranks, in place.
// Sums bfloat16 in float32 and rounds once, if the backend can. Collective.
void sum_over(comm::Communicator& ranks, at::Tensor values, comm::Operation purpose);

// Copies the tensor of rank `root` into those of all ranks. `values` is contiguous. Collective.
void broadcast_from(comm::Communicator& ranks, at::Tensor values, int root,
                    comm::Operation purpose);

// A gradient of which ranks have parts.
struct PartialGradient {
  std::string name;     // for messages
  at::Tensor gradient;  // float32, contiguous; any device
  comm::MeshDimensions partial_over = comm::kBatch | comm::kPipeline;
};

// Sums the gradients in place (comm::reduce_gradients). Collective over the mesh.
void sum_partial(const comm::Mesh& mesh, std::span<const PartialGradient> gradients);

// Returns the tensors of all ranks, [ranks, ...], on the device of `mine`. They have equal shapes.
// Collective.
[[nodiscard]] at::Tensor gather_over(comm::Communicator& ranks, const at::Tensor& mine,
                                     comm::Operation purpose);

// Adds the values of rank `peer`, which calls it too, to those of this rank, so that both have the
// sum. `values` is contiguous.
void add_from_peer(comm::Communicator& ranks, at::Tensor values, int peer, comm::Operation purpose);

// Returns this rank's block of the sum over the ranks. `all` (contiguous; float32 or float64)
// [ranks * rows, columns] -> [rows, columns]. May overwrite `all`. Collective.
[[nodiscard]] at::Tensor sum_and_scatter(comm::Communicator& ranks, at::Tensor all,
                                         comm::Operation purpose);

}  // namespace incipit::nn
