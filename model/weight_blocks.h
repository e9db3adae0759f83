// How the ranks of a mesh share the tensors of a checkpoint, and how to put them together.
//
// A rank has blocks, rows x columns, of tensors. Several ranks may have the same block: copies of
// the model, norms, a tied head on another pipeline stage. The lowest of these ranks owns it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "core/range.h"
#include "model/backbone.h"

namespace incipit::model {

class WeightBlocks {
 public:
  // Both must outlive the object. Collective over the mesh.
  WeightBlocks(const Backbone& backbone, const comm::Mesh& mesh);

  // `parts` are tensors like Parameter::stored() of all parameters of the backbone, in the order of
  // WeightStore::parameters(). Returns on rank 0 the whole tensors by name, as a checkpoint stores
  // them, in `dtype` and host memory. Returns nothing on other ranks. Collective over the mesh.
  [[nodiscard]] std::map<std::string, at::Tensor> gather(std::span<const at::Tensor> parts,
                                                         at::ScalarType dtype) const;

  // Sets the parts, of one dtype, from whole tensors in host memory. Only rank 0 calls `whole`.
  // Collective over the mesh.
  using Source = std::function<at::Tensor(const std::string& tensor, at::IntArrayRef shape)>;
  void scatter(const Source& whole, std::span<const at::Tensor> parts) const;

  // Returns the sum of the squares of all elements of the whole tensors, [] float64 on the device
  // of the parts, on every rank. Collective over the mesh.
  [[nodiscard]] at::Tensor sum_of_squares(std::span<const at::Tensor> parts) const;

 private:
  struct Block {
    std::string tensor;
    std::vector<std::int64_t> shape;  // of the whole tensor: [out, in], or [n]
    bool transposed = false;          // stored as [in, out]
    Range rows;
    Range columns;               // all zero for a vector
    std::size_t parameter = 0;   // on the rank that has it
    std::int64_t first_row = 0;  // in Parameter::stored()
    int owner = 0;               // the lowest rank that has it
    [[nodiscard]] at::Tensor of_part(std::span<const at::Tensor> parts) const;
    [[nodiscard]] at::Tensor of_whole(const at::Tensor& whole) const;
    // The shape as a checkpoint stores it.
    [[nodiscard]] std::vector<std::int64_t> stored_shape() const;
  };
  [[nodiscard]] std::string describe() const;
  static std::vector<Block> described(int rank, const std::string& text);

  comm::Communicator& world_;
  std::vector<Block> mine_;
  std::vector<Block> owned_;  // every block once, by owner
};

}  // namespace incipit::model
